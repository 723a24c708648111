import pytest

from worker.session.slots import JobKey, Slots

A, B = JobKey("a", 1), JobKey("b", 1)


def test_a_slot_is_leased_until_it_is_released() -> None:
    slots = Slots(1)
    assert slots.lease(A)
    assert not slots.lease(B)
    slots.release(A)
    assert slots.free == 1
    assert slots.lease(B)


def test_taking_twice_or_giving_back_twice_is_a_bug() -> None:
    slots = Slots(2)
    slots.lease(A)
    with pytest.raises(ValueError, match=r"a\.1"):
        slots.lease(A)
    slots.release(A)
    with pytest.raises(KeyError):
        slots.release(A)


def test_another_attempt_at_the_same_job_is_another_lease() -> None:
    slots = Slots(2)
    assert slots.lease(A) and slots.lease(JobKey("a", 2))
    assert slots.free == 0


def test_a_key_comes_back_from_the_name_that_the_engine_knows() -> None:
    for key in (A, JobKey("dots.in.it", 12)):
        assert JobKey.parse(str(key)) == key
