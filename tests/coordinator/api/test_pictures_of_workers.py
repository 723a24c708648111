"""Files of pictures on real sockets: a worker asks from where it has them, asks wrongly, or its line is cut."""

import asyncio
import random
from base64 import b64decode
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest

from coordinator.admission.blob_budget import BlobBudget
from tests.coordinator.conftest import CATALOG, Coordinator, FakeWorker, Start, delta, until
from tests.coordinator.pictures import image_url, png, uri
from wire import messages as wire
from wire.blobs import PIECE_BYTES, VISION, Blob, Need, Wanted
from wire.chat import Usage
from wire.codec import to_worker
from wire.errors import ErrorCode

SEEING = CATALOG.replace("files: [{name: tiny.gguf}]", "files: [{name: tiny.gguf}], projector: {name: eyes.gguf}")
RED = png(0xFF0000) + random.Random(1).randbytes(3 * PIECE_BYTES)
BLUE = png(0x0000FF)
NAMES = {data: sha256(data).hexdigest() for data in (RED, BLUE)}


@pytest.fixture
async def coordinator(start_coordinator: Start) -> AsyncIterator[Coordinator]:
    async with start_coordinator(SEEING) as running:
        yield running


def ask(client: httpx.AsyncClient, *files: bytes, **fields: Any) -> asyncio.Task[httpx.Response]:
    content = [*(image_url(uri(data)) for data in files), {"type": "text", "text": "what is it?"}]
    body = {"model": "tiny", "messages": [{"role": "user", "content": content}], **fields}
    return asyncio.create_task(client.post("/v1/chat/completions", json=body))


async def need(worker: FakeWorker, start: wire.Start, *files: tuple[bytes, int]) -> None:
    wanted = tuple(Wanted(sha256=NAMES[data], offset=offset) for data, offset in files)
    await worker.say(Need(job=start.job, attempt=start.attempt, files=wanted))


async def file(worker: FakeWorker, data: bytes, offset: int = 0) -> bytes:
    """What comes of a file, to its end; nothing else may come between."""
    got = data[:offset]
    while len(got) < len(data):
        blob = await worker.hear(Blob)
        assert (blob.sha256, blob.offset, blob.size_bytes) == (NAMES[data], len(got), len(data))
        got += b64decode(blob.data)
    return got


async def finish(worker: FakeWorker, start: wire.Start, text: str = "red") -> None:
    await worker.say(wire.Accepted(job=start.job, attempt=start.attempt))
    await worker.done(start, await worker.tell(start, text))


def nothing_is_left(coordinator: Coordinator) -> bool:
    hub = coordinator.running.services.hub
    return not hub.dispatch.running() and not any(socket.outbox.has_files for socket in hub._sockets.values())


async def test_a_worker_gets_what_it_asks_for_in_its_order_and_from_where_it_has_it(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asking = ask(client, RED, BLUE)
        start = await worker.hear(wire.Start)
        await need(worker, start, (BLUE, 0), (RED, PIECE_BYTES + 1))
        assert await file(worker, BLUE) == BLUE
        assert await file(worker, RED, PIECE_BYTES + 1) == RED
        await finish(worker, start)
        answer = (await asking).json()
        assert answer["choices"][0]["message"]["content"] == "red"
        await until(lambda: nothing_is_left(coordinator))


async def test_two_choices_on_one_worker_have_each_file_sent_once(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asking = ask(client, RED, n=2)
        starts = [await worker.hear(wire.Start) for _ in range(2)]
        wanted = (Wanted(sha256=NAMES[RED]),)
        await worker.say(*(Need(job=start.job, attempt=start.attempt, files=wanted) for start in starts))
        assert await file(worker, RED) == RED
        for start in starts:
            await finish(worker, start)
        assert (await asking).status_code == 200
        async with asyncio.timeout(1):
            while not isinstance(message := to_worker(await worker.socket.recv()), wire.Ack):
                assert not isinstance(message, Blob)


@pytest.mark.parametrize("wrong", ["hash", "offset", "twice"])
async def test_a_worker_that_asks_for_what_it_may_not_have_gets_nothing_and_loses_the_job(
    coordinator: Coordinator, wrong: str
) -> None:
    async with coordinator.worker() as worker, coordinator.worker() as other, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asking = ask(client, BLUE)
        start = await worker.hear(wire.Start)
        await other.join("w2", features=(VISION,))
        files = {
            "hash": (Wanted(sha256="a" * 64),),
            "offset": (Wanted(sha256=NAMES[BLUE], offset=len(BLUE)),),
            "twice": (Wanted(sha256=NAMES[BLUE]), Wanted(sha256=NAMES[BLUE])),
        }[wrong]
        await worker.say(Need(job=start.job, attempt=start.attempt, files=files))
        assert (await worker.hear(wire.Error)).code is ErrorCode.PROTOCOL_ERROR
        again = await other.hear(wire.Start)
        await need(other, again, (BLUE, 0))
        assert await file(other, BLUE) == BLUE
        await finish(other, again)
        assert (await asking).status_code == 200


async def test_a_line_that_is_cut_between_two_pieces_goes_on_where_it_stopped(coordinator: Coordinator) -> None:
    async with coordinator.http() as client:
        async with coordinator.worker() as worker:
            welcome = await worker.join(features=(VISION,))
            asking = ask(client, RED)
            start = await worker.hear(wire.Start)
            await need(worker, start, (RED, 0))
            first = b64decode((await worker.hear(Blob)).data)
            worker.socket.transport.abort()
        async with coordinator.worker() as worker:
            await worker.join(features=(VISION,), resume=wire.Resume(session=welcome.session))
            start = await worker.hear(wire.Start)
            assert start.attempt == 2
            await need(worker, start, (RED, len(first)))
            assert first + (await file(worker, RED, len(first)))[len(first) :] == RED
            await finish(worker, start)
            assert (await asking).json()["choices"][0]["message"]["content"] == "red"
            assert coordinator.running.services.hub.dispatch.counters.rests == 0


async def test_another_worker_goes_on_in_mid_answer_with_the_files(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.worker() as other, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asking = ask(client, RED)
        start = await worker.hear(wire.Start)
        await other.join("w2", features=(VISION,))
        await worker.say(wire.Accepted(job=start.job, attempt=1), delta(start, 0, "r"))
        await until(lambda: coordinator.running.services.hub.dispatch.counters.tokens == 1)
        await worker.socket.close()
        start = await other.hear(wire.Start)
        assert start.delivered == (ord("r"),)
        await need(other, start, (RED, 0))
        assert await file(other, RED) == RED
        await finish(other, start, "ed")
        assert (await asking).json()["choices"][0]["message"]["content"] == "red"


async def test_a_client_that_leaves_takes_the_rest_of_its_files_with_it(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        asking = ask(client, RED)
        start = await worker.hear(wire.Start)
        (job,) = coordinator.running.services.hub.cell._state.jobs.values()
        asking.cancel()
        await worker.hear(wire.Cancel)
        await need(worker, start, (RED, 0))
        await worker.say(wire.Cancelled(job=start.job, attempt=1, seq=0, usage=Usage(prompt=0, completion=0)))
        assert isinstance(await worker.hear(wire.Ack), wire.Ack)
        await until(lambda: nothing_is_left(coordinator) and not job.spec.blobs)


async def test_without_a_worker_that_sees_a_client_is_told_so(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        response = await ask(client, BLUE)
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (503, "no_worker")
        assert "it sees no pictures" in error["message"]
        assert response.headers["retry-after"]


async def test_where_too_many_pictures_wait_a_client_is_told_to_come_back(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlobBudget.__init__, "__defaults__", (len(RED),))
    async with start_coordinator(SEEING) as coordinator, coordinator.worker() as worker, coordinator.http() as client:
        await worker.join(features=(VISION,))
        first = ask(client, RED)
        start = await worker.hear(wire.Start)
        (job,) = coordinator.running.services.hub.cell._state.jobs.values()
        refused = await ask(client, BLUE)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "10"
        await finish(worker, start)
        assert (await first).status_code == 200
        assert not job.spec.blobs
        third = ask(client, BLUE)
        await finish(worker, await worker.hear(wire.Start))
        assert (await third).status_code == 200
