"""Idempotency-Key through the real coordinator: one job, one charge, one answer."""

import asyncio
import gzip
import json
import threading
from hashlib import sha256
from typing import Any

import httpx
import openai
import pytest
from starlette.types import Message, Receive, Scope, Send

from coordinator.admission.idempotency import Idempotency
from coordinator.api import chat, intake
from coordinator.api.body import read_body
from coordinator.api.events import EventStream
from coordinator.api.intake import ASIDE_BYTES
from coordinator.ledger.usage import read
from coordinator.openai.chat_request import parse
from coordinator.request import ChatJob
from tests.coordinator.conftest import CATALOG, Coordinator, Start, chat_of
from tests.coordinator.pictures import image, image_url, input_image, png, uri
from wire import messages as wire
from wire.blobs import VISION
from wire.catalog import Catalog
from wire.chat import Image, Usage
from wire.errors import ErrorCode

BODY: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
KEY = {"Idempotency-Key": "order-1"}


async def post(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post("/v1/chat/completions", json=BODY | fields, headers=KEY)


async def spent(coordinator: Coordinator) -> int:
    """What all finished requests were charged, in nano-dollars."""
    assert await coordinator.running.services.ledger.flushed(5)
    return sum(row.cost_nano for row in read(coordinator.running.store.database))


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
            if message["type"] == "http.response.body" and b"[DONE]" in message["body"]:
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


async def test_after_a_restart_the_key_has_its_answer_and_runs_nothing(start_coordinator: Start) -> None:
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
            assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
            assert again.json()["choices"][0]["message"]["content"] == "hello"
            assert await spent(coordinator) == cost


async def test_a_key_that_is_too_long_is_refused_by_name(coordinator: Coordinator) -> None:
    async with coordinator.openai() as client:
        with pytest.raises(openai.BadRequestError, match="Idempotency-Key"):
            await client.chat.completions.create(**BODY, extra_headers={"Idempotency-Key": "x" * 300})


# ---- large bodies and pictures ---------------------------------------------------------------------------------------

SEEING = CATALOG.replace("files: [{name: tiny.gguf}]", "files: [{name: tiny.gguf}], projector: {name: eyes.gguf}")
LARGE = png(padding=3_200_000)  # in base64 it makes a body of more than 4 MiB
ASKED = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": [image_url(uri(LARGE))]}]},
    "/v1/responses": {"input": [{"role": "user", "content": [input_image(uri(LARGE))]}]},
    "/v1/messages": {"messages": [{"role": "user", "content": [image(LARGE)]}]},
}


class Body(bytes):
    """A body that says when nobody holds it any more."""

    let_go = False

    def __del__(self) -> None:
        Body.let_go = True


@pytest.mark.parametrize(("path", "encoding"), [*((path, "") for path in ASKED), ("/v1/messages", "gzip")])
async def test_a_picture_comes_to_the_worker_by_its_name_and_the_body_is_let_go(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch, path: str, encoding: str
) -> None:
    async def watched(*args: Any) -> Body:
        return Body(await read_body(*args))

    monkeypatch.setattr(intake, "read_body", watched)
    Body.let_go = False
    body = json.dumps(ASKED[path]).encode()
    headers = {"content-encoding": encoding} if encoding else {}
    async with start_coordinator(SEEING) as coordinator, coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        sent = gzip.compress(body, 0) if encoding else body
        asking = asyncio.create_task(client.post(path, content=sent, headers=headers))
        start = await worker.accept()
        assert chat_of(start).messages[0].images == (
            Image(at=0, sha256=sha256(LARGE).hexdigest(), size_bytes=len(LARGE), most=1024),
        )
        (job,) = coordinator.running.services.hub.cell._state.jobs.values()
        assert list(job.spec.blobs.values()) == [LARGE]
        assert Body.let_go
        await worker.done(start, await worker.tell(start, "hi"))
        assert (await asking).status_code == 200


async def test_a_large_body_is_read_aside_and_in_turn(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def parsed(body: bytes, catalog: Catalog, headers: Any) -> ChatJob:
        threads.append(threading.current_thread().name)
        return parse(body, catalog, headers)

    monkeypatch.setattr(chat, "parse", parsed)
    async with start_coordinator(SEEING) as coordinator, coordinator.http() as client:
        for content in ("hi", "h" * ASIDE_BYTES, [image_url(uri(LARGE))]):
            await client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": content}]})
    assert [name.startswith("bodies") for name in threads] == [False, True, True]


@pytest.mark.parametrize("path", list(ASKED))
async def test_a_body_is_large_because_of_pictures_that_are_seen_and_for_nothing_else(
    coordinator: Coordinator, start_coordinator: Start, path: str
) -> None:
    words = {"role": "user", "content": "h" * 5_000_000}
    async with coordinator.http() as client:
        body = {"input": [words]} if path == "/v1/responses" else {"messages": [words]}
        response = await client.post(path, json=body)
        assert (response.status_code, response.json()["error"]["type"] != "") == (413, True)
        assert "5000" in response.json()["error"]["message"]
        response = await client.post(path, json=ASKED[path])
        assert response.status_code == 400
        message = response.json()["error"]["message"]
        assert "this model takes text only" in message
        assert len(message) < 300


async def test_the_same_picture_twice_under_one_key_is_one_job(start_coordinator: Start) -> None:
    async with start_coordinator(SEEING) as coordinator, coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asked = ASKED["/v1/chat/completions"]
        first = asyncio.create_task(client.post("/v1/chat/completions", json=asked, headers=KEY))
        await worker.serve("hello")
        assert (await first).status_code == 200
        again = await client.post("/v1/chat/completions", json=asked, headers=KEY)
        assert again.headers["idempotent-replayed"] == "true"
        small = {"messages": [{"role": "user", "content": [image_url()]}]}
        other = await client.post("/v1/chat/completions", json=small, headers=KEY)
        assert (other.status_code, other.json()["error"]["param"]) == (400, "Idempotency-Key")


TWO: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": [image_url(), image_url(uri(LARGE))]}]},
    "/v1/responses": {"instructions": "x", "input": [{"role": "user", "content": [input_image(), input_image()]}]},
    "/v1/messages": {"system": "x", "messages": [{"role": "user", "content": [image(), image()]}]},
}
PLACES = {
    "/v1/chat/completions": "messages[0].content[1].image_url",
    "/v1/responses": "input[0].content[1].image_url",
    "/v1/messages": "messages[0].content[1].source",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", list(TWO))
async def test_a_picture_that_a_worker_cannot_read_is_named_by_its_place(
    start_coordinator: Start, path: str, stream: bool
) -> None:
    async with start_coordinator(SEEING) as coordinator, coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asking = asyncio.create_task(client.post(path, json=TWO[path] | {"stream": stream}))
        start = await worker.hear(wire.Start)
        head = {"job": start.job, "attempt": 1, "code": ErrorCode.INVALID_REQUEST}
        await worker.say(wire.Refused(**head, message="The picture is damaged.", param="images[1]"))
        response = await asking
    error = response.json()["error"]
    assert response.status_code == 400
    assert error.get("param", PLACES[path]) == PLACES[path]  # Anthropic's errors have no such field
    assert error["message"].startswith(f"Invalid '{PLACES[path]}': ")
    assert "The picture is damaged." in error["message"]
