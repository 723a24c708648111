"""Answers of other servers, sent back as their clients send them: the thought is read, the seals are let through."""

from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.messages import read_messages
from tests.coordinator.pictures import unseen
from wire.chat import Message, ToolCall
from wire.errors import SupernetError

CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def read(**fields: Any) -> Message:
    (message,), _ = read_messages(Fields({"messages": [{"role": "assistant", **fields}]}), unseen())
    return message


def answer(reasoning: str | None, content: str = "y") -> Message:
    return Message(role="assistant", content=content, reasoning=reasoning)


OPENROUTER = [
    {
        "type": "reasoning.text",
        "text": "why",
        "signature": "s",
        "id": "r1",
        "format": "anthropic-claude-v1",
        "index": 0,
    },
    {"type": "reasoning.encrypted", "data": "gAAA", "id": "r2", "format": "openai-responses-v1", "index": 1},
]
LITELLM = [{"type": "thinking", "thinking": "why", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}]


@pytest.mark.parametrize(
    ("fields", "thought"),
    [
        ({"reasoning_content": "why"}, "why"),
        ({"reasoning": "why", "reasoning_details": OPENROUTER}, "why"),
        ({"reasoning": None, "reasoning_details": OPENROUTER}, "why"),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": "why", "index": 0}]}, "why"),
        ({"reasoning_details": OPENROUTER[1:]}, None),
        ({"reasoning_details": []}, None),
        ({"thinking_blocks": LITELLM}, "why"),
        ({"thinking_blocks": LITELLM, "reasoning_content": "why"}, "why"),
        ({"reasoning_content": []}, None),
        ({"reasoning_content": [{"type": "text", "text": "wh"}, {"type": "text", "text": "y"}]}, "why"),
        ({"reasoning_content": "", "reasoning": "why"}, "why"),
        ({"reasoning_content": "why", "reasoning": "why\n"}, "why"),
        ({"reasoning_text": "why", "reasoning_opaque": "gAAA"}, "why"),
        ({"extra_content": {"google": {"thought_signature": "s"}}}, None),
        ({"id": "msg_1", "status": "completed", "finish_reason": "stop", "images": [], "citations": ["u"]}, None),
    ],
)
def test_a_thought_beside_the_text(fields: dict[str, Any], thought: str | None) -> None:
    assert read(content="y", **fields) == answer(thought)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking", "thinking": "why", "signature": "s"},
        {"type": "thinking", "thinking": [{"type": "text", "text": "why"}], "closed": True},
        {"type": "reasoning", "text": "why", "id": "r", "cache_control": {"type": "ephemeral"}},
        {"type": "reasoning", "reasoning": "why", "extras": {"signature": "s"}, "index": 0},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}]},
    ],
)
def test_a_thought_among_the_parts_of_the_text(part: dict[str, Any]) -> None:
    assert read(content=[part, {"type": "text", "text": "y"}]) == answer("why")
    assert read(content=[{"type": "text", "text": "y"}, part], reasoning_content="said twice") == answer("said twice")


def test_a_sealed_thought_is_left_out() -> None:
    sealed = {"type": "redacted_thinking", "data": "gAAA"}
    assert read(content=[sealed, {"type": "text", "text": "y"}]) == answer(None)
    assert read(content=[sealed]) == answer(None, "")


def test_the_seals_of_calls_are_let_through() -> None:
    function = {**CALL["function"], "provider_specific_fields": {"thought_signature": "s"}}  # type: ignore[dict-item]
    sealed = {**CALL, "function": function, "extra_content": {"google": {"thought_signature": "s"}}, "index": 0}
    assert read(tool_calls=[sealed]) == read(tool_calls=[CALL])


def test_a_call_of_a_custom_tool_is_shown_as_a_call() -> None:
    custom = {"id": "a", "type": "custom", "custom": {"name": "patch", "input": 'say "x"'}}
    assert read(tool_calls=[custom]).tool_calls == (
        ToolCall(id="a", name="patch", arguments='{"input":"say \\"x\\""}'),
    )


def test_every_message_may_have_an_id() -> None:
    messages = [
        {"id": "1", "role": "system", "content": "x"},
        {"id": "2", "role": "user", "content": "x"},
        {"id": "3", "role": "assistant", "content": "x", "tool_calls": [CALL]},
        {"id": "4", "role": "tool", "content": "x", "tool_call_id": "a"},
    ]
    assert len(read_messages(Fields({"messages": messages}), unseen())[0]) == 4


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"reasoning_details": {}}, "reasoning_details"),
        ({"thinking_blocks": 1}, "thinking_blocks"),
        ({"reasoning_content": {}}, "reasoning_content"),
        ({"images": [{"type": "image_url"}]}, "images"),
        ({"content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "content[0].type"),
        ({"content": [{"type": "thinking", "odd": 1}]}, "content[0].odd"),
    ],
)
def test_what_is_no_echo_is_still_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(SupernetError) as caught:
        read(**fields)
    assert caught.value.param == f"messages[0].{param}"


def test_a_thought_of_a_thousand_layers_costs_nothing() -> None:
    deep: Any = "why"
    for _ in range(60):
        deep = [deep]
    assert read(content="y", reasoning_details=deep) == answer(None)


def test_a_user_has_no_thoughts() -> None:
    part = {"type": "thinking", "thinking": "x"}
    with pytest.raises(SupernetError):
        read_messages(Fields({"messages": [{"role": "user", "content": [part]}]}), unseen())


@pytest.mark.parametrize(
    "seal", [{"annotations": []}, {"citations": None}, {"citations": ["u"]}, {"signature": "s", "index": 0, "id": "p"}]
)
def test_marks_and_seals_on_a_text_of_an_answer(seal: dict[str, Any]) -> None:
    assert read(content=[{"type": "text", "text": "y", **seal}]) == answer(None)
