"""Idempotency-Key through the real coordinator: one job, one charge, one answer."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from starlette.types import Message, Receive, Scope, Send

from coordinator.admission.idempotency import Idempotency
from coordinator.api.answering import EventStream
from coordinator.ledger.usage import read
from tests.coordinator.conftest import Coordinator, Start
from wire import messages as wire
from wire.chat import Usage
from wire.errors import ErrorCode

BODY: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
KEY = {"Idempotency-Key": "order-1"}


async def post(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post("/v1/chat/completions", json=BODY | fields, headers=KEY)


async def spent(coordinator: Coordinator) -> int:
    """What all finished requests were charged, in nano-dollars."""
    assert await coordinator.running.services.ledger.flushed(5)
    return sum(row.cost_nano for row in read(coordinator.running.database))


@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_request_twice_is_one_job_and_one_charge(coordinator: Coordinator, stream: bool) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        first = asyncio.create_task(post(client, stream=stream))
        start = await worker.accept()
        early = await post(client, stream=stream)
        assert (early.status_code, early.json()["error"]["code"]) == (409, "idempotency_conflict")
        assert early.headers["retry-after"] == "1"
        assert "x-should-retry" not in early.headers
        await worker.done(start, await worker.tell(start, "hello"))
        answer, cost = await first, await spent(coordinator)
        again = await post(client, stream=stream)
        assert again.status_code == answer.status_code == 200
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["content-type"] == answer.headers["content-type"]
        said = [line for line in answer.text.splitlines() if line and not line.startswith(":")]
        assert [line for line in again.text.splitlines() if line] == said
        assert await spent(coordinator) == cost > 0
        other = await post(client, stream=stream, max_tokens=7)
        assert (other.status_code, other.json()["error"]["param"]) == (400, "Idempotency-Key")


async def test_a_stream_is_kept_before_its_client_knows_the_end(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []
    respond, put = EventStream.__call__, Idempotency.end

    def end(self: Idempotency, *args: Any) -> None:
        kept.append(True)
        put(self, *args)

    async def watched(self: EventStream, scope: Scope, receive: Receive, send: Send) -> None:
        async def sender(message: Message) -> None:
            if message["type"] == "http.response.body" and not message["more_body"]:
                assert kept, "who reads the end may ask again at once"
            await send(message)

        await respond(self, scope, receive, sender)

    monkeypatch.setattr(Idempotency, "end", end)
    monkeypatch.setattr(EventStream, "__call__", watched)
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        asking = asyncio.create_task(post(client, stream=True))
        await worker.serve("hello")
        assert (await asking).text.endswith("data: [DONE]\n\n")
    assert kept == [True]


async def test_a_client_that_leaves_can_come_back_for_the_answer(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        first = asyncio.create_task(post(client))
        start = await worker.accept()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await worker.done(start, await worker.tell(start, "hello"))
        answers: list[httpx.Response] = []
        async with asyncio.timeout(10):
            while not answers or answers[-1].status_code == 409:
                answers.append(await post(client))
        assert answers[-1].json()["choices"][0]["message"]["content"] == "hello"


async def test_a_request_that_failed_may_be_tried_again_under_its_key(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        nobody = await post(client)
        assert nobody.status_code == 503
        await worker.join()
        asking = asyncio.create_task(post(client))
        await worker.serve("hello")
        assert (await asking).status_code == 200


async def test_a_key_is_busy_until_every_choice_of_its_failed_request_has_ended(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        first = asyncio.create_task(post(client, n=2))
        bad, slow = await worker.accept(), await worker.accept()
        fault = wire.Failed(
            job=bad.job, attempt=1, seq=0, code=ErrorCode.INVALID_REQUEST, message="no", retryable=False
        )
        await worker.say(fault)
        assert (await first).status_code == 400
        early = await post(client, n=2)  # the worker has not said yet that it let go of the other choice
        assert (early.status_code, early.json()["error"]["code"]) == (409, "idempotency_conflict")
        usage = Usage(prompt=5, cached=0, completion=0, reasoning=0)
        await worker.say(wire.Cancelled(job=slow.job, attempt=1, seq=0, usage=usage))
        again = asyncio.create_task(post(client, n=2))
        for start in (await worker.accept(), await worker.accept()):
            await worker.done(start, await worker.tell(start, "hello"))
        assert (await again).status_code == 200
        assert await spent(coordinator) == 2 * (5 * 300 + 5 * 900)


async def test_after_a_restart_the_key_is_not_charged_again_and_runs_nothing(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        async with coordinator.worker() as worker, coordinator.http() as client:
            await worker.join()
            asking = asyncio.create_task(post(client))
            await worker.serve("hello")
            assert (await asking).status_code == 200
            cost = await spent(coordinator)
    async with start_coordinator() as coordinator:
        async with coordinator.worker() as worker, coordinator.http() as client:
            await worker.join()
            again = await post(client)
            assert (again.status_code, again.headers["x-should-retry"]) == (409, "false")
            assert "charged before" in again.json()["error"]["message"]
            assert await spent(coordinator) == cost


async def test_a_key_that_is_too_long_is_refused_by_name(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        with pytest.raises(openai.BadRequestError, match="Idempotency-Key"):
            await client.chat.completions.create(**BODY, extra_headers={"Idempotency-Key": "x" * 300})
