from wire.offers import ModelOffer, ModelState
from worker.session.served_model import ServedModel
from worker.session.slots import JobKey, Slots


def test_a_model_says_what_is_free_only_while_it_is_ready_and_stays() -> None:
    served = ServedModel(ModelOffer(id="m", context=8, slots=4), Slots(4))
    assert served.state(draining=False) == ModelState(id="m", status="loading", slots=4, free=0)
    served.status = "ready"
    served.slots.lease(JobKey("a", 1))
    assert served.state(draining=False).free == 3
    assert served.state(draining=True).free == 0


def test_fewer_slots_offered_than_held_are_none_free_and_no_lease_is_lost() -> None:
    served = ServedModel(ModelOffer(id="m", context=8, slots=4), Slots(4), "ready")
    keys = [JobKey(name, 1) for name in "abc"]
    for key in keys:
        served.slots.lease(key)
    served.slots.offered = 1
    assert served.state(draining=False) == ModelState(id="m", status="ready", slots=1, free=0)
    assert not served.slots.lease(JobKey("d", 1)) and served.slots.held == 3
    for key in keys:
        served.slots.release(key)
    assert served.state(draining=False).free == 1


def test_the_offer_says_that_the_loaded_model_sees_and_takes_it_back() -> None:
    served = ServedModel(ModelOffer(id="m", context=8, slots=4, features=("thinking",)), Slots(4))
    assert not served.seen(None)
    assert served.seen(140.0)
    assert (served.offer.features, served.offer.image_ms) == (("thinking", "vision"), 140.0)
    assert not served.seen(150.0) and served.offer.image_ms == 140.0, "no new Hello for a few milliseconds"
    assert served.seen(None)
    assert served.offer == ModelOffer(id="m", context=8, slots=4, features=("thinking",))
