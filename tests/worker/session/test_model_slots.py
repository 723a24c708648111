from wire.messages import ModelOffer, ModelState
from worker.session.model_slots import Served
from worker.session.slots import JobKey, Slots


def test_a_model_says_what_is_free_only_while_it_is_ready_and_stays() -> None:
    served = Served(ModelOffer(id="m", context=8, slots=4), Slots(4))
    assert served.state(draining=False) == ModelState(id="m", status="loading", slots=4, free=0)
    served.status = "ready"
    served.slots.lease(JobKey("a", 1))
    assert served.state(draining=False).free == 3
    assert served.state(draining=True).free == 0


def test_fewer_slots_offered_than_held_are_none_free_and_nobody_loses_his() -> None:
    served = Served(ModelOffer(id="m", context=8, slots=4), Slots(4), "ready")
    keys = [JobKey(name, 1) for name in "abc"]
    for key in keys:
        served.slots.lease(key)
    served.slots.offered = 1
    assert served.state(draining=False) == ModelState(id="m", status="ready", slots=1, free=0)
    assert not served.slots.lease(JobKey("d", 1)) and served.slots.held == 3
    for key in keys:
        served.slots.release(key)
    assert served.state(draining=False).free == 1
