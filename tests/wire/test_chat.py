"""The resolved request: its bounds are those that a worker may rely on."""

from typing import Any

import pytest
from pydantic import ValidationError

from wire.chat import MAX_LOGPROBS, MAX_STOP_CHARS, MAX_STOPS, MAX_TOP_K, CallDelta, ChatRequest, Message, Sampling

USER = (Message(role="user", content="hi"),)


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_k": MAX_TOP_K + 1},
        {"min_p": 1.5},
        {"presence_penalty": -2.5},
        {"frequency_penalty": float("inf")},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": 5e-324},
        {"top_logprobs": MAX_LOGPROBS + 1},
        {"logit_bias": ((1, 0.5),) * 301},
    ],
    ids=lambda field: "-".join(f"{name}" for name in field),
)
def test_a_sampling_number_out_of_range_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(field))):
        Sampling(**field)


def test_the_ends_of_every_range_are_allowed() -> None:
    Sampling(temperature=0, top_p=1, top_k=0, min_p=0, presence_penalty=-2, repetition_penalty=2, top_logprobs=0)
    Sampling(temperature=2, top_k=MAX_TOP_K, min_p=1, presence_penalty=2, top_logprobs=MAX_LOGPROBS)


@pytest.mark.parametrize(
    "field",
    [
        {"max_tokens": 0},
        {"max_tokens": 1, "reasoning_budget": -1},
        {"max_tokens": 1, "stop": ("x",) * (MAX_STOPS + 1)},
        {"max_tokens": 1, "stop": ("x" * (MAX_STOP_CHARS + 1),)},
        {"max_tokens": 1, "messages": ({"role": "developer"},)},
    ],
)
def test_a_request_out_of_bounds_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChatRequest(**{"messages": USER, **field})


def test_no_reasoning_budget_and_a_budget_of_zero_are_different_wishes() -> None:
    assert ChatRequest(messages=USER, max_tokens=1).reasoning_budget is None
    assert ChatRequest(messages=USER, max_tokens=1, reasoning_budget=0).reasoning_budget == 0


def test_a_call_without_a_name_is_a_piece_of_an_earlier_one() -> None:
    assert CallDelta(index=0, arguments="{").name is None
