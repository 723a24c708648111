"""Frames of no use are borne up to a bound, from every socket and from every account."""

from coordinator.admission.useless_frames import (
    ACCOUNT_BYTES_PER_S,
    ACCOUNT_MOST_BYTES,
    BYTES_PER_S,
    FIRST_WAIT_S,
    FORGOTTEN_AFTER_S,
    LONGEST_WAIT_S,
    MOST_BYTES,
    AccountBudgets,
    Waits,
    useless_share,
)
from program.allowance import Allowance
from program.useless_frames import UselessFrames
from wire.messages import Accepted, Capacity, Delta, Deltas


def test_heartbeats_of_an_honest_worker_never_add_up() -> None:
    socket = UselessFrames(Allowance(MOST_BYTES, BYTES_PER_S, 0.0).take)
    assert not any(socket.valid(4000, 1.0, now * 0.1) for now in range(36_000))  # ten a second, for an hour


def test_an_account_waits_longer_each_time_and_is_forgiven_in_the_end() -> None:
    waits, now = Waits(), 100.0
    for expected in (FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S):
        waits.begin("liar", now)
        assert waits.left_s("liar", now) == expected
        waits.begin("liar", now)  # another socket, open since before
        assert waits.left_s("liar", now) == expected
        now += expected
    assert waits.left_s("liar", now) == 0.0 == waits.left_s("honest", now)
    for _ in range(20):
        waits.begin("liar", now)
        now += waits.left_s("liar", now)
    waits.begin("liar", now)
    assert waits.left_s("liar", now) == LONGEST_WAIT_S
    now += LONGEST_WAIT_S + FORGOTTEN_AFTER_S + 1
    waits.begin("liar", now)
    assert waits.left_s("liar", now) == FIRST_WAIT_S


def test_what_of_a_frame_was_of_no_use() -> None:
    four = Deltas(items=tuple(Delta(job="j", attempt=1, seq=n) for n in range(4)))
    assert [useless_share(four, useless) for useless in (0, 1, 4)] == [0, 0.25, 1]
    accepted = Accepted(job="j", attempt=1)
    assert [useless_share(accepted, useless) for useless in (0, 1)] == [0, 1]
    assert useless_share(Deltas(items=()), 0) == useless_share(Capacity(), 0) == 1


def test_sockets_of_an_account_share_one_budget_and_other_accounts_have_their_own() -> None:
    budgets, borne = AccountBudgets(), 0
    for n in range(100):  # each a second after the last, and closed before it has spent its own
        socket = budgets.of_socket("flooder", float(n))
        size = MOST_BYTES // 2
        borne += size if socket.valid(size, 1.0, float(n)) is None else 0
    assert ACCOUNT_MOST_BYTES < borne < ACCOUNT_MOST_BYTES + 100 * ACCOUNT_BYTES_PER_S
    assert budgets.of_socket("honest", 99.0).valid(MOST_BYTES // 2, 1.0, 99.0) is None


def test_the_workers_of_a_large_account_say_how_they_are_for_an_hour() -> None:
    budgets = AccountBudgets()
    sockets = [budgets.of_socket("farm", 0.0) for _ in range(256)]
    for now in range(0, 3600, 5):
        assert not any(socket.valid(1000, 1.0, float(now)) for socket in sockets)
