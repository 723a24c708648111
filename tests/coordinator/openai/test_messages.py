"""All the shapes of a conversation that clients send."""

from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.messages import MAX_MESSAGES, read_messages
from wire.chat import MAX_CALLS, CallDelta, Message, ToolCall
from wire.errors import ErrorCode, SupernetError

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


def read(*messages: Any) -> tuple[Message, ...]:
    return read_messages(Fields({"messages": list(messages)}))[0]


def refused(message: Any, param: str) -> str:
    with pytest.raises(SupernetError) as caught:
        read(message)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == f"messages[0]{param}"
    return caught.value.message


def test_every_role_is_read_and_developer_becomes_system() -> None:
    messages, developer = read_messages(
        Fields(
            {
                "messages": [
                    {"role": "system", "content": "S"},
                    {"role": "developer", "content": "D"},
                    USER,
                    {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
                    {"role": "tool", "content": "42", "tool_call_id": "call_1"},
                ]
            }
        )
    )
    assert developer
    assert messages == (
        Message(role="system", content="S"),
        Message(role="system", content="D"),
        Message(role="user", content="Hi"),
        Message(
            role="assistant",
            reasoning="hm",
            tool_calls=(ToolCall(id="call_1", name="look", arguments='{"at": 1}'),),
        ),
        Message(role="tool", content="42", tool_call_id="call_1"),
    )


def test_a_conversation_without_a_developer_says_so() -> None:
    assert read_messages(Fields({"messages": [USER]}))[1] is False


def test_text_parts_are_joined_without_anything_between() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": " b", "cache_control": {"type": "ephemeral"}}]
    assert read({"role": "user", "content": parts})[0].content == "a b"
    assert read({"role": "system", "content": []})[0].content == ""


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "video_url", "refusal"])
def test_a_part_that_is_not_text_is_refused_by_its_name(kind: str) -> None:
    message = refused({"role": "user", "content": [{"type": kind, kind: {}}]}, ".content[0].type")
    assert f"'{kind}' parts are not accepted" in message
    assert "text only" in message


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (None, ""),
        ("hi", ""),
        ({}, ".role"),
        ({"content": "x"}, ".role"),
        ({"role": "function", "content": "x"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": None}, ".content"),
        ({"role": "user", "content": 1}, ".content"),
        ({"role": "user", "content": ["x"]}, ".content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": "a", "odd": 1}]}, ".content[0].odd"),
        ({"role": "user", "content": "x", "odd": 1}, ".odd"),
        ({"role": "user", "content": "x", "tool_calls": []}, ".tool_calls"),
        ({"role": "user", "content": "x", "tool_call_id": "a"}, ".tool_call_id"),
        ({"role": "user", "content": "x", "name": "a b"}, ".name"),
        ({"role": "user", "content": "x", "name": "<|im_end|>"}, ".name"),
        ({"role": "user", "content": "x", "name": ""}, ".name"),
        ({"role": "tool", "content": "x"}, ".tool_call_id"),
        ({"role": "tool", "content": "x", "tool_call_id": ""}, ".tool_call_id"),
        ({"role": "tool", "tool_call_id": "a"}, ".content"),
        ({"role": "assistant", "content": "x", "function_call": {"name": "f"}}, ".function_call"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, ".audio"),
        ({"role": "assistant", "reasoning": 1}, ".reasoning"),
        ({"role": "assistant", "reasoning": "a", "reasoning_content": "b"}, ".reasoning"),
        ({"role": "assistant", "tool_calls": {}}, ".tool_calls"),
        ({"role": "assistant", "tool_calls": [CALL] * (MAX_CALLS + 1)}, ".tool_calls"),
        ({"role": "assistant", "tool_calls": [None]}, ".tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{**CALL, "id": None}]}, ".tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]}, ".tool_calls[0].type"),
        ({"role": "assistant", "tool_calls": [{**CALL, "odd": 1}]}, ".tool_calls[0].odd"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}, ".tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}, ".tool_calls[0].function.name"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "a b"}}]},
            ".tool_calls[0].function.name",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
            ".tool_calls[0].function.arguments",
        ),
    ],
)
def test_what_is_wrong_with_a_message_is_named(message: Any, param: str) -> None:
    refused(message, param)


@pytest.mark.parametrize("messages", [None, [], "hi", {}])
def test_messages_must_be_there(messages: Any) -> None:
    with pytest.raises(SupernetError) as caught:
        read_messages(Fields({"messages": messages}))
    assert caught.value.param == "messages"


def test_two_thousand_and_forty_eight_messages_are_read_and_one_more_is_refused() -> None:
    assert len(read(*[USER] * MAX_MESSAGES)) == MAX_MESSAGES
    with pytest.raises(SupernetError, match="at most 2048"):
        read(*[USER] * (MAX_MESSAGES + 1))


def test_an_answer_can_be_sent_back_as_the_sdk_dumps_it() -> None:
    dumped = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "parsed": None,
        "provider_specific_fields": {"refusal": None, "reasoning_content": "why"},
        "reasoning_content": "why",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "index": 0,
                "function": {"name": "look", "arguments": "", "parsed_arguments": {}},
            }
        ],
    }
    (message,) = read(dumped)
    assert message == Message(
        role="assistant", reasoning="why", tool_calls=(ToolCall(id="call_1", name="look", arguments="{}"),)
    )


def test_as_many_calls_as_an_answer_may_hold_can_be_sent_back() -> None:
    CallDelta(index=MAX_CALLS - 1)
    (message,) = read({"role": "assistant", "tool_calls": [CALL] * MAX_CALLS})
    assert len(message.tool_calls) == MAX_CALLS == 1024


def test_an_empty_answer_is_a_turn_too() -> None:
    assert read({"role": "assistant", "content": None})[0] == Message(role="assistant")


def test_the_text_of_a_refusal_is_what_the_assistant_said() -> None:
    assert read({"role": "assistant", "content": None, "refusal": "No."})[0].content == "No."
    parts = [{"type": "refusal", "refusal": "No."}]
    assert read({"role": "assistant", "content": parts})[0].content == "No."


def test_reasoning_has_two_names_that_must_agree() -> None:
    assert read({"role": "assistant", "reasoning": "a"})[0].reasoning == "a"
    assert read({"role": "assistant", "reasoning": "a", "reasoning_content": "a"})[0].reasoning == "a"


def test_camel_case_works_inside_messages() -> None:
    call = {"role": "assistant", "toolCalls": [CALL]}
    assert read(call, {"role": "tool", "content": "", "toolCallId": "call_1"})[1].tool_call_id == "call_1"


def test_a_result_whose_call_was_cut_away_is_still_read() -> None:
    assert read({"role": "tool", "content": "x", "tool_call_id": "gone"})[0].tool_call_id == "gone"


def test_names_that_openai_takes_are_kept() -> None:
    assert read({"role": "user", "content": "x", "name": "José_1"})[0].name == "José_1"
