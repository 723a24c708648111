"""What a coordinator says of its workers to others."""

from coordinator.dispatch.overview import MOST_KINDS, ModelStock, stock, stocks
from tests.coordinator.dispatch.driver import Driver, M, speed
from wire.offers import ModelOffer


def seen(driver: Driver) -> ModelStock:
    return stock(driver.dispatch._state, M, driver.now)


def test_workers_that_can_do_the_same_are_one_kind() -> None:
    driver = Driver()
    driver.join("w1", slots=2)
    driver.join("w2", slots=3)
    (kind,) = seen(driver).kinds
    assert (kind.workers, kind.offering, kind.slots, kind.free) == (2, 2, 5, 5)
    driver.submit()
    assert (seen(driver).slots, seen(driver).free, seen(driver).waiting) == (5, 4, 0)


def test_a_model_that_is_only_loading_has_no_free_slot_but_is_offered() -> None:
    driver = Driver()
    driver.join("w1", slots=2)
    driver.capacity("w1", free=0, status="loading")
    (kind,) = seen(driver).kinds
    assert (kind.workers, kind.offering, kind.free) == (0, 1, 0)


def test_who_rests_has_nothing_free_until_its_test() -> None:
    driver = Driver()
    driver.join("w1", slots=2)
    driver.submit()
    driver.accepts()
    driver.fails()
    driver.capacity("w1", 2)
    (kind,) = seen(driver).kinds
    assert (kind.workers, kind.offering, kind.slots, kind.free) == (1, 0, 2, 0)
    driver.passes(16, alive=("w1",))
    driver.passes_test()
    driver.capacity("w1", 2)
    (kind,) = seen(driver).kinds
    assert kind.offering == 1 and kind.free > 0


def test_one_whose_last_worker_has_just_left_is_told_of_for_a_while() -> None:
    driver = Driver()
    driver.join("w1")
    driver.drops("w1", resumable=False)
    (one,) = stocks(driver.dispatch._state, driver.now)
    assert (one.model, one.kinds, one.recent) == (M, (), True)
    driver.passes(20)
    assert stocks(driver.dispatch._state, driver.now) == ()


def test_a_crowd_of_kinds_is_cut_to_those_with_the_most_slots() -> None:
    driver = Driver()
    for number in range(MOST_KINDS + 3):
        driver.join(f"w{number}", slots=1 + number, context=4096 + number)
    kinds = seen(driver).kinds
    assert len(kinds) == MOST_KINDS and min(kind.slots for kind in kinds) == 4


def test_a_speed_that_was_not_borne_out_is_not_told_on() -> None:
    """Before, other cells sent their jobs to whoever claimed the most, whatever had been seen of it here."""
    driver = Driver()
    driver.join("liar", speed=speed(1e9, 1e9))
    (liar,) = driver.dispatch.workers
    replica = liar.replicas[M]
    replica.slowness, replica.slowness_at = 1e9, driver.now
    (kind,) = seen(driver).kinds
    assert isinstance(kind.offer, ModelOffer) and kind.offer.speed[0].decode_tps < 1.0
