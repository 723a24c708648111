"""The offer that stands: readings that are too old say nothing, and what stood before is told with what stands now."""

from worker.daemon.current_offer import STALE_S, CurrentOffer
from worker.machine.availability import Rules, SlotOffer
from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse

HOT = (Reading("RTX", 24, 12, temperature_c=90.0),)


def test_what_stood_before_comes_with_what_stands_now() -> None:
    offer = CurrentOffer(Rules(), 4, OwnersUse(), paused=False)
    assert offer.decide(100.0, busy=False) == (SlotOffer(4), SlotOffer(4))
    offer.paused = True
    before, now = offer.decide(102.0, busy=False)
    assert (before, now.slots, now.reason) == (SlotOffer(4), 0, "paused")
    assert offer.now is now


def test_old_readings_say_nothing() -> None:
    offer = CurrentOffer(Rules(max_temperature_c=80), 4, OwnersUse(), paused=False)
    assert offer.readings(100.0) == ()
    offer.sensed(HOT, 100.0)
    assert offer.readings(100.0 + STALE_S - 1) == HOT
    assert offer.readings(100.0 + STALE_S) == ()
    assert offer.decide(100.0 + STALE_S, busy=False)[1] == SlotOffer(4)
    offer.sensed(HOT, 200.0)
    assert offer.decide(201.0, busy=False)[1].reason == "too_hot"
