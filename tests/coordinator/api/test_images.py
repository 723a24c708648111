"""Pictures for real clients, drawn by a worker that speaks the wire and uploads real files."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from coordinator.admission import large_bodies
from tests.coordinator.artefacts.hooks import hook
from tests.coordinator.conftest import Coordinator, Start, until
from tests.coordinator.media_catalog import png, uri
from tests.coordinator.media_worker import CATALOG, make_of, media_worker
from tools.hostile.pictures.files import turned
from wire import messages as wire
from wire.media import EditImage, GenerateImage

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"


@pytest.fixture
async def drawing(start_coordinator: Start) -> AsyncIterator[Coordinator]:
    async with start_coordinator(CATALOG) as running:
        yield running


def size_of(file: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(file)) as image:
        return image.size


async def spent(coordinator: Coordinator) -> int:
    """What the account has paid so far, in nano-dollars."""
    async with coordinator.http() as http:
        rows = (await http.get("/v1/account/usage")).json()["data"]
        return sum(row["cost_nano_usd"] for row in rows)


# ---- the official client -------------------------------------------------------------------------------------------


async def test_the_openai_client_gets_a_picture(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True) as worker, drawing.openai() as client:
        answer = await client.images.generate(prompt="a red fox", model="draws", size="64x64")
        assert answer.data is not None and answer.data[0].b64_json is not None
        assert size_of(b64decode(answer.data[0].b64_json)) == (64, 64) == size_of(png(64, 64))
        assert (answer.output_format, answer.background, answer.size) == ("png", "opaque", "64x64")
        assert answer.usage is not None and answer.usage.model_extra is not None
        assert answer.usage.model_extra["cost_nano_usd"] == 3_000_000
        (start,) = worker.asked
        assert make_of(start) == GenerateImage(prompt="a red fox", width=64, height=64, steps=8)


async def test_several_pictures_have_seeds_of_their_own_and_the_same_seed_gives_the_same(drawing: Coordinator) -> None:
    async with media_worker(drawing, "draws", serves=True), drawing.openai() as client:
        first, again = [
            await client.images.generate(prompt="x", n=3, extra_body={"seed": 5, "output_format": "webp"})
            for _ in range(2)
        ]
        assert first.data is not None and again.data is not None
        files = [one.b64_json for one in first.data]
        assert len(set(files)) == 3 and files == [one.b64_json for one in again.data]


async def test_a_link_is_readable_by_anybody(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True), drawing.openai() as client, httpx.AsyncClient() as anybody:
        answer = await client.images.generate(prompt="x", response_format="url", output_format="jpeg")
        assert answer.data is not None and answer.data[0].url is not None
        got = await anybody.get(answer.data[0].url)
        assert got.headers["content-type"] == "image/jpeg" and size_of(got.content) == (64, 64)


async def test_the_openai_client_streams_unfinished_pictures_and_the_finished_one(drawing: Coordinator) -> None:
    async with media_worker(drawing, "draws") as worker, drawing.openai() as client:
        asking = asyncio.create_task(client.images.generate(prompt="x", stream=True, partial_images=2))
        start = await worker.accept()
        stream = await asking
        for step in (2, 4):
            await worker.progress(start, step, png(color=step))
            event = await anext(aiter(stream))
            assert event.type == "image_generation.partial_image" and event.partial_image_index == step // 2 - 1
            assert b64decode(event.b64_json) == png(color=step)
        await worker.make(start)
        last = [event async for event in stream]
        assert [event.type for event in last] == ["image_generation.completed"]
        assert size_of(b64decode(last[0].b64_json)) == (64, 64)


async def test_the_openai_client_edits_files(drawing: Coordinator) -> None:
    async with media_worker(drawing) as worker, drawing.openai() as client:
        files = [("one.jpg", turned(6), "image/jpeg"), ("two.png", png(32, 16), "image/png")]
        asking = asyncio.create_task(client.images.edit(image=files, prompt="join them", model="edits", n=1))
        start = await worker.hear(wire.Start)
        make = make_of(start)
        assert isinstance(make, EditImage) and len(make.images) == 2
        assert (make.width, make.height) == (96, 48), "upright it is twice as wide as high"
        await worker.say(wire.Accepted(job=start.job, attempt=start.attempt))
        await worker.make(start)
        answer = await asking
        assert answer.data is not None and answer.data[0].b64_json is not None
        assert size_of(b64decode(answer.data[0].b64_json)) == (96, 48)


async def test_what_was_drawn_can_be_edited_by_its_link(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True) as worker, drawing.openai() as client, drawing.http() as http:
        drawn = await client.images.generate(prompt="x", response_format="url", size="128x64", model="draws")
        assert drawn.data is not None
        body = {"prompt": "bluer", "images": [{"image_url": drawn.data[0].url}]}
        edited = await http.post(EDITS, json=body)
        assert edited.status_code == 200, edited.text
        make = make_of(worker.asked[1])
        assert isinstance(make, EditImage) and (make.width, make.height) == (96, 48)


async def test_an_edit_streams_with_names_of_its_own(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True), drawing.openai() as client:
        stream = await client.images.edit(image=("a.png", png(), "image/png"), prompt="x", stream=True)
        assert [event.type async for event in stream] == ["image_edit.completed"]


# ---- what goes wrong -----------------------------------------------------------------------------------------------


async def test_without_a_worker_it_is_a_503_that_says_what_to_do(drawing: Coordinator) -> None:
    async with drawing.openai() as client:
        with pytest.raises(openai.InternalServerError) as unnamed:
            await client.images.generate(prompt="x")
        assert unnamed.value.status_code == 503 and "supernet-worker --media draws" in unnamed.value.message
        with pytest.raises(openai.InternalServerError) as named:
            await client.images.generate(prompt="x", model="draws")
        assert named.value.status_code == 503 and "no worker serves draws" in named.value.message


async def test_a_balance_that_is_too_small_is_a_402_and_nothing_runs(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG.replace("price: 3000000", "price: 9000000000000")) as running:
        async with media_worker(running, serves=True) as worker, running.http() as http:
            refused = await http.post(GENERATIONS, json={"prompt": "x", "model": "draws"})
            assert refused.status_code == 402 and refused.json()["error"]["code"] == "insufficient_quota"
            assert "tokens" not in refused.json()["error"]["message"]  # a picture has none to ask for fewer of
            assert not worker.asked


async def test_a_stream_that_cannot_begin_keeps_its_status(drawing: Coordinator) -> None:
    async with drawing.http() as http:
        refused = await http.post(GENERATIONS, json={"prompt": "x", "model": "draws", "stream": True, "n": 3})
        assert refused.status_code == 503 and refused.json()["error"]["code"] == "no_worker"


async def test_of_several_what_could_be_drawn_is_answered_and_paid_for(drawing: Coordinator) -> None:
    async with media_worker(drawing, "draws") as worker, drawing.http() as http:
        body = {"prompt": "x", "n": 2, "model": "draws"}
        asking = asyncio.create_task(http.post(GENERATIONS, json=body))
        await worker.make_one()
        start = await worker.accept()
        failed = wire.Failed(
            job=start.job, attempt=start.attempt, seq=0, code="invalid_request", message="too dark", retryable=False
        )
        await worker.say(failed)
        answer = (await asking).json()
        (warning,) = answer["warnings"]
        assert len(answer["data"]) == 1 and warning.startswith("1 of 2 could not be made: ") and "too dark" in warning
        assert await spent(drawing) == 3_000_000


async def test_a_client_that_leaves_frees_the_worker_and_pays_nothing(drawing: Coordinator) -> None:
    async with media_worker(drawing, "draws") as worker, drawing.http() as http:
        asking = asyncio.create_task(http.post(GENERATIONS, json={"prompt": "x"}))
        start = await worker.accept()
        await worker.progress(start, 4)
        asking.cancel()
        cancel = await worker.hear(wire.Cancel)
        assert cancel.job == start.job
        assert (await worker.upload(start, png(64, 64), "image/png")).status_code in (403, 409, 410)
        assert await spent(drawing) == 0


async def test_a_worker_that_dies_is_replaced_with_the_same_seed_and_one_charge(drawing: Coordinator) -> None:
    async with drawing.http() as http:
        async with media_worker(drawing, "draws", name="first") as first:
            asking = asyncio.create_task(http.post(GENERATIONS, json={"prompt": "x", "model": "draws"}))
            begun = await first.accept()
            await first.progress(begun, 4)
            async with media_worker(drawing, "draws", name="second", serves=True) as second:
                refusal = wire.Failed(
                    job=begun.job, attempt=1, seq=0, code="engine_crashed", message="gone", retryable=True
                )
                await first.say(refusal)
                assert (await asking).status_code == 200
                assert [start.seed for start in second.asked] == [begun.seed]
        assert await spent(drawing) == 3_000_000


# ---- the same request twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_a_repeated_request_gets_the_same_picture_and_is_charged_once(drawing: Coordinator, stream: bool) -> None:
    async with media_worker(drawing, serves=True) as worker, drawing.http() as http:
        body = {"prompt": "x", "n": 2, "stream": stream}
        headers = {"idempotency-key": "k"}
        first, again = [await http.post(GENERATIONS, json=body, headers=headers) for _ in range(2)]
        assert first.status_code == again.status_code == 200, again.text
        lines = [line for line in first.text.splitlines(keepends=True) if not line.startswith(":")]
        assert again.text == "".join(lines) and again.headers["idempotent-replayed"] == "true"
        assert len(worker.asked) == 2 and await spent(drawing) == 6_000_000


async def test_a_repeated_request_whose_picture_was_deleted_is_neither_run_nor_charged(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True) as worker, drawing.http() as http:
        body, headers = {"prompt": "x"}, {"idempotency-key": "k"}
        assert (await http.post(GENERATIONS, json=body, headers=headers)).status_code == 200
        artefacts = drawing.running.services.artefacts
        account = drawing.running.services.accounts.authenticate({"authorization": f"Bearer {drawing.key}"}, "client")
        (row,) = await artefacts.page(account.account, None, 10)
        await artefacts.delete(account.account, row.artefact.id)
        refused = await http.post(GENERATIONS, json=body, headers=headers)
        assert refused.status_code == 409 and "not kept" in refused.json()["error"]["message"]
        assert len(worker.asked) == 1


async def test_one_at_a_time_of_a_key_holds_for_pictures_too(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG, concurrency=1) as running:
        async with media_worker(running, "draws") as worker, running.http() as http:
            first = asyncio.create_task(http.post(GENERATIONS, json={"prompt": "x"}))
            start = await worker.accept()
            second = await http.post(GENERATIONS, json={"prompt": "x"})
            assert second.status_code == 429 and second.json()["error"]["code"] == "rate_limit_exceeded"
            await worker.make(start)
            assert (await first).status_code == 200


async def test_a_file_that_is_none_is_refused_with_its_place_and_kept_nowhere(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True) as worker, drawing.http() as http:
        cut = png(64, 64)[:60]
        refused = await http.post(EDITS, data={"prompt": "x"}, files=[("image[]", png()), ("image[]", cut)])
        error = refused.json()["error"]
        assert refused.status_code == 400 and error["param"] == "image[1]", error
        assert not worker.asked
        assert not list(drawing.running.services.artefacts.staging._folder.glob("*"))


async def test_nothing_is_fetched_for_an_edit(drawing: Coordinator) -> None:
    async with media_worker(drawing, serves=True) as worker, drawing.http() as http:
        for address in ("http://127.0.0.1:1/a.png", "file:///etc/passwd", "A" * 22):
            refused = await http.post(EDITS, json={"prompt": "x", "image": address})
            error = refused.json()["error"]
            assert refused.status_code == 400 and "nothing is fetched" in error["message"] and error["param"] == "image"
        assert not worker.asked


async def test_a_body_that_is_too_large_is_a_413(drawing: Coordinator) -> None:
    async with drawing.http() as http:
        body = json.dumps({"prompt": "x", "image": uri(bytes(20 * 2**20))})
        assert (await http.post(GENERATIONS, content=body)).status_code == 413
        assert (await http.post(EDITS, content=body + " " * 30 * 2**20)).status_code == 413


async def test_files_that_may_be_large_are_read_in_turn(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_bodies, "PLACES", 0)
    monkeypatch.setattr(large_bodies, "WAIT_S", 0.01)
    async with start_coordinator(CATALOG) as drawing, media_worker(drawing, serves=True), drawing.http() as http:
        kept = await drawing.running.services.artefacts.keep(drawing.account, png(), "image/png")
        by_link = await http.post(EDITS, json={"prompt": "x", "image": [kept.id] * 3})
        assert (by_link.status_code, by_link.json()["error"]["code"]) == (503, "overloaded")
        assert (await http.post(EDITS, json={"prompt": "x", "image": uri(png())})).status_code == 200


async def test_where_a_filter_looks_at_what_was_made_nobody_sees_it_before(start_coordinator: Start) -> None:
    async with (
        hook(b'{"allow": true}') as (url, _),
        start_coordinator(CATALOG, media_filter=url) as drawing,
        media_worker(drawing, "draws") as worker,
        drawing.openai() as client,
    ):
        asking = asyncio.create_task(client.images.generate(prompt="x", stream=True, partial_images=2))
        start = await worker.accept()
        assert getattr(make_of(start), "previews", None) == 0
        await worker.progress(start, 4, png())
        await worker.make(start)
        assert [event.type async for event in await asking] == ["image_generation.completed"]


async def test_a_silent_stream_says_that_it_lives(drawing: Coordinator) -> None:
    async with media_worker(drawing, "draws") as worker, drawing.http() as http:
        headers = {"x-stainless-read-timeout": "0.4"}
        body: dict[str, Any] = {"prompt": "x", "stream": True}
        async with http.stream("POST", GENERATIONS, json=body, headers=headers) as response:
            start = await worker.accept()
            lines = response.aiter_lines()
            assert (await anext(lines)).startswith(":")
            await worker.make(start)
            rest = [line async for line in lines]
            assert "event: image_generation.completed" in rest
    await until(lambda: not drawing.running.services.billing.running)
