from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import pytest

from coordinator.scheduler import placement
from coordinator.scheduler.placement import (
    ANSWER_TOKENS,
    MEASURED_PROMPT,
    Candidate,
    decode_tps,
    expected_s,
    least_context,
    seeing_s,
)
from coordinator.scheduler.speed_curve import SpeedCurve
from wire.offers import SpeedPoint

FAST_POINTS = (
    SpeedPoint(streams=1, decode_tps=100, prefill_tps=2000, ttft_ms=100),
    SpeedPoint(streams=4, decode_tps=200, prefill_tps=2000, ttft_ms=300),
)
FAST = SpeedCurve(FAST_POINTS)
SLOW = SpeedCurve((SpeedPoint(streams=1, decode_tps=20, prefill_tps=500, ttft_ms=500),))


def choose(
    candidates: Iterable[Candidate], context: int = 0, prompt: int = MEASURED_PROMPT, answer: float = ANSWER_TOKENS
) -> str | None:
    """For a chat with such a prompt and such an answer."""
    return placement.choose(candidates, partial(expected_s, prompt=prompt, answer=answer), context, prompt)


def test_nobody_free_is_nobody() -> None:
    assert choose([]) is None


def test_the_faster_worker_gets_the_job() -> None:
    assert choose([Candidate("slow", 0, 4096, SLOW), Candidate("fast", 0, 4096, FAST)]) == "fast"


def test_a_loaded_fast_worker_is_compared_at_the_load_it_would_have() -> None:
    loaded = Candidate("fast", 15, 4096, FAST)  # 200 tokens a second for sixteen: 12.5 each
    assert choose([Candidate("slow", 0, 4096, SLOW), loaded]) == "slow"


def test_between_measured_points_speed_lies_on_a_line_and_beyond_them_it_is_constant() -> None:
    assert decode_tps(FAST, 1) == 100
    assert decode_tps(FAST, 2) == 100 + 100 / 3
    assert decode_tps(FAST, 9) == 200
    assert decode_tps(SpeedCurve(reversed(FAST_POINTS)), 4) == 200


def test_a_worker_that_measured_nothing_is_taken_for_slow_but_gets_work() -> None:
    assert choose([Candidate("unknown", 0, 4096)]) == "unknown"
    assert choose([Candidate("unknown", 0, 4096), Candidate("slow", 0, 4096, SLOW)]) == "slow"


def test_a_measured_speed_of_zero_is_no_division_by_zero() -> None:
    dead = SpeedCurve((SpeedPoint(streams=1, decode_tps=0, prefill_tps=0, ttft_ms=0),))
    assert expected_s(Candidate("dead", 0, 4096, dead)) > expected_s(Candidate("slow", 0, 4096, SLOW))


def test_each_fault_doubles_what_is_expected() -> None:
    assert choose([Candidate("faulty", 0, 4096, FAST, failures=3), Candidate("slow", 0, 4096, SLOW)]) == "slow"


def test_equals_take_turns() -> None:
    a, b = Candidate("a", 0, 4096, FAST, last_used=5.0), Candidate("b", 0, 4096, FAST, last_used=4.0)
    assert choose([a, b]) == "b"
    assert choose([a, Candidate("b", 0, 4096, FAST, last_used=5.0)]) == "a"


def test_a_slot_with_too_little_context_is_not_used() -> None:
    assert choose([Candidate("fast", 0, 1024, FAST), Candidate("slow", 0, 8192, SLOW)], context=4096) == "slow"
    assert choose([Candidate("fast", 0, 1024, FAST)], context=4096) is None


def test_a_long_prompt_goes_where_it_is_sure_to_fit_and_a_short_one_to_the_fastest() -> None:
    small, large = Candidate("small", 0, 8192, FAST), Candidate("large", 0, 32768, SLOW)
    assert choose([small, large], prompt=7000) == "large"
    assert choose([small, large], prompt=6000) == "small"
    assert choose([small], prompt=7000) == "small", "the length is an estimate: it may fit"
    assert choose([small, large], prompt=100_000) == "large", "nor is it sure that it fits nowhere"


def test_a_prompt_that_surely_fits_only_elsewhere_is_not_tried_here() -> None:
    assert least_context(100_000, 0, longest=262_144) == 80_000, "the estimate may be a quarter too high"
    assert least_context(400_000, 0, longest=262_144) == 262_144, "there is no larger one"
    assert least_context(100, 32_769, longest=262_144) == 32_769, "it was tried"


def test_a_worker_that_knows_the_prompt_gets_the_job() -> None:
    knows = Candidate("knows", 0, 4096, FAST, last_used=9.0, cached=2000)
    assert choose([Candidate("idle", 0, 4096, FAST), knows], prompt=2100) == "knows"
    gain_s = expected_s(Candidate("idle", 0, 4096, FAST), 2100) - expected_s(knows, 2100)
    assert gain_s == pytest.approx(1.0), "2,000 tokens at 2,000 a second"


def test_unless_it_is_busier_than_the_gain_is_worth() -> None:
    busy = Candidate("knows", 3, 4096, FAST, cached=2000)  # the answer takes 2.6 s longer at 50 tokens a second
    assert choose([Candidate("idle", 0, 4096, FAST), busy], prompt=2100) == "idle"
    assert choose([Candidate("idle", 0, 4096, FAST), replace(busy, cached=20_000)], prompt=20_100) == "knows"
    assert choose([Candidate("idle", 0, 4096, FAST), busy], prompt=2100, answer=64) == "knows", "a short one: 0.6 s"


def test_a_prompt_of_the_measured_length_takes_the_measured_time() -> None:
    assert expected_s(Candidate("a", 0, 4096, FAST)) == pytest.approx(0.1 + 0.256 - 0.1 + 2.56)  # 100 ms are less than
    assert expected_s(Candidate("a", 0, 4096, SLOW)) == pytest.approx(512 / 500 + 256 / 20)  # 512 tokens take


def test_a_worker_may_claim_anything_and_wins_no_time_before_zero() -> None:
    odd = SpeedCurve((SpeedPoint(streams=1, decode_tps=100, prefill_tps=0, ttft_ms=0),))
    assert expected_s(Candidate("odd", 0, 4096, odd, cached=9999), 100) == pytest.approx(2.56)


def test_pictures_take_as_long_as_the_worker_says_by_their_size() -> None:
    assert seeing_s(400.0, 1024) == 0.4
    assert seeing_s(400.0, 256) == 0.1
    assert seeing_s(400.0, 0) == 0
    assert seeing_s(None, 1024) == 1.0
    idle = Candidate("w", 0, 4096, FAST)
    assert expected_s(replace(idle, seeing_s=3.0)) == pytest.approx(expected_s(idle) + 3.0)


def test_who_has_seen_the_picture_is_chosen_though_it_is_busier() -> None:
    busy, idle = Candidate("saw", 1, 4096, FAST), Candidate("idle", 0, 4096, FAST)
    assert choose([busy, idle]) == "idle"
    assert choose([busy, replace(idle, seeing_s=20.0)]) == "saw"
