"""Sampling against slow reference implementations."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.chat import MAX_TOP_K, Sampling
from wire.errors import ErrorCode, SupernetError
from worker.engine.child.sampler import REPETITION_WINDOW, Row, Sampler, Uniforms, logprobs, top_k

LARGE = 20_000


def normal_row(size: int, seed: int = 0, scale: float = 4.0) -> Row:
    return (np.random.default_rng(seed).standard_normal(size) * scale).astype(np.float32)


rows = st.one_of(
    st.builds(normal_row, st.sampled_from([1, 7, 300, 2600, LARGE]), st.integers(0, 2**32)),
    st.builds(
        lambda row, step: np.round(row / step) * step, st.builds(normal_row, st.just(LARGE)), st.just(np.float32(2))
    ),
    st.builds(lambda n: np.zeros(n, np.float32), st.sampled_from([5, 300, LARGE])),
)


@given(rows, st.sampled_from([1, 2, 20, 64, 256]), st.floats(0, 1), st.integers(0, 2**32))
def test_top_k_is_the_head_of_a_full_stable_sort(row: Row, k: int, masked: float, seed: int) -> None:
    row = row.copy()
    row[np.random.default_rng(seed).random(len(row)) < masked] = -np.inf
    expected = [i for i in np.argsort(-row, kind="stable")[:k] if row[i] > -np.inf]
    assert top_k(row, k).tolist() == expected


@given(st.integers(-(2**70), 2**70), st.integers(0, 3000))
def test_the_random_number_depends_on_seed_and_index_alone(seed: int, index: int) -> None:
    stream = np.random.Generator(np.random.Philox(key=seed % 2**64)).random(index + 1)
    assert Uniforms(seed).at(index) == stream[index]


def test_uniforms_may_be_asked_in_any_order() -> None:
    one = Uniforms(5)
    assert [one.at(i) for i in (700, 3, 256, 255)] == [Uniforms(5).at(i) for i in (700, 3, 256, 255)]


def slow_adjust(row: Row, asked: Sampling, prompt: list[int], answer: list[int]) -> Row:
    out = row.astype(np.float64)
    for token, value in asked.logit_bias:
        out[token] += value
    for token in {*prompt[-REPETITION_WINDOW:], *answer}:
        out[token] = out[token] / asked.repetition_penalty if out[token] > 0 else out[token] * asked.repetition_penalty
    for token, count in Counter(answer).items():
        out[token] -= asked.frequency_penalty * count + asked.presence_penalty
    return out.astype(np.float32)


@given(
    st.lists(st.integers(0, 49), max_size=120),
    st.lists(st.integers(0, 49), max_size=400),
    st.floats(0.5, 2),
    st.floats(-2, 2),
    st.floats(-2, 2),
    st.dictionaries(st.integers(0, 49), st.floats(-100, 100), max_size=5),
)
def test_bias_and_penalties_equal_the_slow_way(
    prompt: list[int], answer: list[int], repeat: float, presence: float, frequency: float, bias: dict[int, float]
) -> None:
    asked = Sampling(
        repetition_penalty=repeat,
        presence_penalty=presence,
        frequency_penalty=frequency,
        logit_bias=tuple(bias.items()),
    )
    row = normal_row(50, 3)
    expected = slow_adjust(row, asked, prompt, answer)
    sampler = Sampler(asked, 0, prompt)
    sampler.accept(answer)
    sampler.adjust(row)
    np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-4)


def test_repetition_is_seen_in_the_end_of_the_prompt_and_in_the_whole_answer() -> None:
    sampler = Sampler(Sampling(repetition_penalty=2.0), 0, list(range(100)))
    sampler.accept([200])
    sampler.accept(range(300, 400))
    row = np.ones(500, np.float32)
    sampler.adjust(row)
    halved = {*range(100 - REPETITION_WINDOW, 100), 200, *range(300, 400)}
    assert set(np.flatnonzero(row == 0.5).tolist()) == halved


def test_penalties_remember_more_different_tokens_than_one_block() -> None:
    asked = Sampling(presence_penalty=1.0)
    sampler = Sampler(asked, 0, [])
    sampler.accept(range(1000))
    row = np.zeros(1200, np.float32)
    sampler.adjust(row)
    assert row.tolist() == [-1.0] * 1000 + [0.0] * 200


def slow_weights(row: Row, asked: Sampling) -> dict[int, float]:
    """The distribution that a draw must follow."""
    order = np.argsort(-row, kind="stable")[: asked.top_k or MAX_TOP_K]
    logits = row[order].astype(np.float64) / asked.temperature
    odds = np.exp(logits - logits.max())
    odds /= odds.sum()
    kept, mass = [], 0.0
    for token, chance in zip(order, odds, strict=True):
        if mass >= asked.top_p - 1e-12:
            break
        mass += chance
        if chance >= asked.min_p * odds[0]:
            kept.append((int(token), float(chance)))
    total = sum(chance for _, chance in kept)
    return {token: chance / total for token, chance in kept}


@pytest.mark.parametrize(
    "asked",
    [
        Sampling(),
        Sampling(temperature=0.6, top_p=0.95, top_k=20),
        Sampling(temperature=1.5, top_p=0.5),
        Sampling(temperature=0.8, min_p=0.1),
        Sampling(top_k=3),
        Sampling(top_p=0.01),
    ],
)
def test_draws_follow_the_distribution(asked: Sampling) -> None:
    row = normal_row(600, 9, scale=1.5)
    sampler, n = Sampler(asked, 42, []), 6000
    drawn = Counter(sampler.draw(row, index) for index in range(n))
    expected = slow_weights(row, asked)
    assert drawn.keys() <= expected.keys()
    for token, chance in expected.items():
        spread = (chance * (1 - chance) / n) ** 0.5
        assert abs(drawn[token] / n - chance) < 5 * spread + 1e-9


def test_temperature_zero_takes_the_largest_logit_whatever_the_seed() -> None:
    row = normal_row(LARGE, 4)
    drawn = {Sampler(Sampling(temperature=0), seed, []).draw(row, 0) for seed in range(20)}
    assert drawn == {int(row.argmax())}


def test_a_token_that_is_ruled_out_is_never_drawn() -> None:
    row = np.full(LARGE, -np.inf, np.float32)
    row[[3, 70, 19_999]] = 1.0
    sampler = Sampler(Sampling(temperature=2), 0, [])
    assert {sampler.draw(row, index) for index in range(200)} == {3, 70, 19_999}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_row_that_allows_nothing_is_an_error(temperature: float, value: float) -> None:
    with pytest.raises(SupernetError) as caught:
        Sampler(Sampling(temperature=temperature), 0, []).draw(np.full(LARGE, value, np.float32), 0)
    assert caught.value.code is ErrorCode.ENGINE_ERROR


def test_logprobs_are_those_of_the_whole_row() -> None:
    row = normal_row(500, 1)
    odds = np.exp(row.astype(np.float64))
    odds /= odds.sum()
    chosen, best = logprobs(row, 17, 500)
    assert chosen == pytest.approx(np.log(odds[17]), abs=1e-5)
    assert sum(np.exp(value) for _, value in best) == pytest.approx(1, abs=1e-5)
    assert [token for token, _ in best] == np.argsort(-row, kind="stable").tolist()
    assert logprobs(row, 17, 0) == (chosen, [])
