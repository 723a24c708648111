"""Chat completions with the official client against real sockets."""

import asyncio
import json
from typing import Any

import openai
import pytest

from coordinator.api.answering import choice_seed
from tests.coordinator.conftest import Coordinator, chat_of
from wire import messages as wire
from wire.chat import Timings
from wire.errors import ErrorCode
from wire.guesses import Guesses

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}


async def test_a_plain_answer_with_usage_and_cost_and_timing(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asked = asyncio.ensure_future(client.chat.completions.with_raw_response.create(**ASK))
        start = await worker.serve("hello")
        raw = await asked
        answer = raw.parse()
    assert answer.choices[0].message.content == "hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 5)
    assert answer.usage.model_extra == {
        "cost": 0.000006,
        "cost_nano_usd": 5 * 300 + 5 * 900,
        "cost_details": {"usd": "0.000006", "spark": "0.0012", "sogni": "0"},
    }
    assert raw.headers["x-supernet-attempts"] == "1"
    assert int(raw.headers["x-supernet-ttft-ms"]) >= 0
    assert raw.headers["x-request-id"].startswith("req_")
    assert chat_of(start).messages[0].content == "hi"


async def test_a_streamed_answer(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
        serving = asyncio.create_task(worker.serve("hello"))
        chunks = [chunk async for chunk in await asking]
        await serving
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hello"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


async def test_an_answer_ends_with_how_fast_it_was_made_and_what_was_guessed_is_no_usage(
    coordinator: Coordinator,
) -> None:
    guesses = (Guesses(source="lookup", drafted=9, accepted=3),)
    told = Timings(prefill_ms=10, decode_ms=20, completion=5, steps=2, guesses=guesses)
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        serving = asyncio.create_task(worker.serve("hello", told))
        whole = await client.chat.completions.create(**ASK)
        await serving
        serving = asyncio.create_task(worker.serve("hello", told))
        chunks = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]
        await serving
    assert whole.usage and whole.usage.completion_tokens == 5
    for answer in (whole, chunks[-1]):
        timings = (answer.model_extra or {})["timings"]
        assert (timings["predicted_n"], timings["predicted_per_second"]) == (5, 250)
        assert (timings["draft_n"], timings["draft_n_accepted"]) == (9, 3)


async def test_the_bytes_of_a_stream(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        serving = asyncio.create_task(worker.serve("x"))
        async with http.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response:
            text = (await response.aread()).decode()
        await serving
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    assert "x-request-id" in response.headers
    assert text.endswith("data: [DONE]\n\n")
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert len(events) == 3


async def test_several_choices_have_seeds_of_their_own_and_come_together(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join(slots=3)
        asked = asyncio.create_task(client.chat.completions.create(**ASK, n=3, seed=7))
        starts = [await worker.accept() for _ in range(3)]
        for start, text in zip(reversed(starts), ("c", "b", "a"), strict=True):
            await worker.done(start, await worker.tell(start, text))
        answer = await asked
    assert [choice.message.content for choice in answer.choices] == ["a", "b", "c"]
    assert [start.seed for start in starts] == [choice_seed(7, choice) for choice in range(3)]
    assert starts[0].seed == 7
    assert len({start.seed for start in starts}) == 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


async def test_several_choices_in_one_stream(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = asyncio.create_task(client.chat.completions.create(**ASK, n=2, stream=True))
        starts = [await worker.accept() for _ in range(2)]
        for start, text in zip(starts, ("ab", "cd"), strict=True):
            await worker.done(start, await worker.tell(start, text))
        got = {0: "", 1: ""}
        async for chunk in await asking:
            got[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert got == {0: "ab", 1: "cd"}


async def test_an_error_in_a_stream_is_an_event_and_no_done_follows(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        await worker.prove(coordinator)

        async def poison() -> None:
            for attempt in (1, 2):
                start = await worker.accept()
                crash = wire.Failed(
                    job=start.job, attempt=attempt, seq=0, code=ErrorCode.ENGINE_CRASHED, message="x", retryable=True
                )
                await worker.say(crash)

        failing = asyncio.create_task(poison())
        async with http.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response:
            text = (await response.aread()).decode()
        await failing
        again = await http.post("/v1/chat/completions", json=ASK)
    assert response.status_code == 200
    last = text.rstrip().splitlines()[-1]
    assert json.loads(last[6:])["error"]["code"] == "poison_request"
    assert "[DONE]" not in text
    assert "\n: x-supernet-attempts: 2\n" in text
    assert (again.status_code, again.json()["error"]["code"]) == (422, "poison_request")
    assert again.headers["x-should-retry"] == "false"


async def test_the_official_client_raises_an_error_that_comes_in_a_stream(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))
        start = await worker.accept()
        await worker.tell(start, "a")
        chunks = await asking
        await worker.say(
            wire.Failed(
                job=start.job,
                attempt=1,
                seq=1,
                code=ErrorCode.INVALID_REQUEST,
                message="no such thing",
                retryable=False,
            )
        )
        with pytest.raises(openai.APIError, match="no such thing") as caught:
            async for _ in chunks:
                pass
    assert caught.value.code == "invalid_request"
