"""The path that all APIs share: early errors, leavers, slow readers, accounts. Real sockets, scripted workers."""

import asyncio
from typing import Any

import openai
import pytest

from coordinator.ledger.orders import UsageRow
from coordinator.ledger.usage import read
from tests.coordinator.conftest import Coordinator, FakeWorker, Start, delta, until
from wire import messages as wire
from wire.chat import Content, Usage
from wire.errors import ErrorCode

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}


async def test_a_lost_worker_is_a_pause_and_nothing_else(coordinator: Coordinator) -> None:
    async with coordinator.worker() as second, coordinator.openai() as client:
        async with coordinator.worker() as first:
            await first.join("w1")
            stream = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))
            start = await first.accept()
            await first.tell(start, "hel")
            chunks = await stream
            text = ""
            async for chunk in chunks:
                text += chunk.choices[0].delta.content or ""
                if text == "hel":
                    break
            await second.join("w2")
        again = await second.accept()  # the first said goodbye: nobody waits for it
        assert (again.attempt, "".join(map(chr, again.delivered))) == (2, "hel")
        await second.done(again, await second.tell(again, "lo"))
        async for chunk in chunks:
            text += chunk.choices[0].delta.content or ""
    assert text == "hello"


async def test_what_a_poisonous_request_was_given_is_not_charged(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        await worker.prove(coordinator)
        asking = asyncio.create_task(client.chat.completions.create(**ASK))
        for attempt in (1, 2):
            start = await worker.accept()
            told = await worker.tell(start, "ab") if attempt == 1 else 0
            crash = wire.Failed(
                job=start.job, attempt=attempt, seq=told, code=ErrorCode.ENGINE_CRASHED, message="x", retryable=True
            )
            await worker.say(crash)
        with pytest.raises(openai.UnprocessableEntityError):
            await asking
    row = (await written(coordinator, 2))[-1]
    assert (row.finish, row.attempts, row.completion, row.cost_nano) == ("poison_request", 2, 2, 0)


async def test_a_dropped_socket_is_resumed_by_its_worker(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        async with coordinator.worker() as worker:
            welcome = await worker.join("w1")
            stream = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))
            start = await worker.accept()
            await worker.tell(start, "hel")
            chunks = await stream
            worker.socket.transport.abort()
        async with coordinator.worker() as worker:
            running = wire.RunningJob(job=start.job, attempt=1, next_seq=3)
            kept = await worker.join("w1", resume=wire.Resume(session=welcome.session, jobs=(running,)))
            assert [each.next_seq for each in kept.kept] == [3]
            await worker.done(start, await worker.tell(start, "lo", seq=3))
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
    assert text == "hello"


async def test_an_error_of_the_requests_preparation_is_an_http_status_in_streams_too(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asking = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))
        start = await worker.hear(wire.Start)
        code = ErrorCode.CONTEXT_LENGTH_EXCEEDED
        refused = wire.Refused(job=start.job, attempt=1, code=code, message="too long", param="messages")
        await worker.say(refused)
        with pytest.raises(openai.BadRequestError) as caught:
            await asking
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "messages"
    assert caught.value.response.headers["x-should-retry"] == "false"


async def test_without_a_worker_the_status_says_so_and_when_to_retry(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(**ASK, stream=True)
    assert caught.value.status_code == 503
    assert caught.value.code == "no_worker"
    assert caught.value.response.headers["retry-after"] == "10"
    assert caught.value.response.headers["retry-after-ms"] == "10000"


async def test_a_waiting_stream_says_its_place(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator, coordinator.worker() as worker, coordinator.http() as http:
        await worker.join(slots=1)
        first = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await worker.accept()
        async with http.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as response:
            lines = response.aiter_lines()
            assert await anext(lines) == ": queued, place 1, about 10 s"
            await worker.done(start, 0)
            await worker.serve("x")
            rest = "\n".join([line async for line in lines])
        assert (await first).status_code == 200
    assert rest.rstrip().endswith("[DONE]")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_during_prefill_frees_the_slot(coordinator: Coordinator, stream: bool) -> None:
    async with coordinator.worker() as worker:
        await worker.join()
        async with coordinator.http() as http:
            asking = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "stream": stream}))
            start = await worker.accept()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        cancel = await worker.hear(wire.Cancel)
        assert cancel.job == start.job


async def test_a_job_ends_when_its_client_has_waited_as_long_as_it_said(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        asking = asyncio.create_task(
            http.post("/v1/chat/completions", json=ASK, headers={"x-stainless-read-timeout": "1"})
        )
        start = await worker.accept()
        assert (await worker.hear(wire.Cancel)).job == start.job
        response = await asking
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")


async def test_a_stream_is_never_silent_for_longer_than_its_client_bears(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        request: dict[str, Any] = {
            "json": {**ASK, "stream": True},
            "headers": {"x-stainless-read-timeout": "1"},
            "timeout": 1.0,
        }
        asking = asyncio.create_task(worker.accept())
        async with http.stream("POST", "/v1/chat/completions", **request) as response:
            lines = response.aiter_lines()
            pings = 0
            while pings < 4:  # two seconds and more: httpx itself would have given up
                pings += await anext(lines) == ": ping"
            start = await asking
            await worker.done(start, await worker.tell(start, "late"))
            rest = [line async for line in lines]
    assert rest[-2:] == ["data: [DONE]", ""]


async def test_a_time_to_wait_that_is_none_is_refused_by_name(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        headers = {"x-stainless-read-timeout": "soon"}
        response = await http.post("/v1/chat/completions", json=ASK, headers=headers)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "x-stainless-read-timeout")


async def test_a_client_that_leaves_the_queue_is_forgotten(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker:
        await worker.join(slots=1)
        async with coordinator.http() as http:
            first = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
            start = await worker.accept()
            second = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
            dispatch = coordinator.running.services.hub.dispatch
            await until(lambda: dispatch.online("tiny").waiting == 1)
            second.cancel()
            await until(lambda: dispatch.online("tiny").waiting == 0)
            await worker.done(start, 0)
            assert (await first).status_code == 200
            await asyncio.gather(second, return_exceptions=True)


async def test_a_client_that_does_not_read_stops_only_its_own_job(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coordinator.hub import hub

    monkeypatch.setattr(hub, "SLOW_CLIENT_S", 1.0)
    monkeypatch.setattr("coordinator.dispatch.claims.TEXT_PER_TOKEN", 2**30)
    monkeypatch.setattr("coordinator.hub.buffers.INBOX_BYTES", 2**30)
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        request = http.build_request("POST", "/v1/chat/completions", json={**ASK, "stream": True, "max_tokens": 512})
        sending = asyncio.create_task(http.send(request, stream=True))
        start = await worker.accept()
        response = await sending
        assert response.status_code == 200
        cancel: asyncio.Task[Any] = asyncio.create_task(worker.hear(wire.Cancel))
        big = "x" * 200_000  # one token, much text: what fills the buffers of the kernel
        seq = 0
        while not cancel.done() and seq < 400:
            item = delta(start, seq, "x").items[0].model_copy(update={"parts": (Content(text=big),)})
            await worker.say(wire.Deltas(items=(item,)))
            seq += 1
            await asyncio.sleep(0.005)
        assert (await cancel).job == start.job
        await response.aclose()
        await worker.say(wire.Cancelled(job=start.job, attempt=1, seq=seq, usage=Usage(prompt=5, completion=1)))
        other = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        await worker.serve("ok")
        assert (await other).json()["choices"][0]["message"]["content"] == "ok"


async def test_every_job_that_a_worker_had_leaves_one_row_of_usage(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.openai() as client:
        await worker.join()
        asked = asyncio.create_task(client.chat.completions.create(**ASK))
        await worker.serve("hello")
        await asked
        cut = asyncio.create_task(client.chat.completions.create(**ASK, stream=True))
        start = await worker.accept()
        await worker.tell(start, "abc")
        chunks = await cut
        async for chunk in chunks:
            if chunk.choices[0].delta.content == "c":
                break
        await chunks.close()
        await worker.hear(wire.Cancel)
        await worker.say(wire.Cancelled(job=start.job, attempt=1, seq=3, usage=Usage(prompt=5, completion=99)))
        rows = await written(coordinator, 2)
    assert [(row.finish, row.prompt, row.completion, row.cost_nano) for row in rows] == [
        ("stop", 5, 5, 6000),
        ("cancelled", 5, 3, 4200),
    ]
    assert rows[0].worker is not None
    assert rows[0].worker.endswith("/w1")


async def written(coordinator: Coordinator, count: int) -> list[UsageRow]:
    running = coordinator.running
    async with asyncio.timeout(10):
        while True:
            rows = await running.store.run(read)
            if len(rows) >= count:
                return rows
            await asyncio.sleep(0.02)


async def test_hundred_requests_at_once_are_all_answered(start_coordinator: Start) -> None:
    async with (
        start_coordinator(queue=200, queue_per_account=200) as coordinator,
        coordinator.worker() as worker,
        coordinator.http() as http,
    ):
        await worker.join(slots=4)
        serving = asyncio.create_task(echo(worker, 100))
        posts = [http.post("/v1/chat/completions", json={**ASK, "stream": i % 2 == 0}) for i in range(100)]
        answers = await asyncio.gather(*posts)
        await serving
    assert [answer.status_code for answer in answers] == [200] * 100
    assert all("[DONE]" in a.text if i % 2 == 0 else "hey" in a.text for i, a in enumerate(answers))


async def echo(worker: FakeWorker, count: int) -> None:
    for _ in range(count):
        await worker.serve("hey")
