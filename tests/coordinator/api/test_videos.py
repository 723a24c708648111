"""Films for the official client: asked for, looked at, fetched and deleted; made whether or not somebody waits."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import av
import openai
import pytest

from coordinator.admission import large_bodies
from coordinator.videos import films, rows
from tests.coordinator.conftest import Coordinator, Start, make_account, make_key
from tests.coordinator.media_catalog import png, uri
from tests.coordinator.media_worker import CATALOG, make_of, media_worker
from wire import messages as wire
from wire.media import GenerateVideo

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")  # at OpenAI; others have it too

VIDEOS = "/v1/videos"


@pytest.fixture
async def filming(start_coordinator: Start) -> AsyncIterator[Coordinator]:
    async with start_coordinator(CATALOG) as running:
        yield running


def frames_of(file: bytes) -> tuple[int, int, int]:
    with av.open(BytesIO(file), "r") as film:
        shape = film.streams.video[0]
        return shape.width, shape.height, len(list(film.decode(video=0)))


async def ended(client: openai.AsyncOpenAI, video: str) -> Any:
    async with asyncio.timeout(20):
        while True:
            found = await client.videos.retrieve(video)
            if found.status in ("completed", "failed"):
                return found
            await asyncio.sleep(0.05)


async def paid(coordinator: Coordinator) -> int:
    async with coordinator.http() as http:
        return sum(row["cost_nano_usd"] for row in (await http.get("/v1/account/usage")).json()["data"])


async def test_the_openai_client_asks_looks_fetches_lists_and_deletes(filming: Coordinator) -> None:
    async with media_worker(filming, serves=True) as worker, filming.openai() as client:
        asked = await client.videos.create(prompt="waves", model="films", seconds="2", size="96x64")  # type: ignore[arg-type]
        assert asked.id.startswith("video_") and asked.status in ("queued", "in_progress") and asked.progress < 100
        done = await ended(client, asked.id)
        assert (done.status, done.progress, done.seconds, done.size, done.error) == (
            "completed",
            100,
            "2",
            "96x64",
            None,
        )
        assert done.completed_at and done.expires_at and done.expires_at > done.completed_at
        content = await client.videos.download_content(asked.id)
        assert frames_of(content.content) == (96, 64, 17)
        assert make_of(worker.asked[0]) == GenerateVideo(prompt="waves", width=96, height=64, frames=17, fps=8, steps=4)
        assert [video.id async for video in client.videos.list()] == [asked.id]
        assert await paid(filming) == 2 * 20_000_000
        assert (await client.videos.delete(asked.id)).deleted
        with pytest.raises(openai.NotFoundError):
            await client.videos.retrieve(asked.id)
        async with filming.http() as http:
            assert (await http.get(done.url)).status_code == 404, "its file is gone too"


async def test_a_film_begins_with_a_picture(filming: Coordinator) -> None:
    async with media_worker(filming, serves=True) as worker, filming.openai() as client, filming.http() as http:
        picture = ("a.png", png(60, 120), "image/png")
        by_form = await client.videos.create(prompt="x", input_reference=picture)
        body = {"prompt": "x", "input_reference": {"image_url": uri(png(60, 120))}}
        by_json = (await http.post(VIDEOS, json=body)).json()
        for video in (by_form.id, by_json["id"]):
            assert (await ended(client, video)).size == "32x80"
        one, two = (make_of(start) for start in worker.asked)
        assert one == two and isinstance(one, GenerateVideo) and one.first


async def test_a_picture_that_may_be_large_is_read_in_turn(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_bodies, "PLACES", 0)
    monkeypatch.setattr(large_bodies, "WAIT_S", 0.01)
    async with start_coordinator(CATALOG) as filming, media_worker(filming, "films"), filming.http() as http:
        kept = await filming.running.services.artefacts.keep(filming.account, png(64, 64), "image/png")
        asked = await http.post(VIDEOS, json={"prompt": "x", "input_reference": kept.id})
        assert (asked.status_code, asked.json()["error"]["code"]) == (503, "overloaded")


async def test_progress_rises_and_the_job_goes_on_without_its_client(filming: Coordinator) -> None:
    async with media_worker(filming, "films") as worker, filming.openai() as client:
        asked = await client.videos.create(prompt="x")
        start = await worker.hear(wire.Start)
        assert (await client.videos.retrieve(asked.id)).status == "queued"
        await worker.say(wire.Accepted(job=start.job, attempt=start.attempt))
        seen = []
        for step in (1, 3, 2):
            await worker.progress(start, step)
            await asyncio.sleep(0.25)
            seen.append((await client.videos.retrieve(asked.id)).progress)
        assert seen == sorted(seen) and 0 < seen[0] < seen[1] == seen[2] < 100
        with pytest.raises(openai.BadRequestError, match="its status is 'in_progress'"):
            await client.videos.download_content(asked.id)
        await worker.make(start)
        assert (await ended(client, asked.id)).status == "completed"


async def test_a_part_of_a_film_and_no_thumbnail(filming: Coordinator) -> None:
    async with media_worker(filming, serves=True), filming.openai() as client, filming.http() as http:
        asked = await client.videos.create(prompt="x")
        await ended(client, asked.id)
        part = await http.get(f"{VIDEOS}/{asked.id}/content", headers={"range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert part.headers["content-type"] == "video/mp4" and part.headers["x-content-type-options"] == "nosniff"
        beyond = await http.get(f"{VIDEOS}/{asked.id}/content", headers={"range": "bytes=99999999-"})
        assert beyond.status_code == 416
        refused = await http.get(f"{VIDEOS}/{asked.id}/content", params={"variant": "thumbnail"})
        assert refused.status_code == 400 and refused.json()["error"]["param"] == "variant"


async def test_a_film_that_fails_says_why_and_costs_nothing(filming: Coordinator) -> None:
    async with media_worker(filming, "films") as worker, filming.openai() as client:
        asked = await client.videos.create(prompt="x")
        start = await worker.accept()
        failed = wire.Failed(
            job=start.job, attempt=start.attempt, seq=0, code="invalid_request", message="too dark", retryable=False
        )
        await worker.say(failed)
        found = await ended(client, asked.id)
        assert found.status == "failed" and found.error.code == "invalid_request" and "too dark" in found.error.message
        assert await paid(filming) == 0


async def test_to_delete_a_film_that_is_made_stops_it(filming: Coordinator) -> None:
    async with media_worker(filming, "films") as worker, filming.openai() as client:
        asked = await client.videos.create(prompt="x")
        start = await worker.accept()
        await client.videos.delete(asked.id)
        assert (await worker.hear(wire.Cancel)).job == start.job
        assert [video async for video in client.videos.list()] == []
        assert await paid(filming) == 0


async def test_what_ran_when_the_coordinator_ended_has_failed_and_what_was_done_stays(start_coordinator: Start) -> None:
    async with start_coordinator(CATALOG) as running:
        async with media_worker(running, "films") as worker, running.openai() as client:
            done = await client.videos.create(prompt="x")
            await worker.make_one()
            await ended(client, done.id)
            asked = await client.videos.create(prompt="x")
            await worker.accept()
            key = running.key
    async with start_coordinator(CATALOG) as running, running.openai(api_key=key) as client:
        found = await client.videos.retrieve(asked.id)
        assert found.status == "failed" and found.error is not None and found.error.code == "interrupted"
        assert (await client.videos.retrieve(done.id)).status == "completed"
        assert frames_of((await client.videos.download_content(done.id)).content)[:2] == (64, 48)


async def test_the_pages_of_a_list(filming: Coordinator) -> None:
    async with media_worker(filming, serves=True), filming.openai() as client, filming.http() as http:
        made = [(await client.videos.create(prompt="x")).id for _ in range(3)]
        for video in made:
            await ended(client, video)
        newest = [video.id async for video in client.videos.list(limit=2)]
        assert sorted(newest) == sorted(made), "the client goes on to the second page"
        oldest = [video.id async for video in client.videos.list(limit=1, order="asc")]
        assert oldest == newest[::-1]
        for query in ({"limit": "0"}, {"limit": "101"}, {"order": "up"}):
            assert (await http.get(VIDEOS, params=query)).status_code == 400
        assert (await http.get(VIDEOS, params={"after": "video_none"})).status_code == 404


async def test_what_no_film_is_called_is_looked_for_in_no_database(
    filming: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in ("find", "page", "remove"):
        monkeypatch.setattr(rows, work, None)  # PostgreSQL takes no text with a character of the code 0
    async with filming.http() as http:
        for name in ("video_%00", "%00", "video_x", "A" * 32):
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
                answer = await http.request(method, f"{VIDEOS}/{name}{path}")
                assert answer.status_code == 404, (method, name, path, answer.text)
            assert (await http.get(f"{VIDEOS}?after={name}")).status_code == 404


async def test_another_account_sees_nothing_of_it(filming: Coordinator) -> None:
    async with media_worker(filming, serves=True), filming.openai() as client:
        asked = await client.videos.create(prompt="x")
        await ended(client, asked.id)
        make_account(filming.config, "stranger")
        stranger = make_key(filming.config, account="stranger")
        await filming.running.services.accounts.refresh() if hasattr(
            filming.running.services.accounts, "refresh"
        ) else None
        async with filming.http(stranger) as http:
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
                refused = await http.request(method, f"{VIDEOS}/{asked.id}{path}")
                assert refused.status_code == 404, refused.text
            assert (await http.get(VIDEOS)).json()["data"] == []
        assert (await client.videos.retrieve(asked.id)).status == "completed"


async def test_films_under_way_have_a_bound(filming: Coordinator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MOST_RUNNING", 1)
    async with media_worker(filming, "films") as worker, filming.openai() as client:
        first = await client.videos.create(prompt="x")
        with pytest.raises(openai.RateLimitError, match="1 films under way"):
            await client.videos.create(prompt="x")
        await worker.make_one()
        await ended(client, first.id)
        assert (await client.videos.create(prompt="x")).id != first.id


async def test_films_that_are_asked_for_at_once_have_that_bound_too(
    filming: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "MOST_RUNNING", 2)
    async with media_worker(filming, "films"), filming.http() as http:
        answers = await asyncio.gather(*(http.post(VIDEOS, json={"prompt": "x"}) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, *[429] * 6]


async def test_without_a_worker_nothing_is_noted(filming: Coordinator) -> None:
    async with filming.openai() as client:
        with pytest.raises(openai.InternalServerError) as refused:
            await client.videos.create(prompt="x", model="films")
        assert refused.value.status_code == 503
        assert [video async for video in client.videos.list()] == []


async def test_the_same_request_twice_is_one_film(filming: Coordinator) -> None:
    async with media_worker(filming, serves=True) as worker, filming.openai() as client, filming.http() as http:
        asked = {"idempotency-key": "k"}
        first, again = [(await http.post(VIDEOS, json={"prompt": "x"}, headers=asked)).json() for _ in range(2)]
        assert first == again
        await ended(client, first["id"])
        assert len(worker.asked) == 1
