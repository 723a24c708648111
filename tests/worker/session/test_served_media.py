"""What is offered of a pipeline, before and after it is loaded."""

from dataclasses import replace

from tests.worker.session.drawing import OFFER, READY, P
from wire.offers import ModelState
from worker.session.served_media import ServedMedia
from worker.session.slots import JobKey, Slots


def test_a_pipeline_says_what_is_free_only_while_it_is_ready_and_stays() -> None:
    served = ServedMedia(OFFER, Slots(1))
    assert served.state(draining=False) == ModelState(id=P, status="loading", slots=1, free=0)
    served.status = "ready"
    assert served.state(draining=False).free == 1 and served.state(draining=True).free == 0
    served.slots.lease(JobKey("a", 1))
    assert served.state(draining=False).free == 0


def test_once_loaded_no_more_is_offered_than_it_can_and_its_owner_wishes() -> None:
    served = ServedMedia(OFFER.model_copy(update={"modes": ("generate_image",)}), Slots(1))
    assert not served.loaded(READY), "nothing to say anew"
    assert served.offer.modes == ("generate_image",), "the owner wants no edits"
    assert served.loaded(replace(READY, max_pixels=512 * 512)) and served.offer.max_pixels == 512 * 512
    assert served.loaded(READY) and served.offer.max_pixels == 1024 * 1024, "a new life may have more room"
    assert served.loaded(replace(READY, modes=())) and not served.offer.modes
