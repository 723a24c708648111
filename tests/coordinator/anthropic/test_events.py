"""Parts -> events and the message: of the official types, opened and closed in order, adding up."""

import json
from typing import Any, get_args

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from coordinator.anthropic.events import CUT_CALL, MessageEvents, error_json, event_bytes, usage_json
from coordinator.openai.chat_response import Envelope
from wire.chat import CallDelta, Content, FinishReason, Notice, Part, Reasoning, Usage
from wire.errors import ERRORS, ErrorCode, SupernetError

Json = dict[str, Any]

ENVELOPE = Envelope("msg_1", 1_700_000_000, "tiny", "")
USAGE = Usage(prompt=5, cached=2, completion=3, reasoning=1)
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def begun(**more: Any) -> MessageEvents:
    return MessageEvents(ENVELOPE, **more)


def told(*parts: Part, reason: FinishReason = "stop") -> list[Json]:
    events = begun()
    return [*events.first(), *events.parts(parts), *events.finish(reason, None, USAGE)]


def whole(*parts: Part, reason: FinishReason = "stop", stop: str | None = None, **more: Any) -> Json:
    events = begun(**more)
    events.first()
    events.parts(parts)
    events.finish(reason, stop, USAGE)
    return events.whole()


def kinds(events: list[Json]) -> list[str]:
    return [event["type"] for event in events]


BLOCK = ["content_block_start", "content_block_delta", "content_block_stop"]
CALL = (CallDelta(index=0, name="look", arguments='{"at":'), CallDelta(index=0, arguments='"home"}'))


def test_the_events_of_a_text() -> None:
    events = told(Content(text="a"), Content(text="b"))
    start, first, second, stop = events[2:6]
    assert kinds(events) == [
        *("message_start", "ping"),
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert start == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    assert first == {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
    assert (second["delta"]["text"], stop) == ("b", {"type": "content_block_stop", "index": 0})


def test_thought_text_and_calls_are_blocks_one_after_another() -> None:
    second = (CallDelta(index=1, name="look", arguments="{}"),)
    events = told(Reasoning(text="Hm."), Content(text="I look."), *CALL, *second, reason="tool_calls")
    assert kinds(events)[2:-2] == [*BLOCK, *BLOCK, *BLOCK[:2], *BLOCK[1:], *BLOCK]
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert [start["type"] for start in starts] == ["thinking", "text", "tool_use", "tool_use"]
    assert [event["index"] for event in events[2:-2]] == [0] * 3 + [1] * 3 + [2] * 4 + [3] * 3
    assert starts[2]["id"] != starts[3]["id"] and starts[2]["id"].startswith("toolu_")
    assert (starts[2]["name"], starts[2]["input"]) == ("look", {})
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert deltas[0] == {"type": "thinking_delta", "thinking": "Hm."}
    assert [delta["partial_json"] for delta in deltas[2:]] == ['{"at":', '"home"}', "{}"]


def test_the_whole_message_holds_what_the_events_add_up_to() -> None:
    message = whole(Reasoning(text="Hm."), Content(text="I "), Content(text="look."), *CALL, reason="tool_calls")
    assert message["content"][:2] == [
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "text", "text": "I look."},
    ]
    assert message["content"][2]["input"] == {"at": "home"}
    assert message["stop_reason"] == "tool_use"
    Message.model_validate(message)


def test_usage_of_the_last_event_is_whole_and_takes_the_place_of_that_in_the_first() -> None:
    events = begun()
    first = events.first()
    last = events.finish("stop", None, USAGE, {"cost": 0.5})[-2]
    assert first[0]["message"]["usage"] == usage_json(Usage(prompt=0, completion=0))
    assert last["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2,
        "output_tokens": 3,
        "cost": 0.5,
    }
    assert last["usage"] == events.whole()["usage"]


@pytest.mark.parametrize(
    ("reason", "stop", "shown"),
    [
        ("stop", None, ("end_turn", None)),
        ("length", None, ("max_tokens", None)),
        ("tool_calls", None, ("tool_use", None)),
        ("stop", "END", ("stop_sequence", "END")),
        ("stop", "made up by a worker", ("end_turn", None)),
        ("length", "END", ("max_tokens", None)),
    ],
)
def test_why_an_answer_ended(reason: FinishReason, stop: str | None, shown: tuple[str, str | None]) -> None:
    message = whole(Content(text="x"), reason=reason, stop=stop, stops=("END",))
    assert (message["stop_reason"], message["stop_sequence"]) == shown


def test_warnings_stand_in_the_message_and_beside_the_last_delta() -> None:
    events = begun(warnings=["a tool was left out"])
    events.first()
    events.parts([Content(text="x"), Notice(text="odd")])
    warnings = ["a tool was left out", "odd"]
    assert events.finish("stop", None, USAGE)[-2]["warnings"] == events.whole()["warnings"] == warnings


def test_a_call_without_whole_arguments_is_in_the_stream_but_nothing_that_one_could_carry_out() -> None:
    cut = (CallDelta(index=0, name="look", arguments='{"at": "ho'),)
    assert kinds(told(*cut, reason="length"))[2:5] == BLOCK
    message = whole(*cut, reason="length")
    assert (message["content"], message["warnings"]) == ([], [CUT_CALL])
    assert whole(CallDelta(index=0, name="look"), reason="tool_calls")["content"][0]["input"] == {}


def test_pieces_of_calls_out_of_their_place_are_left_out_and_said_once() -> None:
    stray = CallDelta(index=7, arguments="{}")
    message = whole(stray, Content(text="x"), stray, *CALL, stray)
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    assert len(message["warnings"]) == 1


def test_empty_parts_open_no_block() -> None:
    assert kinds(told(Content(text=""), Reasoning(text=""))) == [
        "message_start",
        "ping",
        "message_delta",
        "message_stop",
    ]


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_is_of_the_official_type(code: ErrorCode) -> None:
    body = error_json(SupernetError(code, "why", param="x", retry_after_s=2), "req_1")
    assert body["error"]["code"] == code.value and body["error"]["message"].endswith("why")
    if ERRORS[code].status == 413:  # the documentation has it, the SDK's union does not
        assert body["error"]["type"] == "request_too_large"
    else:
        ErrorResponse.model_validate(body)
    assert (body["error"]["retry_after"], body["error"]["param"], body["request_id"]) == (2, "x", "req_1")


def test_a_prompt_that_is_too_long_is_called_so_in_the_words_that_claude_code_knows() -> None:
    error = SupernetError(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "The messages come to 9 tokens.")
    assert error_json(error, "r")["error"]["message"].startswith("prompt is too long: ")


def test_an_event_is_one_line_of_ascii_with_its_type_as_its_name() -> None:
    assert event_bytes({"type": "ping", "a": "é\n"}) == b'event: ping\ndata: {"type":"ping","a":"\\u00e9\\n"}\n\n'


PARTS = st.one_of(
    st.builds(Content, text=st.text(max_size=4)),
    st.builds(Reasoning, text=st.text(max_size=4)),
    st.builds(
        CallDelta,
        index=st.integers(0, 2),
        name=st.none() | st.just("look"),
        arguments=st.sampled_from(["", "{", "}", '{"a":1}']),
    ),
    st.builds(Notice, text=st.text(max_size=4)),
)


@given(st.lists(PARTS, max_size=12), st.sampled_from(get_args(FinishReason)))
def test_any_parts_make_events_of_the_official_types_in_their_order(parts: list[Part], reason: FinishReason) -> None:
    events = told(*parts, reason=reason)
    for event in events:
        if event["type"] != "ping":
            EVENT.validate_python(event)
    open_block, blocks = None, 0
    for event in events[2:-2]:
        if event["type"] == "content_block_start":
            assert open_block is None and event["index"] == blocks
            open_block, blocks = event["index"], blocks + 1
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_block
            open_block = None
        else:
            assert event["index"] == open_block
    assert open_block is None
    Message.model_validate(json.loads(json.dumps(whole(*parts, reason=reason))))


@pytest.mark.parametrize(
    "arguments",
    [
        '{"at":NaN}',
        '{"at":-Infinity}',
        '{"at":1e999}',
        '{"at":"\\ud800"}',
        '{"at":' + "[" * 20_000,
        '{"at":' + "[" * 20_000 + "]" * 20_000 + "}",
    ],
    ids=["NaN", "Infinity", "1e999", "a surrogate", "deep and cut", "deep"],
)
def test_a_call_whose_arguments_nobody_could_be_sent_is_left_out(arguments: str) -> None:
    """Python reads what JSON is not, and cannot write it: the answer that the client paid for was a 500."""
    message = whole(CallDelta(index=0, name="look", arguments=arguments))
    assert message["content"] == [] and message["warnings"] == [CUT_CALL]
    assert json.dumps(message, allow_nan=False, ensure_ascii=False).encode()
