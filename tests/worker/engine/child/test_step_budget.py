"""Slices by time, on machines that are made up: a step costs what the test says."""

import random
from collections.abc import Callable
from statistics import fmean, median

import pytest

from worker.engine.child.step_budget import AIM, StepBudget, WarmUpTimes

LIMIT_S = 0.5
BATCH = 512
LEAST = 8
Seconds = Callable[[int, int], float]  # of a step, by the depth and the rows of its prompt


def times(seconds: Seconds, least: int = LEAST) -> WarmUpTimes:
    """As it is timed before the first step, when no streams have their rows in it."""
    long_s = seconds(0, BATCH) - seconds(0, 0)
    return WarmUpTimes(long_s / BATCH, least, long_s)


def budgeted(seconds: Seconds, limit_s: float = LIMIT_S, **more: int) -> StepBudget:
    return StepBudget(limit_s, BATCH, times(seconds), **more)


def decode(budget: StepBudget, seconds: Seconds, steps: int = 12) -> None:
    """Steps of streams alone."""
    for _ in range(steps):
        budget.record(0, 0, seconds(0, 0))


def read(budget: StepBudget, tokens: int, seconds: Seconds, begin: int = 0) -> list[tuple[int, float]]:
    """Rows and seconds of each step until a prompt is read."""
    steps = []
    depth = begin
    while depth < tokens:
        rows = min(budget.room(depth).rows, tokens - depth)
        steps.append((rows, seconds(depth, rows)))
        budget.record(depth, *steps[-1])
        depth += rows
    return steps


def speed(steps: list[tuple[int, float]]) -> float:
    """Prompt tokens per second."""
    return sum(rows for rows, _ in steps) / sum(took for _, took in steps)


def small_cpu(depth: int, rows: int) -> float:
    """As measured with SmolLM2, one thread, beside four streams."""
    return 0.06 + rows * (0.008 + 0.000_004 * depth)


def slow_cpu(depth: int, rows: int) -> float:
    """Its streams' rows alone take most of what a step may."""
    return 0.35 + rows * 0.012


def crowded(depth: int, rows: int) -> float:
    """So many streams that a step is too long without any prompt."""
    return 1.0 + rows * 0.001


def gpu(depth: int, rows: int) -> float:
    return 0.01 + rows * (0.000_06 + depth * 2e-9)


def experts_in_main_memory(depth: int, rows: int) -> float:
    return 0.05 + (rows * 0.009 if rows < 32 else 1.3 + rows * 0.0003)


def noisy(seconds: Seconds, factor: float, spread: float, spikes: float) -> Seconds:
    """The same beside other programs."""
    draw = random.Random(5)

    def busy(depth: int, rows: int) -> float:
        spike = 5 if draw.random() < spikes else 1
        return seconds(depth, rows) * factor * draw.lognormvariate(0, spread) * spike

    return busy


def test_no_step_is_longer_than_it_may_be_and_few_are_much_shorter() -> None:
    steps = read(budgeted(small_cpu), 6000, small_cpu)
    assert max(took for _, took in steps) < LIMIT_S
    assert fmean(took for _, took in steps) > 0.65 * LIMIT_S
    assert steps[-2][0] < steps[5][0] / 2, "the deeper the prompt, the dearer a row"


def test_a_fast_machine_reads_whole_batches_from_the_first_step_on() -> None:
    assert {rows for rows, _ in read(budgeted(gpu), 512 * 60, gpu)} == {BATCH}


def test_where_nothing_is_quick_enough_a_prompt_still_advances() -> None:
    steps = read(budgeted(lambda _, rows: 1.0 + rows), 1000, lambda _, rows: 1.0 + rows)
    assert {rows for rows, _ in steps} == {LEAST}


def test_a_slice_is_not_smaller_than_where_its_rows_are_dear() -> None:
    budget = StepBudget(LIMIT_S, BATCH, WarmUpTimes(1.0, 32))
    assert budget.room(0).rows == 32


def test_a_batch_smaller_than_the_least_slice_is_filled() -> None:
    assert StepBudget(LIMIT_S, 4, WarmUpTimes(1.0, LEAST)).room(0).rows == 4


def test_a_depth_not_seen_yet_is_judged_with_care() -> None:
    """A conversation of 6,000 tokens goes on, and only short prompts have been read so far."""
    budget = budgeted(small_cpu)
    read(budget, 1000, small_cpu)
    steps = read(budget, 8000, small_cpu, begin=6000)
    assert max(took for _, took in steps) < LIMIT_S


# ---- the floor of a step


@pytest.mark.parametrize("machine", [slow_cpu, crowded])
def test_a_floor_is_not_answered_with_smaller_slices(machine: Seconds) -> None:
    """The prompt's rows keep the quarter of the limit that the aim leaves free."""
    budget = budgeted(machine)
    decode(budget, machine)
    steps = read(budget, 4000, machine)
    share = (1 - AIM) * LIMIT_S
    assert median(rows for rows, _ in steps) >= 0.9 * share / (machine(0, 1) - machine(0, 0))
    assert max(took for _, took in steps) < max(LIMIT_S, machine(0, 0) + 1.2 * share)


def test_a_floor_that_wavers_does_not_starve_a_prompt() -> None:
    """What one row costs is a thousandth of the step then, and far below its noise."""
    busy = noisy(crowded, 1.0, 0.15, 0.0)
    budget = budgeted(crowded)
    decode(budget, busy)
    assert speed(read(budget, 10_000, busy)) > 50, "9 with slices of 8 rows"


def test_a_floor_measured_at_a_busy_moment_is_believed_until_steps_are_shorter() -> None:
    budget = budgeted(small_cpu)
    decode(budget, lambda depth, rows: 10 * small_cpu(depth, rows))
    steps = read(budget, 2000, small_cpu)
    assert max(took for _, took in steps[4:]) <= LIMIT_S * 1.4
    assert speed(steps[4:]) > 0.8 * speed(read(budgeted(small_cpu), 2000, small_cpu)[4:])


# ---- a busy machine


def test_one_slow_step_changes_nothing() -> None:
    budget = budgeted(small_cpu)
    read(budget, 500, small_cpu)
    usual = budget.room(0).rows
    budget.record(0, usual, 5 * LIMIT_S)
    assert budget.room(0).rows >= 0.9 * usual


def test_slow_steps_are_answered_and_forgotten_soon() -> None:
    budget = budgeted(small_cpu)
    read(budget, 500, small_cpu)
    usual = budget.room(0).rows
    for _ in range(5):
        budget.record(0, budget.room(0).rows, 4 * small_cpu(0, budget.room(0).rows))
    assert budget.room(0).rows < usual / 3
    steps = read(budget, 500, small_cpu)
    steps += read(budget, 500, small_cpu)
    assert budget.room(0).rows > 0.9 * usual
    assert max(took for _, took in steps) < LIMIT_S


@pytest.mark.parametrize(("machine", "tokens"), [(small_cpu, 6000), (gpu, 100_000)])
def test_beside_other_programs_a_prompt_is_read_as_quickly_as_they_leave_it(machine: Seconds, tokens: int) -> None:
    quiet, busy, slower = budgeted(machine), budgeted(machine), noisy(machine, 1.5, 0.25, 0.03)
    decode(quiet, machine)
    decode(busy, slower)
    steps = read(busy, tokens, slower)
    unavoidable = 1.5 * (1 + 4 * 0.03)
    assert speed(steps) > speed(read(quiet, tokens, machine)) / unavoidable / 1.3
    assert sum(took > LIMIT_S for _, took in steps) < 0.25 * len(steps)


def test_a_step_far_from_full_says_nothing_unless_it_was_too_long() -> None:
    budget = budgeted(small_cpu)
    read(budget, 500, small_cpu)
    usual = budget.room(0).rows
    budget.record(0, 3, 0.36)
    assert budget.room(0).rows == usual
    for _ in range(6):
        budget.record(0, 3, 0.6)
    assert budget.room(0).rows == LEAST


def test_a_slice_let_go_to_the_end_of_its_prompt_does_not_shorten_the_next() -> None:
    """A slice may be a third longer if that ends a prompt: its rows cost no more for it."""
    budget = budgeted(small_cpu)
    read(budget, 500, small_cpu)
    usual = budget.room(0)
    assert usual.ending == pytest.approx(usual.rows / AIM, abs=1)
    budget.record(0, usual.ending, small_cpu(0, usual.ending))
    assert budget.room(0).rows >= usual.rows - 1


# ---- weights that are copied to a GPU for each batch


@pytest.fixture
def copying() -> Callable[[float], StepBudget]:
    few_s = experts_in_main_memory(0, 16) / 16
    long_s = experts_in_main_memory(0, BATCH)
    return lambda limit_s: StepBudget(limit_s, BATCH, WarmUpTimes(few_s, LEAST, long_s), whole_from=32)


def test_beside_streams_slices_stay_below_the_size_that_is_copied_for(copying: Callable[[float], StepBudget]) -> None:
    budget = copying(LIMIT_S)
    decode(budget, experts_in_main_memory)
    steps = read(budget, 3000, experts_in_main_memory)
    assert max(took for _, took in steps) < LIMIT_S
    assert max(rows for rows, _ in steps) > 24
    assert budget.room(0, streams=8).ending == 23, "the streams' rows are in the same batch"


def test_alone_a_prompt_is_read_in_whole_batches(copying: Callable[[float], StepBudget]) -> None:
    budget = copying(5.0)
    read(budget, 100, experts_in_main_memory)
    steps = read(budget, 8000, experts_in_main_memory, begin=3000)
    assert {rows for rows, _ in steps[:-1]} == {BATCH}


def test_whole_batches_come_back_after_a_busy_moment(copying: Callable[[float], StepBudget]) -> None:
    budget = copying(5.0)
    for _ in range(4):
        budget.record(0, BATCH, 20.0)
    assert budget.room(0).rows < 32
    read(budget, 4000, experts_in_main_memory)
    assert budget.room(0).rows == BATCH
