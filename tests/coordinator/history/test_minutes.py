from collections import Counter

import pytest

from coordinator.clock import DAY_MS
from coordinator.history.figures import ALL, FIVE_MINUTES_MS, HOUR_MS, MINUTE_MS, Key, WorkerKey
from coordinator.history.minutes import MOST_REFUSALS, Minutes, Seen

HOUR = 500_000 * HOUR_MS
ONE = Seen(workers=2, ready=2, slots=4, busy=1, waiting=3)
NONE = Seen(0, 0, 0, 0, 0)


def hour(minutes: Minutes, model: str = "m", at_ms: int = HOUR) -> Counter[str]:
    return Counter(minutes.taken().models.get(Key(HOUR_MS, model, at_ms), {}))


def test_a_minute_is_counted_once_by_its_last_look() -> None:
    minutes = Minutes()
    assert not minutes.look(HOUR + 1, {"m": ONE, ALL: ONE})
    assert not minutes.look(HOUR + 50_000, {"m": Seen(1, 1, 2, 0, 0), ALL: ONE})
    assert minutes.look(HOUR + MINUTE_MS, {"m": NONE, ALL: NONE})
    assert hour(minutes) == Counter(workers=1, ready=1, slots=2, up=1)


def test_a_process_that_dies_in_a_minute_leaves_it_to_the_next() -> None:
    dead, next_one = Minutes(), Minutes()
    dead.look(HOUR + 1, {ALL: ONE})
    next_one.look(HOUR + 40_000, {ALL: ONE})
    next_one.look(HOUR + MINUTE_MS, {ALL: ONE})
    assert hour(dead, ALL) == Counter()
    assert hour(next_one, ALL)["workers"] == 2


def test_a_model_is_up_in_a_minute_in_which_any_look_found_it_so() -> None:
    minutes = Minutes()
    looks = [(5, ONE), (30, NONE), (65, NONE), (125, ONE), (185, NONE)]
    for seconds, seen in looks:
        minutes.look(HOUR + seconds * 1000, {"m": seen, ALL: ONE})
    sums = minutes.taken().models
    assert sums[Key(HOUR_MS, "m", HOUR)]["up"] == 0b101
    assert sums[Key(HOUR_MS, ALL, HOUR)]["measured"] == 0b111
    assert sums[Key(FIVE_MINUTES_MS, "m", HOUR)]["up"] == 0b101


def test_a_minute_goes_to_the_row_of_its_own_hour() -> None:
    minutes = Minutes()
    for minute in range(59, 62):
        minutes.look(HOUR + minute * MINUTE_MS, {"m": ONE, ALL: ONE})
    sums = minutes.taken().models
    assert sums[Key(HOUR_MS, "m", HOUR)]["up"] == 1 << 59
    assert sums[Key(HOUR_MS, "m", HOUR + HOUR_MS)]["up"] == 1
    assert sums[Key(FIVE_MINUTES_MS, "m", HOUR + 55 * MINUTE_MS)]["up"] == 1 << 4


def test_what_slept_or_whose_clock_was_set_counts_no_minute_that_it_did_not_see() -> None:
    minutes = Minutes()
    minutes.look(HOUR, {ALL: ONE})
    minutes.look(HOUR + 20 * MINUTE_MS, {ALL: ONE})
    minutes.look(HOUR + 3 * MINUTE_MS, {ALL: ONE})
    minutes.look(HOUR + 4 * MINUTE_MS, {ALL: ONE})
    assert hour(minutes, ALL)["measured"] == 1 | 1 << 20 | 1 << 3


def test_the_longest_queue_is_kept_and_all_else_is_added() -> None:
    minutes = Minutes()
    for minute, waiting in enumerate((3, 7, 5, 0)):
        minutes.look(HOUR + minute * MINUTE_MS, {"m": Seen(1, 1, 2, 2, waiting), ALL: ONE})
    counted = hour(minutes)
    assert (counted["waiting"], counted["waiting_most"], counted["busy"]) == (15, 7, 6)


def test_what_was_taken_is_not_taken_again() -> None:
    minutes = Minutes()
    minutes.look(HOUR, {ALL: ONE})
    minutes.look(HOUR + MINUTE_MS, {ALL: ONE})
    assert hour(minutes, ALL)["workers"] == 2
    assert hour(minutes, ALL) == Counter()


@pytest.mark.parametrize(
    ("code", "column"),
    [
        ("no_worker", "no_worker"),
        ("queue_full", "turned_away"),
        ("queue_timeout", "turned_away"),
        ("overloaded", "turned_away"),
        ("cancelled", "gave_up"),
        ("deadline_exceeded", "gave_up"),
    ],
)
def test_what_could_not_be_served_is_counted_of_the_model_and_of_the_network(code: str, column: str) -> None:
    minutes = Minutes()
    minutes.refused(HOUR, "m", "acc", code)
    sums = minutes.taken().models
    assert sums[Key(HOUR_MS, "m", HOUR)] == sums[Key(HOUR_MS, ALL, HOUR)] == Counter({column: 1})


def test_what_is_the_clients_own_fault_and_a_coordinator_that_ends_are_no_demand() -> None:
    minutes = Minutes()
    for code in ("poison_request", "shutting_down", "context_length_exceeded"):
        minutes.refused(HOUR, "m", "acc", code)
    assert minutes.taken().models == {}


def test_an_account_that_asks_again_and_again_makes_no_model_wanted() -> None:
    minutes = Minutes()
    for second in range(40):
        minutes.refused(HOUR + second * 1000, "m", "eager", "no_worker")
    minutes.refused(HOUR, "m", "another", "no_worker")
    minutes.refused(HOUR + MINUTE_MS, "m", "eager", "no_worker")
    assert hour(minutes)["no_worker"] == MOST_REFUSALS + 1 + 1


def test_a_refusal_that_comes_first_in_a_minute_does_not_hide_its_beginning() -> None:
    minutes = Minutes()
    minutes.look(HOUR, {"m": ONE, ALL: ONE})
    minutes.refused(HOUR + MINUTE_MS, "n", "acc", "no_worker")
    assert minutes.look(HOUR + MINUTE_MS + 1, {ALL: ONE})
    assert hour(minutes)["workers"] == 2


def test_workers_are_counted_for_ten_minutes_at_a_time() -> None:
    minutes = Minutes()
    minutes.workers(HOUR, [("acc/a", True), ("acc/b", False)])
    minutes.workers(HOUR + 600_000, [("acc/a", False)])
    day = HOUR // DAY_MS
    assert minutes.taken().workers == {
        WorkerKey("acc/a", day): Counter(online=20, ready=10),
        WorkerKey("acc/b", day): Counter(online=10, ready=0),
    }
