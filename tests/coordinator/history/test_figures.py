import random
from collections import Counter

import pytest

from coordinator.clock import DAY_MS
from coordinator.history.figures import (
    ALL,
    BOUNDS,
    FIVE_MINUTES_MS,
    HOUR_MS,
    KEPT_MS,
    Key,
    WorkerKey,
    bucket,
    fold,
    of_row,
    percentile,
)
from coordinator.store.history_tables import BUCKETS, HISTOGRAMS, history
from tests.coordinator.history.month import NOW_MS, made_up
from tests.coordinator.ledger.builders import Client, usage

ME = Client("acc", "key")


def test_every_histogram_has_a_column_for_each_of_its_buckets() -> None:
    assert set(BOUNDS) == set(HISTOGRAMS)
    for name, bounds in BOUNDS.items():
        assert len(bounds) == BUCKETS - 1 and list(bounds) == sorted(set(bounds))
        assert {bucket(name, value) for value in (0, *bounds, bounds[-1] + 1)} <= set(history.c.keys())


def test_a_row_is_in_the_sums_of_its_hour_and_its_five_minutes_of_its_model_and_of_the_network() -> None:
    at_ms = NOW_MS - 3 * HOUR_MS
    sums = fold([usage(ME, "a", 5, at_ms), usage(ME, "b", 5, at_ms, model="n")], NOW_MS)
    hour, five = at_ms - at_ms % HOUR_MS, at_ms - at_ms % FIVE_MINUTES_MS
    assert set(sums.models) == {
        Key(step, model, at) for step, at in ((HOUR_MS, hour), (FIVE_MINUTES_MS, five)) for model in ("m", "n", ALL)
    }
    assert sums.models[Key(HOUR_MS, ALL, hour)]["requests"] == 2
    assert sums.workers == {WorkerKey("acc/w", at_ms // DAY_MS): Counter(requests=2, prompt=20, completion=6)}


def test_what_is_too_old_to_be_kept_is_in_no_sum() -> None:
    two_days = fold([usage(ME, "a", 5, NOW_MS - KEPT_MS[FIVE_MINUTES_MS])], NOW_MS)
    assert {key.step for key in two_days.models} == {HOUR_MS}
    assert fold([usage(ME, "a", 5, NOW_MS - KEPT_MS[HOUR_MS])], NOW_MS).models == {}


@pytest.mark.parametrize(
    ("finish", "column"),
    [
        ("stop", None),
        ("length", None),
        ("tool_calls", None),
        ("cancelled", "cancelled"),
        ("deadline_exceeded", "cancelled"),
        ("invalid_api_key", "cancelled"),
        ("poison_request", "faulty"),
        ("context_length_exceeded", "faulty"),
        ("engine_crashed", "failed"),
        ("no_worker", "failed"),
        ("coordinator_lost", "failed"),
        ("a code of a later version", "failed"),
    ],
)
def test_whose_fault_a_failure_was(finish: str, column: str | None) -> None:
    counted = of_row(usage(ME, "a", 5, finish=finish))
    assert [name for name in ("failed", "faulty", "cancelled") if counted.get(name)] == ([column] if column else [])


def test_times_are_those_of_the_row_and_the_speed_is_of_the_tokens_behind_the_first() -> None:
    counted = of_row(usage(ME, "a", 5, completion=101, queued_ms=120, first_token_ms=350, total_ms=2350, attempts=2))
    assert counted["queue_2"] == counted["ttft_4"] == counted["total_9"] == counted["moved"] == 1
    assert counted["speed_10"] == 1, "50 a second"
    assert not any(name.startswith("speed") for name in of_row(usage(ME, "a", 5, completion=2, first_token_ms=5)))


def test_of_what_a_dead_coordinator_left_nobody_knows_the_times() -> None:
    counted = of_row(usage(ME, "a", 5, finish="coordinator_lost", completion=50, first_token_ms=5))
    assert not [name for name in counted if name.partition("_")[0] in HISTOGRAMS]


def test_a_failed_answer_has_a_first_token_but_no_speed() -> None:
    counted = of_row(usage(ME, "a", 5, finish="worker_lost", completion=50, first_token_ms=350, total_ms=1000))
    assert counted["ttft_4"] == 1
    assert not [name for name in counted if name.startswith(("speed", "total_"))]


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_a_percentile_is_in_the_bucket_of_the_true_one(name: str) -> None:
    die = random.Random(name)
    values = sorted(min(die.lognormvariate(4, 1.5), BOUNDS[name][-1]) for _ in range(3000))
    counts = Counter(bucket(name, value) for value in values)
    row = [counts[f"{name}_{place}"] for place in range(BUCKETS)]
    for part in (0.05, 0.5, 0.95):
        told = percentile(name, row, part)
        assert told is not None
        assert bucket(name, told) == bucket(name, values[round(part * len(values)) - 1])


def test_of_nothing_there_is_no_percentile_and_what_is_beyond_the_last_bound_is_told_as_that() -> None:
    assert percentile("ttft", [0] * BUCKETS, 0.5) is None
    assert percentile("ttft", [0] * (BUCKETS - 1) + [3], 0.95) == BOUNDS["ttft"][-1]


def test_the_sums_of_any_parts_are_those_of_the_whole() -> None:
    rows = made_up(ME, 500)
    whole = fold(rows, NOW_MS)
    halves = fold(rows[::2], NOW_MS), fold(rows[1::2], NOW_MS)
    for key, counted in whole.models.items():
        parts = [half.models.get(key, Counter()) for half in halves]
        assert +(parts[0] + parts[1]) == +counted
