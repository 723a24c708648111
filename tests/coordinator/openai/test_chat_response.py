"""What we emit is what OpenAI's own client reads: its types validate it, and the client itself consumes it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from coordinator.openai.chat_request import parse
from coordinator.openai.chat_response import (
    DONE,
    ChoiceChunks,
    Collector,
    Envelope,
    call_id,
    error_body,
    error_event,
    logprob_json,
    sse,
    sse_comment,
    total_usage,
    usage_chunk,
    with_usage,
)
from wire.catalog import Catalog, File, ModelSpec, Price
from wire.chat import CallDelta, Content, Notice, Part, Reasoning, Usage
from wire.errors import ERRORS, ErrorCode, SupernetError
from wire.messages import TokenLogprob

ENVELOPE = Envelope(id="chatcmpl-1", created=1_700_000_000, model="m", fingerprint="fp_1")
USAGE = Usage(prompt=10, cached=4, completion=7, reasoning=3)
PARTS: list[Part] = [
    Reasoning(text="I "),
    Reasoning(text="look."),
    Content(text="Let me "),
    Content(text="see."),
    CallDelta(index=0, name="look", arguments='{"at"'),
    CallDelta(index=0, arguments=": 1}"),
    CallDelta(index=1, name="go"),
    CallDelta(index=1, arguments="{}"),
]


def valid_chunk(chunk: dict[str, Any]) -> ChatCompletionChunk:
    """Validated by OpenAI's types, which say what is unknown to them: only our own keys may be."""
    read = ChatCompletionChunk.model_validate(chunk)
    assert not read.model_extra
    for choice in read.choices:
        assert set(choice.model_extra or ()) <= {"warnings"}
        assert set(choice.delta.model_extra or ()) <= {"reasoning_content"}
    return read


def stream(*parts: Part, include_usage: bool = False) -> list[dict[str, Any]]:
    chunks = ChoiceChunks(ENVELOPE, 0, include_usage=include_usage)
    middle = [chunk for part in parts for chunk in chunks.part(part)]
    return [chunks.first(), *middle, chunks.finish("tool_calls")]


def deltas(*parts: Part) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in stream(*parts)]


def test_every_chunk_is_one_of_openais() -> None:
    for chunk in stream(*PARTS, Notice(text="odd")):
        read = valid_chunk(chunk)
        assert (read.id, read.created, read.model, read.system_fingerprint) == (
            "chatcmpl-1",
            1_700_000_000,
            "m",
            "fp_1",
        )


def test_a_stream_begins_with_the_role_and_ends_with_the_reason() -> None:
    first, last = stream()
    assert first["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    ]
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "tool_calls"}]


def test_reasoning_and_content_have_their_own_fields() -> None:
    assert deltas(Reasoning(text="a"), Content(text="b"))[1:-1] == [{"reasoning_content": "a"}, {"content": "b"}]


def test_empty_pieces_make_no_chunk() -> None:
    assert deltas(Reasoning(text=""), Content(text=""))[1:-1] == []


def test_a_tool_call_names_itself_once() -> None:
    assert [delta["tool_calls"] for delta in deltas(*PARTS[4:])[1:-1]] == [
        [
            {
                "index": 0,
                "id": call_id(ENVELOPE, 0, 0),
                "type": "function",
                "function": {"name": "look", "arguments": '{"at"'},
            }
        ],
        [{"index": 0, "function": {"arguments": ": 1}"}}],
        [{"index": 1, "id": call_id(ENVELOPE, 0, 1), "type": "function", "function": {"name": "go", "arguments": ""}}],
        [{"index": 1, "function": {"arguments": "{}"}}],
    ]


def test_call_ids_depend_on_response_choice_and_place_alone() -> None:
    other = Envelope(id="chatcmpl-2", created=0, model="m", fingerprint="f")
    ids = [call_id(envelope, choice, index) for envelope in (ENVELOPE, other) for choice in (0, 1) for index in (0, 1)]
    assert len(set(ids)) == 8
    assert ids[0] == call_id(Envelope("chatcmpl-1", 5, "n", "g"), 0, 0) == "call_968bdf6332cd4b394e72bb27"
    assert all(len(one) == 29 for one in ids)


def test_a_notice_is_a_warning_on_the_choice() -> None:
    chunk = stream(Notice(text="odd"))[1]
    assert chunk["choices"][0]["warnings"] == ["odd"]
    assert chunk["choices"][0]["delta"] == {}


def test_with_usage_asked_for_every_other_chunk_says_null() -> None:
    assert all(chunk["usage"] is None for chunk in stream(*PARTS, include_usage=True))
    assert all("usage" not in chunk for chunk in stream(*PARTS))


def test_the_usage_chunk_has_no_choices() -> None:
    chunk = usage_chunk(ENVELOPE, USAGE, {"cost_nano": 9300})
    assert chunk["choices"] == []
    assert chunk["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
        "cost_nano": 9300,
    }
    valid_chunk(chunk)


def test_any_chunk_can_carry_the_usage_until_now() -> None:
    chunk = stream(Content(text="a"), include_usage=True)[1]
    read = valid_chunk(with_usage(chunk, USAGE))
    assert read.usage is not None
    assert read.usage.completion_tokens == 7
    assert chunk["usage"] is None


def token(text: str | bytes, logprob: float = -0.5) -> TokenLogprob:
    data = text if isinstance(text, bytes) else text.encode()
    return TokenLogprob(bytes=tuple(data), logprob=logprob, top=((tuple(data), logprob), ((98,), -2.0)))


def test_logprobs_have_openais_shape_and_exact_bytes() -> None:
    assert logprob_json(token(b"\xc3")) == {
        "token": "\ufffd",
        "logprob": -0.5,
        "bytes": [0xC3],
        "top_logprobs": [
            {"token": "\ufffd", "logprob": -0.5, "bytes": [0xC3]},
            {"token": "b", "logprob": -2.0, "bytes": [98]},
        ],
    }


@pytest.mark.parametrize("logprob", [float("-inf"), float("nan"), -1e9])
def test_a_logprob_that_json_cannot_say_is_openais_lowest(logprob: float) -> None:
    assert logprob_json(token("a", logprob))["logprob"] == -9999.0


def test_logprobs_of_text_that_is_held_back_come_with_the_next_chunk() -> None:
    chunks = ChoiceChunks(ENVELOPE, 0)
    assert chunks.part(None, [token("<to")]) == []
    (chunk,) = chunks.part(Content(text="<tomato"), [token("mato")])
    content = valid_chunk(chunk).choices[0].logprobs
    assert content is not None
    assert [entry.token for entry in content.content or []] == ["<to", "mato"]
    assert chunks.part(Content(text=""), [token("!")]) == []
    last = valid_chunk(chunks.finish("stop")).choices[0].logprobs
    assert last is not None
    assert [entry.token for entry in last.content or []] == ["!"]


def collect(*parts: Part, n: int = 1) -> Collector:
    collector = Collector(ENVELOPE, n)
    for choice in range(n):
        for part in parts:
            collector.part(choice, part)
        collector.finish(choice, "stop", USAGE)
    return collector


def message(*parts: Part) -> dict[str, Any]:
    completion = collect(*parts).completion()
    read = ChatCompletion.model_validate(completion)
    assert not read.model_extra
    assert set(read.choices[0].model_extra or ()) <= {"warnings"}
    assert set(read.choices[0].message.model_extra or ()) <= {"reasoning_content"}
    whole: dict[str, Any] = completion["choices"][0]["message"]
    return whole


def test_an_answer_is_collected_whole() -> None:
    assert message(*PARTS) == {
        "role": "assistant",
        "content": "Let me see.",
        "refusal": None,
        "reasoning_content": "I look.",
        "tool_calls": [
            {
                "id": call_id(ENVELOPE, 0, 0),
                "type": "function",
                "function": {"name": "look", "arguments": '{"at": 1}'},
            },
            {"id": call_id(ENVELOPE, 0, 1), "type": "function", "function": {"name": "go", "arguments": "{}"}},
        ],
    }


def test_content_is_null_only_beside_calls() -> None:
    assert message(*PARTS[4:])["content"] is None
    assert message(Reasoning(text="hm"))["content"] == ""
    assert message()["content"] == ""
    assert "tool_calls" not in message(Content(text="a"))
    assert "reasoning_content" not in message(Content(text="a"))


def test_a_collected_answer_has_the_envelope_the_usage_and_its_warnings() -> None:
    completion = collect(Content(text="a"), Notice(text="odd")).completion({"cost_nano": 9300})
    assert completion["choices"][0]["warnings"] == ["odd"]
    assert completion["usage"]["cost_nano"] == 9300
    assert "cost_nano" not in completion
    read = ChatCompletion.model_validate(completion)
    assert (read.id, read.object, read.created, read.model) == ("chatcmpl-1", "chat.completion", 1_700_000_000, "m")
    assert (read.system_fingerprint, read.choices[0].finish_reason) == ("fp_1", "stop")
    assert "warnings" not in collect().completion()["choices"][0]


def test_choices_are_kept_apart_and_their_usage_is_summed() -> None:
    collector = Collector(ENVELOPE, 2)
    collector.part(1, CallDelta(index=0, name="go", arguments="{}"))
    collector.part(0, Content(text="a"), [token("a")])
    collector.finish(1, "tool_calls", USAGE)
    with pytest.raises(ValueError, match="choice 0"):
        collector.completion()
    collector.finish(0, "length", Usage(prompt=10, cached=0, completion=1, reasoning=0))
    read = ChatCompletion.model_validate(collector.completion())
    assert [(choice.index, choice.finish_reason) for choice in read.choices] == [(0, "length"), (1, "tool_calls")]
    assert read.choices[0].logprobs is not None
    assert read.choices[1].logprobs is None
    calls = read.choices[1].message.tool_calls
    assert calls is not None
    assert calls[0].id == call_id(ENVELOPE, 1, 0)
    assert collector.usage == Usage(prompt=20, cached=4, completion=8, reasoning=3)


def test_the_usage_of_nothing_is_zero() -> None:
    assert total_usage([]) == Usage(prompt=0, cached=0, completion=0, reasoning=0)


def test_a_step_without_text_still_counts_its_logprobs() -> None:
    collector = Collector(ENVELOPE, 1)
    collector.part(0, None, [token("a")])
    collector.finish(0, "stop", USAGE)
    assert len(collector.completion()["choices"][0]["logprobs"]["content"]) == 1


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_of_the_table_has_openais_envelope(code: ErrorCode) -> None:
    error = error_body(SupernetError(code, "Do this.", param="model"))["error"]
    assert error == {"message": "Do this.", "type": ERRORS[code].openai_type, "param": "model", "code": code.value}


def test_an_error_inside_a_stream_says_when_to_come_back() -> None:
    error = SupernetError(ErrorCode.NO_WORKER, "Later.", retry_after_s=2.5)
    assert error_event(error)["error"]["retry_after"] == 2.5
    assert error_event(SupernetError(ErrorCode.INTERNAL_ERROR, "x")) == error_body(
        SupernetError(ErrorCode.INTERNAL_ERROR, "x")
    )


def test_an_event_is_one_line_for_every_kind_of_line_reader() -> None:
    text = "a\nb\r\u2028c\u0085d\x0be😀\ud800"
    event = sse({"text": text})
    assert event.startswith(b"data: {")
    assert event.endswith(b"}\n\n")
    assert len(event.decode().strip().splitlines()) == 1
    assert json.loads(event[6:]) == {"text": text}


def test_a_comment_cannot_break_out_of_its_line() -> None:
    assert sse_comment("waiting\n\ndata: x\r: y") == b": waiting data: x : y\n"


def client(body: list[bytes] | dict[str, Any], status: int = 200) -> openai.OpenAI:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if isinstance(body, dict):
            return httpx2.Response(status, json=body)
        return httpx2.Response(status, headers={"content-type": "text/event-stream"}, content=b"".join(body))

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(
        api_key="k", base_url="http://x/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def ask(body: list[bytes]) -> Iterator[ChatCompletionChunk]:
    return iter(
        client(body).chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
    )


def test_the_openai_client_accumulates_a_stream() -> None:
    events = [sse_comment("queued"), *(sse(chunk) for chunk in stream(*PARTS, include_usage=True))]
    events += [sse(usage_chunk(ENVELOPE, USAGE)), DONE]
    with client(events).chat.completions.stream(model="m", messages=[{"role": "user", "content": "Hi"}]) as running:
        final = running.get_final_completion()
    assert final.choices[0].message.content == "Let me see."
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        (call_id(ENVELOPE, 0, 0), "look", '{"at": 1}'),
        (call_id(ENVELOPE, 0, 1), "go", "{}"),
    ]
    assert final.usage is not None
    assert final.usage.total_tokens == 17


def test_the_openai_client_raises_an_error_in_the_middle_of_a_stream() -> None:
    failed = SupernetError(ErrorCode.ENGINE_ERROR, "The engine failed: try again.")
    chunks = ask([sse(stream()[0]), sse(error_event(failed))])
    next(chunks)
    with pytest.raises(openai.APIError) as caught:
        next(chunks)
    assert (caught.value.message, caught.value.code) == ("The engine failed: try again.", "engine_error")


def test_the_openai_client_reads_a_refusal() -> None:
    refusal = error_body(SupernetError(ErrorCode.INVALID_REQUEST, "Unknown parameter: 'x'.", param="x"))
    with pytest.raises(openai.BadRequestError) as caught:
        client(refusal, 400).chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert (caught.value.param, caught.value.code, caught.value.type) == (
        "x",
        "invalid_request",
        "invalid_request_error",
    )


class City(BaseModel):
    name: str


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDK's own, about its field `parsed`
def test_what_the_sdk_parsed_can_be_sent_back_as_the_next_turn() -> None:
    spec = ModelSpec(
        id="m",
        name="M",
        format="qwen-xml",
        repository="owner/name",
        files=(File(name="a.gguf"),),
        context=4096,
        max_output=4096,
        thinking=True,
        price=Price(prompt=1, completion=1),
        licence="MIT",
    )
    catalog = Catalog(default="m", models=(spec,))
    jobs = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        jobs.append(parse(request.read(), catalog, request.headers))
        call = CallDelta(index=0, name="City", arguments='{"name":"Ulm"}')
        whole = collect(Reasoning(text="hm"), Content(text='{"name":"Bonn"}'), call)
        return httpx2.Response(200, json=whole.completion())

    sdk = openai.OpenAI(
        api_key="k", base_url="http://x/v1", http_client=httpx2.Client(transport=httpx2.MockTransport(answer))
    )
    messages: list[Any] = [{"role": "user", "content": "Where?"}]
    tools = [openai.pydantic_function_tool(City)]
    first = sdk.chat.completions.parse(model="m", messages=messages, tools=tools, response_format=City, store=False)
    message = first.choices[0].message
    assert message.parsed == City(name="Bonn")
    assert message.tool_calls is not None
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    sdk.chat.completions.create(model="m", messages=[*messages, message, result])  # type: ignore[list-item]
    again = jobs[1].request.messages[1]
    assert (again.content, again.reasoning) == ('{"name":"Bonn"}', "hm")
    assert [(call.id, call.name, call.arguments) for call in again.tool_calls] == [
        (call_id(ENVELOPE, 0, 0), "City", '{"name":"Ulm"}')
    ]
    assert jobs[0].request.json_schema is not None
    assert jobs[0].request.tools[0].strict
