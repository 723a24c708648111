"""The Messages API with Anthropic's official client against real sockets, the model's words scripted."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from pydantic import TypeAdapter

from tests.coordinator.conftest import Coordinator, FakeWorker, chat_of
from wire import messages as wire
from wire.chat import CallDelta, Content, Part, Reasoning, ToolCall, Usage
from wire.errors import ErrorCode

ASK: dict[str, Any] = {"model": "tiny", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
TOOL: Any = {
    "name": "look",
    "description": "Look at a place",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}},
}
EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
CALL: list[list[Part]] = [
    [Reasoning(text="I must ")],
    [Reasoning(text="look.")],
    [CallDelta(index=0, name="look", arguments="")],
    [CallDelta(index=0, arguments='{"at":')],
    [CallDelta(index=0, arguments='"home"}')],
]


def client(coordinator: Coordinator, **options: Any) -> anthropic.AsyncAnthropic:
    wishes: dict[str, Any] = {"api_key": coordinator.key, "max_retries": 0} | options
    return anthropic.AsyncAnthropic(base_url=coordinator.url, **wishes)


async def serve(
    worker: FakeWorker, steps: Sequence[Sequence[Part]], reason: str = "stop", stop: str | None = None
) -> wire.Start:
    """One job whose answer is these parts, one token a step."""
    start = await worker.accept()
    for seq, parts in enumerate(steps):
        item = wire.Delta(job=start.job, attempt=start.attempt, seq=seq, tokens=(seq,), parts=tuple(parts))
        await worker.say(wire.Deltas(items=(item,)))
    usage = Usage(prompt=5, cached=2, completion=len(steps), reasoning=1)
    head: dict[str, Any] = {"job": start.job, "attempt": start.attempt, "seq": len(steps)}
    await worker.say(wire.Done(**head, finish_reason=reason, stop=stop, usage=usage))
    return start


def texts(*words: str) -> list[list[Part]]:
    return [[Content(text=word)] for word in words]


async def test_a_plain_answer(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, client(coordinator) as sdk:
        await worker.join()
        asking = asyncio.ensure_future(sdk.messages.with_raw_response.create(**ASK, system="Be brief."))
        start = await serve(worker, texts("hel", "lo"))
        raw = await asking
    message = Message.model_validate(json.loads(await raw.text()))
    assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "hello"}]
    assert (message.stop_reason, message.stop_sequence, message.model) == ("end_turn", None, "tiny")
    assert message.id.startswith("msg_")
    assert message.usage.to_dict() == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2,
        "output_tokens": 2,
        "cost": 0.0000033,
        "cost_nano_usd": 5 * 300 + 2 * 900,
        "cost_details": {"usd": "0.0000033", "spark": "0.00066", "sogni": "0"},
    }
    assert raw.headers["x-supernet-attempts"] == "1"
    assert raw.headers["request-id"] == raw.headers["x-request-id"]
    request = chat_of(start)
    assert [(message.role, message.content) for message in request.messages] == [
        ("system", "Be brief."),
        ("user", "hi"),
    ]
    assert (request.thinking, request.max_tokens) == (False, 100)


async def test_the_bytes_of_a_stream_are_named_events_of_the_official_types(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        serving = asyncio.create_task(serve(worker, [[Reasoning(text="Hm.")], *texts("a", "b")]))
        async with http.stream("POST", "/v1/messages?beta=true", json={**ASK, "stream": True}) as response:
            text = (await response.aread()).decode()
        await serving
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in text.strip().split("\n\n") if not block.startswith(":")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [event["type"] for event in events]
    assert [event["type"] for event in events][:2] == ["message_start", "ping"]
    for event in events:
        if event["type"] != "ping":
            EVENTS.validate_python(event)


async def test_the_sdk_puts_a_stream_together(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, client(coordinator) as sdk:
        await worker.join()
        serving = asyncio.create_task(serve(worker, [*texts("I look."), *CALL], "tool_calls"))
        async with sdk.messages.stream(**ASK, tools=[TOOL]) as stream:
            final = await stream.get_final_message()
        await serving
    assert [block.type for block in final.content] == ["text", "thinking", "tool_use"]
    assert final.content[2].to_dict()["input"] == {"at": "home"}
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("tool_use", 3, 6)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_loop_of_calls_whose_blocks_are_fed_back_as_they_came(coordinator: Coordinator, stream: bool) -> None:
    async with coordinator.worker() as worker, client(coordinator) as sdk:
        await worker.join()
        messages: list[Any] = [{"role": "user", "content": "Where?"}]
        requests: list[wire.Start] = []
        for step in (CALL, CALL, texts("At home.")):
            serving = asyncio.create_task(serve(worker, step, "stop" if step is not CALL else "tool_calls"))
            asked: dict[str, Any] = {**ASK, "messages": messages, "tools": [TOOL], "thinking": {"type": "adaptive"}}
            if stream:
                async with sdk.messages.stream(**asked) as events:
                    answer: Any = await events.get_final_message()
            else:
                answer = await sdk.messages.create(**asked)
            requests.append(await serving)
            messages.append({"role": "assistant", "content": answer.content})
            uses = [block for block in answer.content if block.type == "tool_use"]
            results = [{"type": "tool_result", "tool_use_id": use.id, "content": "warm"} for use in uses]
            messages += [{"role": "user", "content": results}] if results else []
    assert answer.content[0].text == "At home."
    sent = chat_of(requests[-1]).messages
    assert [message.role for message in sent] == ["user", "assistant", "tool", "assistant", "tool"]
    assert sent[1].reasoning == "I must look."
    assert sent[1].tool_calls == (ToolCall(id=sent[2].tool_call_id or "", name="look", arguments='{"at": "home"}'),)
    assert sent[2].tool_call_id != sent[4].tool_call_id


async def test_the_stop_string_that_ended_an_answer_is_named(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, client(coordinator) as sdk:
        await worker.join()
        asking = asyncio.ensure_future(sdk.messages.create(**ASK, stop_sequences=["END", "STOP"]))
        start = await serve(worker, texts("so"), stop="STOP")
        message = await asking
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "STOP")
    assert chat_of(start).stop == ("END", "STOP")


async def test_errors_are_the_sdks_own_and_say_what_to_do(coordinator: Coordinator) -> None:
    async with client(coordinator) as sdk:
        with pytest.raises(anthropic.NotFoundError) as unknown:
            await sdk.messages.create(**{**ASK, "model": "claude-opus-4-8"})
        with pytest.raises(anthropic.BadRequestError) as wrong:
            await sdk.messages.create(**ASK, extra_body={"nonsense": 1})
    assert "ANTHROPIC_MODEL" in unknown.value.message
    body: Any = wrong.value.body
    assert (body["type"], body["error"]["type"], body["error"]["param"]) == (
        "error",
        "invalid_request_error",
        "nonsense",
    )
    assert wrong.value.request_id == body["request_id"]
    async with client(coordinator, api_key="sk-ant-x") as sdk:
        with pytest.raises(anthropic.AuthenticationError):
            await sdk.messages.create(**ASK)


async def test_what_the_router_says_is_in_the_same_envelope(coordinator: Coordinator) -> None:
    async with httpx.AsyncClient(base_url=coordinator.url, headers={"x-api-key": coordinator.key}) as http:
        for method, path, status, kind in (
            ("GET", "/v1/messages", 405, "invalid_request_error"),
            ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ):
            response = await http.request(method, path)
            assert response.status_code == status
            ErrorResponse.model_validate(response.json())
            assert response.json()["error"]["type"] == kind


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_failure_before_the_first_byte_keeps_its_status(coordinator: Coordinator, stream: bool) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        asking = asyncio.create_task(http.post("/v1/messages", json={**ASK, "stream": stream}))
        start = await worker.hear(wire.Start)
        head: dict[str, Any] = {"job": start.job, "attempt": start.attempt}
        code = ErrorCode.CONTEXT_LENGTH_EXCEEDED
        await worker.say(wire.Refused(**head, code=code, message="too long", param="messages"))
        response = await asking
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("prompt is too long: ")


async def test_a_failure_in_the_stream_is_an_event_that_the_sdk_raises(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, client(coordinator) as sdk:
        await worker.join()

        async def begin() -> None:
            start = await worker.accept()
            await worker.tell(start, "ab")
            head: dict[str, Any] = {"job": start.job, "attempt": start.attempt, "seq": 2}
            code = ErrorCode.INVALID_REQUEST
            await worker.say(wire.Failed(**head, code=code, message="bad", param="response_format", retryable=False))

        serving = asyncio.create_task(begin())
        with pytest.raises(anthropic.APIStatusError) as caught:
            async with sdk.messages.stream(**ASK) as stream:
                async for _ in stream:
                    pass
        await serving
    body: Any = caught.value.body
    assert (body["type"], body["error"]["param"]) == ("error", "output_config.format")
