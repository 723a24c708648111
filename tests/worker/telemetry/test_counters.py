import pytest

from worker.engine import port
from worker.telemetry.counters import STALLS, Counters, Histogram

M = "m"


def test_a_histogram_counts_each_value_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.add(value)
    assert histogram.counts == [2, 1, 1] and histogram.total == 12.0


def test_a_job_is_timed_from_its_arrival_to_its_first_token() -> None:
    counters = Counters((M,))
    counters.started("a.1", 10.0)
    for now in (10.5, 11.0):
        counters.engine(M, port.Stepped((port.Token("a.1", 1, b"x"),)), now)
    assert counters.models[M].ttft.total == pytest.approx(0.5) and sum(counters.models[M].ttft.counts) == 1


def test_an_end_adds_what_the_engine_counted() -> None:
    counters = Counters((M,))
    usage = port.JobUsage(prompt=100, cached=60, completion=11, decode_ms=500)
    counters.engine(M, port.Ended("a.1", "stop", usage), 1.0)
    counters.engine(M, port.Ended("b.1", "cancelled", port.JobUsage(prompt=5)), 1.0)
    counts = counters.models[M]
    assert counts.ended == {"stop": 1, "cancelled": 1}
    assert (counts.prompt_tokens, counts.cached_tokens, counts.completion_tokens) == (105, 60, 11)
    assert counts.token_time.total == pytest.approx(0.05) and sum(counts.token_time.counts) == 1


def test_speeds_are_the_growth_between_two_pulses() -> None:
    counters = Counters((M,))
    counters.engine(M, port.Pulse(steps=1, generated_tokens=10, prompt_tokens=100, cached_tokens=50), 1.0)
    counters.engine(M, port.Pulse(steps=9, generated_tokens=60, prompt_tokens=400, cached_tokens=150), 3.0)
    assert (counters.models[M].decode_tps, counters.models[M].prefill_tps) == (25.0, 150.0)
    counters.engine(M, port.Pulse(steps=1, generated_tokens=5), 4.0)  # a new life of the engine counts from 0
    assert counters.models[M].decode_tps == 25.0


def test_pythons_share_is_that_of_the_steps_between_two_pulses() -> None:
    counters = Counters((M,))
    counters.engine(M, port.Pulse(steps=1, step_ms=500, llama_ms=100, forced_tokens=2), 1.0)
    counters.engine(M, port.Pulse(steps=9, step_ms=1500, llama_ms=1080, forced_tokens=7), 2.0)
    counters.engine(M, port.Pulse(steps=9, step_ms=1500, llama_ms=1080, forced_tokens=7), 3.0)  # nothing was computed
    assert counters.models[M].python_share == pytest.approx(0.02)
    assert counters.models[M].forced_tokens == 5


def test_guesses_are_counted_over_the_lives_of_an_engine() -> None:
    counters = Counters((M,))
    for steps, drafted, accepted in ((1, 2, 1), (9, 40, 30), (1, 3, 2), (5, 13, 7)):
        guesses = port.Guessed("lookup", drafted, accepted), port.Guessed("mtp", 1, 1)
        counters.engine(M, port.Pulse(steps=steps, guesses=guesses), float(steps))
    assert counters.models[M].guesses == {"lookup": (38 + 10, 29 + 5), "mtp": (0, 0)}


def test_tokens_a_step_are_those_of_the_last_steps_that_drew() -> None:
    counters = Counters((M,))
    for steps, draws, tokens in ((1, 10, 10), (2, 20, 40), (3, 20, 40)):
        counters.engine(M, port.Pulse(steps=steps, draws=draws, generated_tokens=tokens), float(steps))
    assert counters.models[M].tokens_per_step == 3.0


def test_pictures_are_counted_over_the_lives_of_an_engine_and_their_time_is_that_of_this_one() -> None:
    counters = Counters((M,))
    counters.engine(M, port.Ready(1, 64, 100, image_ms=140.0), 0.0)
    counters.engine(M, port.Pulse(), 1.0)
    counters.engine(M, port.Pulse(steps=2, encodes=3, encode_ms=400), 2.0)
    counts = counters.models[M]
    assert (counts.encodes, counts.encode_ms, counts.image_ms) == (3, 400, 140.0)
    counters.engine(M, port.Down("gone", retry_in_s=1.0), 3.0)
    assert (counts.encodes, counts.image_ms) == (3, None)
    counters.engine(M, port.Ready(1, 64, 100), 4.0)
    assert counts.image_ms is None


def test_the_longest_stall_is_forgotten_after_a_minute() -> None:
    counters = Counters((M,))
    counters.engine(M, port.Pulse(longest_stall_ms=900), 0.0)
    for second in range(STALLS - 1):
        counters.engine(M, port.Pulse(longest_stall_ms=5), float(second))
    assert counters.models[M].longest_stall_ms == 900
    counters.engine(M, port.Pulse(longest_stall_ms=5), 99.0)
    assert counters.models[M].longest_stall_ms == 5


def test_a_crash_fails_its_jobs_and_counts_as_a_restart_if_there_is_one() -> None:
    counters = Counters((M,))
    counters.engine(M, port.Down("gone", jobs=("a.1", "b.1"), retry_in_s=1.0), 1.0)
    counters.engine(M, port.Down("gone for good"), 2.0)
    assert counters.models[M].ended == {"failed": 2} and counters.models[M].restarts == 1


def test_refusals_are_counted_by_their_code_and_nothing_is_remembered_of_them() -> None:
    counters = Counters((M,))
    for job in ("a.1", "b.1"):
        counters.started(job, 0.0)
        counters.was_refused(job, "worker_busy")
    counters.started("c.1", 0.0)
    counters.gone("c.1")
    assert counters.refused == {"worker_busy": 2} and not counters._waiting
