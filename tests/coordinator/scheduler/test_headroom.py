from coordinator.scheduler.headroom import EXPECTED_S, Headroom, crowds, reserve
from coordinator.scheduler.state import Lease


def test_one_slot_of_sixteen_is_left_free_and_four_at_most() -> None:
    assert [reserve(slots) for slots in (1, 15, 16, 32, 64, 10_000)] == [0, 0, 1, 2, 4, 4]


def test_an_account_crowds_if_it_holds_what_one_more_would_need() -> None:
    assert crowds(held=16, accounts=1, slots=32) and not crowds(held=15, accounts=1, slots=32)
    assert crowds(held=11, accounts=2, slots=32) and not crowds(held=10, accounts=2, slots=32)
    assert not crowds(held=0, accounts=500, slots=32)


def lease(job: str, account: str) -> Lease:
    return Lease(job, 1, "w", "m", account, since=0)


def test_an_account_owes_room_while_it_crowds_and_others_have_come_lately() -> None:
    headroom = Headroom()
    held = [lease(f"j{n}", "crowd") for n in range(16)]
    for each in held:
        headroom.take(each, 0)
    assert headroom.owed("crowd", "m", 17, 0) == 0, "it is alone"
    guest = lease("guest", "another")
    headroom.take(guest, 0)
    headroom.give_back(guest)
    assert headroom.owed("crowd", "m", 17, 0) == 1
    assert headroom.owed("another", "m", 17, 0) == 0
    assert headroom.owed("crowd", "m", 17, EXPECTED_S) == 0, "nobody else has come for ten minutes"
    for each in held:
        headroom.give_back(each)
    assert headroom.owed("crowd", "m", 17, 0) == 0
