"""The Responses API with the official client against real sockets, the model's words scripted."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseCompletedEvent, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.coordinator.conftest import Coordinator, FakeWorker, chat_of
from wire import messages as wire
from wire.chat import CallDelta, Content, Notice, Part, Reasoning, ToolCall, Usage
from wire.errors import ErrorCode

ASK: dict[str, Any] = {"model": "tiny", "input": "hi"}
TOOL: Any = {
    "type": "function",
    "name": "look",
    "description": "Look at a place",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    "strict": False,
}
EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)


async def serve(worker: FakeWorker, steps: Sequence[Sequence[Part]], reason: str = "stop") -> wire.Start:
    """One job whose answer is these parts, one token a step."""
    start = await worker.accept()
    for seq, parts in enumerate(steps):
        item = wire.Delta(job=start.job, attempt=start.attempt, seq=seq, tokens=(seq,), parts=tuple(parts))
        await worker.say(wire.Deltas(items=(item,)))
    usage = Usage(prompt=5, cached=2, completion=len(steps), reasoning=1)
    head: dict[str, Any] = {"job": start.job, "attempt": start.attempt, "seq": len(steps)}
    await worker.say(wire.Done(**head, finish_reason=reason, usage=usage))
    return start


def texts(*words: str) -> list[list[Part]]:
    return [[Content(text=word)] for word in words]


CHAT_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CALL: list[list[Part]] = [
    [Reasoning(text="I must ")],
    [Reasoning(text="look.")],
    [CallDelta(index=0, name="look", arguments="")],
    [CallDelta(index=0, arguments='{"at":')],
    [CallDelta(index=0, arguments='"home"}')],
]


async def test_a_plain_answer(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = asyncio.ensure_future(client.responses.with_raw_response.create(**ASK, instructions="Be brief."))
        start = await serve(worker, texts("hel", "lo"))
        raw = await asking
    answer = raw.parse()
    Response.model_validate(json.loads(raw.text))
    assert answer.output_text == "hello"
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    assert answer.id.startswith("resp_")
    assert [(item.type, item.id[:4], item.status) for item in answer.output] == [("message", "msg_", "completed")]
    assert answer.usage is not None
    assert answer.usage.to_dict() == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 7,
        "cost": 0.0000033,
        "cost_nano_usd": 5 * 300 + 2 * 900,
        "cost_details": {"usd": "0.0000033", "spark": "0.00066", "sogni": "0"},
    }
    assert raw.headers["x-supernet-attempts"] == "1"
    assert (answer.instructions, answer.to_dict()["store"]) == ("Be brief.", False)
    assert [(message.role, message.content) for message in chat_of(start).messages] == [
        ("system", "Be brief."),
        ("user", "hi"),
    ]


async def test_the_bytes_of_a_stream_are_named_and_numbered_events_of_the_official_types(
    coordinator: Coordinator,
) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        serving = asyncio.create_task(serve(worker, [[Reasoning(text="Hm.")], *texts("a", "b")]))
        async with http.stream("POST", "/v1/responses", json={**ASK, "stream": True}) as response:
            text = (await response.aread()).decode()
        await serving
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "[DONE]" not in text
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if not block.startswith(":")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [event["type"] for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        EVENTS.validate_python(event)


async def test_the_sdk_puts_a_stream_together_to_what_the_last_event_says(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        serving = asyncio.create_task(serve(worker, [*CALL, *texts("Done", ".")], "tool_calls"))
        async with client.responses.stream(**ASK, tools=[TOOL]) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
        await serving
    assert [item.type for item in final.output] == ["reasoning", "function_call", "message"]
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent)
    assert final.output_text == "Done."
    deltas = [event for event in events if event.type == "response.function_call_arguments.delta"]
    assert deltas[-1].snapshot == '{"at":"home"}'


async def test_a_loop_of_calls_whose_items_are_fed_back_as_they_came(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        items: list[Any] = [{"role": "user", "content": "Where?"}]
        requests: list[wire.Start] = []
        for step in (CALL, CALL, texts("At home.")):
            reason = "stop" if step is not CALL else "tool_calls"
            serving = asyncio.create_task(serve(worker, step, reason))
            answer = await client.responses.create(model="tiny", input=items, tools=[TOOL])
            requests.append(await serving)
            items += answer.output
            for item in answer.output:
                if item.type == "function_call":
                    assert json.loads(item.arguments) == {"at": "home"}
                    items.append({"type": "function_call_output", "call_id": item.call_id, "output": "warm"})
    assert answer.output_text == "At home."
    sent = chat_of(requests[-1]).messages
    assert [message.role for message in sent] == ["user", "assistant", "tool", "assistant", "tool"]
    assert sent[1].reasoning == "I must look."
    assert sent[1].tool_calls == (ToolCall(id=sent[2].tool_call_id or "", name="look", arguments='{"at":"home"}'),)
    assert (sent[2].content, sent[4].content) == ("warm", "warm")
    assert sent[2].tool_call_id != sent[4].tool_call_id
    assert chat_of(requests[0]).tools[0].name == "look"


async def test_parallel_calls_of_a_namespace_come_back_with_their_namespace(coordinator: Coordinator) -> None:
    space: Any = {"type": "namespace", "name": "eyes", "description": "To see.", "tools": [TOOL]}
    calls: list[list[Part]] = [
        [CallDelta(index=0, name="eyes.look", arguments="{}")],
        [CallDelta(index=1, name="eyes.look", arguments="{}")],
    ]
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        serving = asyncio.create_task(serve(worker, calls, "tool_calls"))
        answer = await client.responses.create(**ASK, tools=[space])
        start = await serving
        items = [*answer.output]
        again: Any = [item.to_dict() for item in items]
        outputs: Any = [{"type": "function_call_output", "call_id": call["call_id"], "output": "-"} for call in again]
        serving = asyncio.create_task(serve(worker, texts("ok")))
        await client.responses.create(model="tiny", input=[*again, *outputs], tools=[space])
        second = await serving
    assert [(call["namespace"], call["name"]) for call in again] == [("eyes", "look")] * 2
    assert len({call["call_id"] for call in again}) == len({call["id"] for call in again}) == 2
    assert chat_of(start).tools[0].name == "eyes.look"
    assert [call.name for call in chat_of(second).messages[0].tool_calls] == ["eyes.look"] * 2
    assert [message.role for message in chat_of(second).messages] == ["assistant", "tool", "tool"]


class Place(BaseModel):
    city: str


async def test_a_parsed_answer(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        serving = asyncio.create_task(serve(worker, texts('{"city": ', '"Rome"}')))
        answer = await client.responses.parse(**ASK, text_format=Place)
        start = await serving
    assert answer.output_parsed == Place(city="Rome")
    schema = chat_of(start).json_schema
    assert schema is not None
    assert schema["required"] == ["city"]


async def test_an_answer_that_was_cut_is_incomplete_in_both_ways(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        serving = asyncio.create_task(serve(worker, CALL[:4], "length"))
        whole = await client.responses.create(**ASK, max_output_tokens=4, tools=[TOOL])
        start = await serving
        serving = asyncio.create_task(serve(worker, CALL[:4], "length"))
        events = [event async for event in await client.responses.create(**ASK, stream=True, tools=[TOOL])]
        await serving
    assert chat_of(start).max_tokens == 4
    last = events[-1]
    assert last.type == "response.incomplete"
    for answer in (whole, last.response):
        assert answer.status == "incomplete"
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == "max_output_tokens"
        assert [item.to_dict()["status"] for item in answer.output] == ["completed", "incomplete"]


async def test_an_error_in_a_stream_is_the_failed_response_and_nothing_follows(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = asyncio.create_task(client.responses.create(**ASK, stream=True))
        start = await worker.accept()
        await worker.tell(start, "ab")
        stream = await asking
        code = ErrorCode.CONTEXT_LENGTH_EXCEEDED
        failed = wire.Failed(
            job=start.job, attempt=1, seq=2, code=code, message="too long", param="messages", retryable=False
        )
        await worker.say(failed)
        events = [event async for event in stream]
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error is not None
    error = last.response.error.to_dict()
    assert "In the worker's words: 'too long'" in str(error.pop("message"))
    assert error == {
        "code": "context_length_exceeded",
        "type": "context_length_exceeded",
        "param": "input",
    }
    assert last.response.output[0].type == "message"
    assert last.response.output[0].status == "incomplete"
    assert "response.output_item.done" not in [event.type for event in events]


@pytest.mark.parametrize("stream", [True, False])
async def test_an_early_error_is_an_http_status_and_names_the_field_as_this_api_does(
    coordinator: Coordinator, stream: bool
) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = asyncio.create_task(client.responses.create(**ASK, stream=stream))
        start = await worker.hear(wire.Start)
        code = ErrorCode.CONTEXT_LENGTH_EXCEEDED
        refused = wire.Refused(job=start.job, attempt=1, code=code, message="too long", param="messages")
        await worker.say(refused)
        with pytest.raises(openai.BadRequestError) as caught:
            await asking
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")


async def test_a_refused_field_is_a_400_of_the_type_that_clients_catch(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        with pytest.raises(openai.BadRequestError, match="nothing is stored") as caught:
            await client.responses.create(**ASK, previous_response_id="resp_1")
        assert caught.value.param == "previous_response_id"
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="gpt-9", input="hi")
        with pytest.raises(openai.NotFoundError):  # there is nothing to come back for
            await client.responses.retrieve("resp_1")


async def test_what_was_malformed_is_told_beside_an_answer_that_stands(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        serving = asyncio.create_task(serve(worker, [*texts("x"), [Notice(text="a call was not closed")]]))
        answer = (await http.post("/v1/responses", json=ASK)).json()
        await serving
    (warning,) = answer["warnings"]
    assert warning.endswith("In the worker's words: 'a call was not closed'")
    assert answer["output"][0]["content"][0]["text"] == "x"


@pytest.mark.parametrize("stream", [False, True])
async def test_arguments_that_are_no_json_are_told_of_beside_the_call(coordinator: Coordinator, stream: bool) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        broken: list[list[Part]] = [[CallDelta(index=0, name="look")], [CallDelta(index=0, arguments='{"at": home')]]
        serving = asyncio.create_task(serve(worker, broken, "tool_calls"))
        asked = {"messages": [{"role": "user", "content": "hi"}], "tools": [CHAT_TOOL], "stream": stream}
        answer = await http.post("/v1/chat/completions", json={"model": "tiny", **asked})
        await serving
    assert answer.status_code == 200
    assert "the arguments of a tool call are no JSON" in answer.text
    assert answer.text.count("home") == 1


async def test_a_lost_worker_is_a_pause_within_the_same_item(coordinator: Coordinator) -> None:
    async with coordinator.worker() as second, coordinator.openai() as client:
        async with coordinator.worker() as first:
            await first.join("w1")
            asking = asyncio.create_task(client.responses.create(**ASK, stream=True))
            start = await first.accept()
            await first.tell(start, "hel")
            stream = await asking
            events = []
            async for event in stream:
                events.append(event)
                if event.type == "response.output_text.delta" and event.delta == "l":
                    break
            await second.join("w2")
        again = await second.accept()
        assert "".join(map(chr, again.delivered)) == "hel"
        await second.done(again, await second.tell(again, "lo"))
        events += [event async for event in stream]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "hello"
    assert [event.type for event in events].count("response.output_item.added") == 1
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_frees_the_slot(coordinator: Coordinator, stream: bool) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        async with coordinator.http() as http:
            asking = asyncio.create_task(http.post("/v1/responses", json={**ASK, "stream": stream}))
            start = await worker.accept()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        cancel = await worker.hear(wire.Cancel)
        assert cancel.job == start.job
