"""What workers upload, over real HTTP, for jobs of a real hub."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.api import artefact_uploads
from coordinator.artefact import Artefact
from coordinator.artefacts import facts
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.rows import Room
from coordinator.artefacts.strip import PNG
from coordinator.dispatch.effects import JobEnd
from coordinator.scheduler.state import JobSpec
from tests.coordinator.artefacts.files import WORDS, jpeg, mp3, mp4, png, wav
from tests.coordinator.conftest import Coordinator, Start, until
from tests.coordinator.media_worker import CATALOG, MediaWorker, media_worker
from wire import messages as wire
from wire.errors import ErrorCode, SupernetError
from wire.media import LIMIT_BYTES, UPLOAD_PATH, GenerateImage, GenerateVideo, Making, MediaRequest

PICTURE = GenerateImage(prompt="a cat", width=64, height=48, steps=2)
FILM = GenerateVideo(prompt="a cat", width=64, height=48, frames=9, fps=8, steps=2)
RIGHT, OTHER = png(64, 48), png(64, 48)


@dataclass
class Asked:
    """A job that was submitted for an account, the Start that its worker got, and its end."""

    coordinator: Coordinator
    account: str
    worker: MediaWorker
    start: wire.Start
    ends: list[JobEnd] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"{UPLOAD_PATH}/{self.start.job}/{self.start.attempt}"

    @property
    def artefacts(self) -> Any:
        return self.coordinator.running.services.artefacts

    async def put(self, data: Any = RIGHT, path: str | None = None, **changed: str | None) -> httpx.Response:
        """An upload that is right but for what is changed; a header of None is left out."""
        assert self.start.upload is not None
        sent = data if isinstance(data, bytes) else RIGHT
        headers: dict[str, str | None] = {
            "authorization": f"Bearer {self.start.upload.token}",
            "content-type": "image/png",
            "digest": digest(sent),
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        given = {name: value for name, value in headers.items() if value is not None}
        return await self.worker.http.put(path or self.path, content=data, headers=given)

    async def kept(self) -> list[Artefact]:
        return [row.artefact for row in await self.artefacts.page(self.account, None, 100)]


def digest(data: bytes) -> str:
    return f"sha-256={b64encode(sha256(data).digest()).decode()}"


def files(coordinator: Coordinator) -> list[Path]:
    folder = Path(str(coordinator.config.db) + ".media")
    return [path for path in folder.rglob("*") if path.is_file()]


@asynccontextmanager
async def asked(coordinator: Coordinator, make: Making = PICTURE, model: str = "draws") -> AsyncIterator[Asked]:
    services, account = coordinator.running.services, coordinator.account
    async with media_worker(coordinator, model) as worker:
        ends: list[JobEnd] = []
        spec = JobSpec("job.0", account, model, MediaRequest(make=make), seed=1, upload_secret="a secret")
        answers = services.hub.submit([spec], lambda _, end: ends.append(end))
        yield Asked(coordinator, account, worker, await worker.accept(), ends)
        answers.cancel()


@pytest.fixture
async def job(start_coordinator: Start) -> AsyncIterator[Asked]:
    async with start_coordinator(CATALOG) as coordinator, asked(coordinator) as one:
        yield one


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_file_that_is_right_becomes_an_artefact_of_the_client(job: Asked) -> None:
    answer = await job.put()
    assert answer.status_code == 201
    (kept,) = await job.kept()
    assert answer.json() == {"object": "artefact", "sha256": kept.sha256, "bytes": kept.size_bytes}
    assert (kept.media_type, kept.width, kept.height) == ("image/png", 64, 48)
    (end,) = job.ends
    assert type(end).__name__ == "Finished"
    async with httpx.AsyncClient() as http:
        shown = await http.get(job.artefacts.link(kept))
    assert shown.status_code == 200 and WORDS.encode() not in shown.content
    assert len(files(job.coordinator)) == 1


async def test_a_worker_that_did_not_hear_it_sends_it_again(job: Asked) -> None:
    assert (await job.put()).status_code == 201
    again = await job.put()
    assert (again.status_code, again.json()["bytes"]) == (200, (await job.kept())[0].size_bytes)
    assert code(await job.put(OTHER)) == (410, "expired")  # an attempt makes one thing
    assert len(await job.kept()) == len(files(job.coordinator)) == len(job.ends) == 1
    await job.worker.finish(job.start)
    assert job.start.upload is not None
    token, dispatch = job.start.upload.token, job.coordinator.running.services.hub.dispatch
    await until(lambda: dispatch.upload("job.0", 1, token) is None)
    assert code(await job.put()) == (403, "permission_denied")


BOMB = PNG + bytes.fromhex("0000000d49484452") + (60_000).to_bytes(4) * 2 + bytes.fromhex("0802000000") + bytes(4)
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
JAVASCRIPT = b"GIF89a=1;alert(1)//"

# What a worker may send in the place of a picture of 64 x 48: all of it is 422, and nothing of it stays.
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "html": HTML,
    "svg": SVG,
    "a script that begins as a gif": JAVASCRIPT,
    "html with the first bytes of a png": PNG + HTML,
    "the first bytes alone": PNG,
    "a bomb of 60,000 x 60,000": BOMB,
    "a head without pixels": png(64, 48)[:60],
    "half of it": RIGHT[: len(RIGHT) // 2],
    "all but its last byte": RIGHT[:-1],
    "a byte of its pixels turned": RIGHT[: len(RIGHT) // 2] + b"\x00\xff\x00\xff" + RIGHT[len(RIGHT) // 2 + 4 :],
    "of another size": png(48, 64),
    "smaller": png(16, 16),
    "a jpeg": jpeg(64, 48),
    "a film": mp4(),
    "a sound": wav(1.0),
    "a program": b"\x7fELF" + bytes(1000),
    "a zip": b"PK\x03\x04" + bytes(1000),
    "a pdf": b"%PDF-1.7\n" + bytes(1000),
    "zeros": bytes(100_000),
    "a png in a png's text": PNG + RIGHT,
    "a chunk longer than the file": RIGHT[:8] + b"\x7f\xff\xff\xffIDAT" + RIGHT[16:],
    "a chunk of no length before the head": RIGHT[:8] + bytes(12) + RIGHT[8:],
}


async def test_what_is_no_picture_of_that_size_is_refused_and_leaves_nothing(
    job: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefact_uploads, "MOST_WRONG", len(HOSTILE) + 1)
    for name, data in HOSTILE.items():
        await job.worker.progress(job.start, 1)  # however long all this takes here, the attempt is not silent
        answer = await job.put(data)
        assert code(answer) == (422, "invalid_media"), name
        assert await job.kept() == [] and files(job.coordinator) == [] and job.ends == [], name
    assert (await job.put()).status_code == 201  # and the attempt may still be right


async def test_an_attempt_has_few_files_looked_at_that_are_wrong(job: Asked) -> None:
    for _ in range(artefact_uploads.MOST_WRONG):
        assert code(await job.put(HTML)) == (422, "invalid_media")
    assert code(await job.put()) == (403, "permission_denied")
    assert await job.kept() == [] and files(job.coordinator) == []


async def test_what_hangs_on_a_picture_is_cut_off(job: Asked) -> None:
    assert (await job.put(RIGHT + HTML * 1000)).status_code == 201
    (kept,) = await job.kept()
    assert b"script" not in await job.artefacts.read(job.account, kept.id)


async def test_heads_that_are_wrong_are_refused_before_the_body(job: Asked) -> None:
    wrong = "sha-256=" + "A" * 43 + "="
    secret = job.start.upload.token  # type: ignore[union-attr]
    cases: list[tuple[dict[str, str | None], tuple[int, str]]] = [
        ({"authorization": None}, (403, "permission_denied")),
        ({"authorization": "Bearer " + "x" * 43}, (403, "permission_denied")),
        ({"authorization": f"Bearer {secret[:-1]}"}, (403, "permission_denied")),
        ({"authorization": f"Bearer {job.coordinator.key}"}, (403, "permission_denied")),
        ({"authorization": f"Basic {secret}"}, (403, "permission_denied")),
        ({"path": f"{UPLOAD_PATH}/job.0/2"}, (403, "permission_denied")),
        ({"path": f"{UPLOAD_PATH}/job.1/1"}, (403, "permission_denied")),
        ({"path": f"{UPLOAD_PATH}/job.0/01"}, (403, "permission_denied")),
        ({"path": f"{UPLOAD_PATH}/job.0/-1"}, (403, "permission_denied")),
        ({"path": f"{UPLOAD_PATH}/job.0/{'9' * 40}"}, (403, "permission_denied")),
        ({"path": f"{UPLOAD_PATH}/..%2f..%2fetc/1"}, (404, "unknown_url")),
        ({"path": f"{UPLOAD_PATH}/job.0%00/1"}, (403, "permission_denied")),
        ({"digest": None}, (400, "invalid_request")),
        ({"digest": "md5=AAAA"}, (400, "invalid_request")),
        ({"digest": "sha-256=not base64"}, (400, "invalid_request")),
        ({"digest": "sha-256=" + "A" * 500}, (400, "invalid_request")),
        ({"digest": wrong}, (422, "invalid_media")),
        ({"content_type": "text/html"}, (422, "invalid_media")),
        ({"content_type": "image/svg+xml"}, (422, "invalid_media")),
        ({"content_type": "image/jpeg"}, (422, "invalid_media")),
        ({"content_type": None}, (422, "invalid_media")),
    ]
    for changed, expected in cases:
        assert code(await job.put(**changed)) == expected, changed
    assert await job.kept() == [] and files(job.coordinator) == [] and job.ends == []


async def test_a_body_without_a_length_is_refused(job: Asked) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield RIGHT

    assert code(await job.put(chunks())) == (400, "invalid_request")
    assert files(job.coordinator) == []


async def said_by(coordinator: Coordinator, job: Asked, length: int, body: bytes) -> bytes:
    """What a bare socket is answered that says `length`, sends `body` and hangs up its half."""
    host, port = coordinator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = job.start.upload.token  # type: ignore[union-attr]
    head = f"PUT {job.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: image/png\r\n"
    writer.write(f"{head}digest: {digest(RIGHT)}\r\ncontent-length: {length}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_body_that_ends_early_or_says_too_much_leaves_nothing(job: Asked) -> None:
    assert b" 201 " not in await said_by(job.coordinator, job, len(RIGHT), RIGHT[:100])
    for length in (LIMIT_BYTES["image"] + 1, 10**18):
        too_much = await said_by(job.coordinator, job, length, b"")
        assert too_much.startswith(b"HTTP/1.1 413") and b"request_too_large" in too_much
    await until(lambda: files(job.coordinator) == [])
    assert await job.kept() == [] and job.ends == []


async def test_one_upload_of_an_attempt_at_a_time_and_few_of_all(job: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield RIGHT[:10]
        await go_on.wait()
        yield RIGHT[10:]

    first = asyncio.create_task(job.put(slow(), content_length=str(len(RIGHT))))
    await until(lambda: len(files(job.coordinator)) == 1)
    assert code(await job.put()) == (503, "overloaded")
    go_on.set()
    assert (await first).status_code == 201
    monkeypatch.setattr(artefact_uploads, "UPLOADS", 0)
    assert code(await job.put()) == (503, "overloaded")


async def test_a_client_that_left_gets_nothing_stored(job: Asked) -> None:
    job.coordinator.running.services.hub.cancel("job.0")
    assert code(await job.put()) == (403, "permission_denied")
    assert await job.kept() == [] and files(job.coordinator) == []


async def test_a_client_that_leaves_meanwhile_gets_nothing_stored(job: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, before = job.coordinator.running.services.hub, facts.fault

    def leaves(*of: Any) -> str | None:
        hub.cancel("job.0")
        return before(*of)

    monkeypatch.setattr(facts, "fault", leaves)
    assert code(await job.put()) == (410, "expired")
    assert await job.kept() == [] and files(job.coordinator) == []


async def test_an_attempt_that_is_late_takes_nothing_from_the_one_that_was_not(
    job: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, before = job.coordinator.running.services.hub, Artefacts.add

    async def slowly(*of: Any) -> Artefact:
        stored = await before(*of)
        hub.cancel("job.0")
        return stored

    monkeypatch.setattr(Artefacts, "add", slowly)
    assert code(await job.put()) == (410, "expired")
    assert await job.kept() == [] and files(job.coordinator) == []


async def test_no_room_is_told_to_the_client_and_is_no_fault_of_the_worker(job: Asked) -> None:
    job.artefacts.room = Room(count=0)
    assert code(await job.put()) == (403, "media_quota_exceeded")
    (end,) = job.ends
    error = getattr(end, "error", None)
    assert isinstance(error, SupernetError)
    assert error.code is ErrorCode.MEDIA_QUOTA and "delete some" in error.message
    assert files(job.coordinator) == []


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_operators_filter_has_the_last_word(start_coordinator: Start, allowed: bool) -> None:
    seen: list[bytes] = []

    async def hook(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        seen.append(await reader.readexactly(int(length[1])))
        body = b'{"allow": true}' if allowed else b'{"allow": false, "reason": "no cats here"}'
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hook, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/check"
    async with server, start_coordinator(CATALOG, media_filter=url) as coordinator, asked(coordinator) as job:
        answer = await job.put()
        assert b"a cat" in seen[0] and PNG in seen[0]
        if allowed:
            assert answer.status_code == 201
        else:
            assert code(answer) == (403, "content_filter")  # to which a worker has nothing to say
            assert "no cats here" in str(getattr(job.ends[0], "error", ""))
            assert await job.kept() == [] and files(coordinator) == []


async def test_films_and_music_are_held_to_their_length_too(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefact_uploads, "MOST_WRONG", 10)
    async with start_coordinator(CATALOG) as coordinator, asked(coordinator, FILM, "films") as job:
        for wrong in (mp4(frames=8), mp4(fps=4), mp4(32, 48), mp4()[:-300], mp3(), RIGHT):
            answer = await job.put(wrong, content_type="video/mp4")
            assert code(answer) == (422, "invalid_media")
        assert (await job.put(mp4(), content_type="video/mp4")).status_code == 201
        (kept,) = await job.kept()
        assert (kept.frames, round(kept.fps), round(kept.seconds, 2)) == (9, 8, 1.12)
