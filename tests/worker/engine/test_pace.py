"""Slices by time, on machines whose rows cost what the test says."""

from collections.abc import Callable

import pytest

from worker.engine.pace import AIM, FIRST_ROWS, LEAST_ROWS, Pace

LIMIT_S = 0.5
BATCH = 512


def read(pace: Pace, tokens: int, seconds: Callable[[int, int], float], begin: int = 0) -> list[tuple[int, float]]:
    """Rows and seconds of each step until a prompt is read, where `rows` at `depth` take `seconds(depth, rows)`."""
    steps = []
    depth = begin
    while depth < tokens:
        rows = min(pace.rows(depth), tokens - depth)
        steps.append((rows, seconds(depth, rows)))
        pace.took(depth, *steps[-1])
        depth += rows
    return steps


def small_cpu(depth: int, rows: int) -> float:
    """As measured with SmolLM2, one thread, beside four streams."""
    return 0.06 + rows * (0.008 + 0.000_004 * depth)


def test_no_step_is_longer_than_it_may_be_and_few_are_much_shorter() -> None:
    steps = read(Pace(LIMIT_S, BATCH), 6000, small_cpu)
    assert max(took for _, took in steps) < LIMIT_S
    assert sum(took for _, took in steps) / len(steps) > 0.65 * LIMIT_S
    assert steps[-2][0] < steps[5][0] / 2, "the deeper the prompt, the dearer a row"


def test_a_fast_machine_reads_whole_batches() -> None:
    steps = read(Pace(LIMIT_S, BATCH), 20_000, lambda _, rows: 0.01 + rows / 10_000)
    assert [rows for rows, _ in steps[:5]] == [FIRST_ROWS, 64, 128, 256, BATCH]
    assert sum(rows == BATCH for rows, _ in steps) > 0.7 * len(steps), "the first step of each depth is a careful one"


def test_where_nothing_is_quick_enough_a_prompt_still_advances() -> None:
    steps = read(Pace(LIMIT_S, BATCH), 1000, lambda _, rows: 1.0 + rows)
    assert {rows for rows, _ in steps[1:-1]} == {LEAST_ROWS}


def test_a_batch_smaller_than_the_least_slice_is_filled() -> None:
    assert Pace(LIMIT_S, 4).rows(0) == 4


def test_a_depth_not_seen_yet_is_judged_with_care() -> None:
    """A conversation of 6,000 tokens goes on, and only short prompts have been read so far."""
    pace = Pace(LIMIT_S, BATCH)
    read(pace, 1000, small_cpu)
    steps = read(pace, 8000, small_cpu, begin=6000)
    assert max(took for _, took in steps) < LIMIT_S


def test_a_slow_step_is_answered_at_once_and_forgotten_soon() -> None:
    pace = Pace(LIMIT_S, BATCH)
    read(pace, 500, small_cpu)
    usual = pace.rows(500)
    pace.took(500, usual, 3 * AIM * LIMIT_S)
    assert pace.rows(500) <= usual // 9 + LEAST_ROWS
    read(pace, 1000, small_cpu, begin=512)
    read(pace, 500, small_cpu)
    assert pace.rows(500) == usual


def test_a_step_that_was_not_full_says_nothing_unless_it_was_too_long() -> None:
    pace = Pace(LIMIT_S, BATCH)
    read(pace, 500, small_cpu)
    usual = pace.rows(0)
    pace.took(0, 3, 0.36)
    assert pace.rows(0) == usual
    pace.took(0, 3, 0.6)
    assert pace.rows(0) == LEAST_ROWS


@pytest.mark.parametrize("now", [1.0, 100.0])
def test_a_step_lasts_from_its_begin_to_its_end(now: float) -> None:
    told, timed = Pace(LIMIT_S, BATCH), Pace(LIMIT_S, BATCH)
    told.took(0, FIRST_ROWS, 0.25)
    timed.began(0, FIRST_ROWS, now)
    timed.ended(now + 0.25)
    timed.ended(now + 50)  # a step in which nothing was read
    assert timed.rows(0) == told.rows(0) != FIRST_ROWS


def test_where_one_row_was_timed_the_first_step_is_no_longer_than_it_may_be() -> None:
    row_s = small_cpu(0, 1)
    steps = read(Pace(5.0, BATCH, row_s), 6000, small_cpu)
    assert steps[0][0] == int(5.0 * AIM / row_s)
    assert max(took for _, took in steps) < 5.0
    assert steps[3][0] > 2 * steps[0][0], "rows together cost less than rows alone"


def test_a_slice_let_go_to_the_end_of_its_prompt_does_not_shorten_the_next() -> None:
    """`batch` lets a slice be a third longer if that ends a prompt: the limit holds, so no fault is found in it."""
    pace = Pace(LIMIT_S, BATCH)
    read(pace, 500, small_cpu)
    usual = pace.rows(0)
    pace.took(0, usual * 4 // 3, 0.97 * LIMIT_S)
    assert pace.rows(0) >= usual


def test_a_step_that_failed_teaches_nothing() -> None:
    pace = Pace(1.0, 512)
    pace.began(0, FIRST_ROWS, 1.0)
    pace.failed()
    pace.ended(1.01)
    assert pace.rows(0) == FIRST_ROWS
