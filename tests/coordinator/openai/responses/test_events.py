"""Parts -> events and the Response: of the official types, numbered, opened and closed in order, adding up."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from coordinator.openai.chat_response import Envelope, call_id
from coordinator.openai.responses.events import ResponseEvents, error_json, event_bytes, usage_json
from wire.chat import CallDelta, Content, FinishReason, Notice, Part, Reasoning, Usage
from wire.errors import ERRORS, ErrorCode, SupernetError
from wire.messages import TokenLogprob

Json = dict[str, Any]

ENVELOPE = Envelope("resp_1", 1_700_000_000, "tiny", "")
REPEATED: Json = {
    "instructions": None,
    "max_output_tokens": None,
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "metadata": {},
    "user": None,
}
USAGE = Usage(prompt=5, cached=2, completion=3, reasoning=1)
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


def begun(names: Json | None = None) -> ResponseEvents:
    return ResponseEvents(ENVELOPE, REPEATED, names or {})


def told(*parts: Part, reason: FinishReason = "stop") -> list[Json]:
    events = begun()
    return [*events.first(), *events.parts(parts), *events.finish(reason, USAGE)]


def kinds(events: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_the_events_of_a_text() -> None:
    assert kinds(told(Content(text="a"), Content(text="b"))) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_the_events_of_a_thought_and_a_call() -> None:
    parts = (Reasoning(text="Hm."), CallDelta(index=0, name="f", arguments="{"), CallDelta(index=0, arguments="}"))
    assert kinds(told(*parts, reason="tool_calls"))[2:] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_the_whole_response() -> None:
    events = begun({"eyes.look": {"name": "look", "namespace": "eyes"}})
    events.parts([Reasoning(text="Hm."), Content(text="I look."), CallDelta(index=0, name="eyes.look", arguments="{}")])
    events.finish("tool_calls", USAGE, {"cost_nano_usd": 9})
    whole = events.whole()
    thought, text, call = whole["output"]
    assert (whole["id"], whole["created_at"], whole["model"], whole["status"]) == (
        "resp_1",
        1_700_000_000,
        "tiny",
        "completed",
    )
    assert thought == {
        "id": thought["id"],
        "type": "reasoning",
        "status": "completed",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    }
    assert text == {
        "id": text["id"],
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
    }
    assert call == {
        "id": call["id"],
        "type": "function_call",
        "status": "completed",
        "call_id": call_id(ENVELOPE, 0, 0),
        "name": "look",
        "namespace": "eyes",
        "arguments": "{}",
    }
    assert [item["id"].split("_")[0] for item in whole["output"]] == ["rs", "msg", "fc"]
    assert whole["usage"] == {**usage_json(USAGE), "cost_nano_usd": 9}
    assert "warnings" not in whole


def test_ids_are_the_same_when_the_same_answer_is_told_again() -> None:
    parts = (Reasoning(text="a"), Content(text="b"), CallDelta(index=0, name="f"), CallDelta(index=1, name="f"))
    assert told(*parts) == told(*parts)
    ids = [item["id"] for item in told(*parts)[-1]["response"]["output"]]
    assert len(set(ids)) == 4


def test_logprobs_wait_for_the_text_that_they_belong_to() -> None:
    def token(text: str) -> TokenLogprob:
        return TokenLogprob(bytes=tuple(text.encode()), logprob=-0.5)

    events = begun()
    assert events.parts([], [token("a")]) == []
    first = events.parts([Content(text="ab")], [token("b")])[-1]
    assert [entry["token"] for entry in first["logprobs"]] == ["a", "b"]
    events.parts([Reasoning(text="c")], [token("c")])
    later = events.parts([Content(text="d")], [token("d")])[-1]
    assert [entry["token"] for entry in later["logprobs"]] == ["d"]
    content = [item["content"][0] for item in events.whole()["output"] if item["type"] == "message"]
    assert [[entry["token"] for entry in part["logprobs"]] for part in content] == [["a", "b"], ["d"]]


def test_a_model_that_says_nothing_leaves_an_empty_message() -> None:
    for parts in ((), (Reasoning(text="Hm."),)):
        whole = told(*parts)[-1]["response"]
        assert whole["output"][-1]["content"][0]["text"] == ""
        assert whole["output"][-1]["status"] == "completed"
    assert told(reason="length")[-1]["response"]["output"] == []


def test_an_answer_that_was_cut_says_so_in_its_last_item() -> None:
    last = told(Content(text="a"), CallDelta(index=0, name="f", arguments='{"'), reason="length")[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["status"] for item in last["response"]["output"]] == ["completed", "incomplete"]
    assert last["response"]["output"][1]["arguments"] == '{"'


def test_a_failure_closes_nothing_that_a_client_would_act_on() -> None:
    events = begun()
    events.parts([CallDelta(index=0, name="f", arguments='{"a":')])
    (failed,) = events.fail(SupernetError(ErrorCode.NO_WORKER, "none left", retry_after_s=10))
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["output"][0]["status"] == "incomplete"
    assert failed["response"]["error"] == {
        "code": "server_error",
        "message": "none left",
        "type": "no_worker",
        "param": None,
        "retry_after": 10,
    }


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_has_a_code_of_this_api(code: ErrorCode) -> None:
    shown = error_json(SupernetError(code, "x"))["code"]
    assert shown in (
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "context_length_exceeded",
        "insufficient_quota",
    )
    final = ERRORS[code].status < 500 and ERRORS[code].status != 429
    assert (shown in ("server_error", "rate_limit_exceeded")) != final


def test_pieces_of_calls_that_belong_nowhere_are_told_once_and_harm_nothing() -> None:
    events = begun()
    events.parts([CallDelta(index=0, arguments="{"), Content(text="a"), CallDelta(index=3, arguments="}")])
    events.finish("stop", USAGE)
    assert [item["type"] for item in events.whole()["output"]] == ["message"]
    assert events.whole()["warnings"] == ["pieces of calls came out of their place and were left out"]


def test_an_event_is_two_lines_of_ascii() -> None:
    data = event_bytes({"type": "response.output_text.delta", "delta": "a\n\u2028ä"})
    name, rest = data.decode("ascii").split("\n", 1)
    assert name == "event: response.output_text.delta"
    assert rest.endswith("\n\n")
    assert json.loads(rest.removeprefix("data: "))["delta"] == "a\n\u2028ä"


# ---- any answer ------------------------------------------------------------------------------------------------------

PIECES = st.one_of(
    st.builds(Content, text=st.text(max_size=3)),
    st.builds(Reasoning, text=st.text(max_size=3)),
    st.builds(Notice, text=st.just("odd")),
    st.builds(
        CallDelta,
        index=st.integers(0, 3),
        name=st.none() | st.sampled_from(["f", "g"]),
        arguments=st.text(max_size=3),
    ),
)
STEPS = st.lists(st.lists(PIECES, max_size=3), max_size=12)


@given(STEPS, st.sampled_from(get_args(FinishReason)), st.booleans())
def test_any_answer_is_told_in_order_and_adds_up(steps: list[list[Part]], reason: FinishReason, fails: bool) -> None:
    events = begun()
    told = events.first()
    for parts in steps:
        told += events.parts(parts)
    told += events.fail(SupernetError(ErrorCode.NO_WORKER, "x")) if fails else events.finish(reason, USAGE)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[-1]["response"] == events.whole()
    added: list[Json] = []
    sums: dict[str, str] = {}
    done: dict[str, Json] = {}
    for event in told:
        EVENT.validate_python(event)
        assert event.get("item_id") not in done, "nothing follows the end of an item"
        match event["type"]:
            case "response.output_item.added":
                assert event["output_index"] == len(added) == len(done), "one item at a time"
                added.append(event["item"])
                sums[event["item"]["id"]] = ""
            case str() as kind if kind.endswith(".delta"):
                sums[event["item_id"]] += event["delta"]
            case "response.output_item.done":
                done[event["item"]["id"]] = event["item"]
    for item in events.whole()["output"]:
        said = item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
        assert said == sums[item["id"]]
        assert done.get(item["id"], item) == item
    assert len(done) >= len(added) - (1 if fails else 0)
    Response.model_validate(events.whole())
