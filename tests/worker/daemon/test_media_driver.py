"""Media from the Start on the socket to the file at the coordinator, with a scripted pipeline."""

import asyncio
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.worker.daemon.running_daemon import Coordinator
from tests.worker.daemon.running_media import LEAVE, begin, drawing, opened, painting
from tests.worker.daemon.upload_server import UploadServer
from tests.worker.session.drawing import edit
from wire.blobs import PIECE_BYTES, Blob
from wire.codec import encode
from wire.errors import ErrorCode
from wire.media import MEDIA
from wire.messages import Cancel, Welcome
from worker.daemon import uploads
from worker.media_engine.scripted import Faults

PICTURE = bytes(range(256)) * 2000


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PAUSE_S", 0.0)
    monkeypatch.setattr("worker.daemon.daemon.TICK_S", 0.01)


async def served(they: Coordinator, start: Any) -> list[dict[str, Any]]:
    """All frames about a job, from its Start to its end."""
    await begin(they, start)
    frames: list[dict[str, Any]] = []
    while not frames or frames[-1]["type"] not in ("done", "failed", "cancelled", "refused"):
        frame = await they.recv()
        frames += [frame] if frame.get("job") == start.job else []
    return frames


async def welcomed(they: Coordinator) -> None:
    await they.socket.send(encode(Welcome(session="s")))
    await they.ready()


async def send(they: Coordinator, data: bytes) -> None:
    for at in range(0, len(data), PIECE_BYTES):
        part = b64encode(data[at : at + PIECE_BYTES]).decode()
        name = sha256(data).hexdigest()
        await they.socket.send(encode(Blob(sha256=name, offset=at, size_bytes=len(data), data=part)))


async def test_a_picture_is_made_told_of_uploaded_and_done(tmp_path: Path) -> None:
    async def play(they: Coordinator, server: UploadServer) -> None:
        hello = await they.until("hello")
        assert hello["media"][0]["modes"] == ["generate_image", "edit_image"] and MEDIA in hello["features"]
        await welcomed(they)
        frames = await served(they, painting())
        kinds = [frame["type"] for frame in frames]
        assert kinds[0] == "accepted" and kinds[-1] == "done" and set(kinds[1:-1]) == {"progress"}
        assert frames[-1]["usage"]["completion"] == 0
        (put,) = server.puts
        assert put.path == "/v1/worker/artefacts/p/1" and opened(put.body).size == (64, 48)
        digest = b64encode(sha256(put.body).digest()).decode()
        assert put.headers["digest"] == f"sha-256={digest}"
        again = await served(they, painting("q"))
        assert again[-1]["type"] == "done" and server.puts[1].body == put.body, "the same seed, the same bytes"

    async with drawing(tmp_path, play, pace_s=0.02) as (running, _):
        counts = running.daemon._driver.media.counters["painter"]
        assert (counts.ended, counts.uploads, counts.failed_uploads) == ({"done": 2}, 2, 0)
        assert list((tmp_path / "media").iterdir()) == [], "what was made is removed"
    assert not (tmp_path / "media").exists()


async def test_a_picture_is_made_from_files_that_come_over_the_line(tmp_path: Path) -> None:
    async def play(they: Coordinator, server: UploadServer) -> None:
        await they.until("hello")
        await welcomed(they)
        start = edit(PICTURE).model_copy(update={"upload": LEAVE})
        await begin(they, start)
        need = await they.until("need")
        assert [wanted["sha256"] for wanted in need["files"]] == [sha256(PICTURE).hexdigest()]
        await send(they, PICTURE)
        assert (await they.until("done"))["job"] == "p"
        assert opened(server.puts[0].body).size == (64, 64)

    async with drawing(tmp_path, play):
        assert list((tmp_path / "media").iterdir()) == []


async def test_a_leaver_frees_the_slot_within_a_step(tmp_path: Path) -> None:
    async def play(they: Coordinator, server: UploadServer) -> None:
        await they.until("hello")
        await welcomed(they)
        await begin(they, painting(steps=100))
        while (await they.until("progress"))["step"] < 3:
            pass
        await they.socket.send(encode(Cancel(job="p", attempt=1)))
        assert (await they.until("cancelled"))["job"] == "p"
        assert (await served(they, painting("q")))[-1]["type"] == "done" and len(server.puts) == 1

    async with drawing(tmp_path, play, pace_s=0.05) as (running, _):
        assert running.daemon._driver.media.counters["painter"].ended == {"cancelled": 1, "done": 1}


async def test_a_leaver_stops_the_upload(tmp_path: Path) -> None:
    async def play(they: Coordinator, server: UploadServer) -> None:
        await they.until("hello")
        await welcomed(they)
        server.held = asyncio.Event()
        await begin(they, painting())
        await server.came.wait()
        await they.socket.send(encode(Cancel(job="p", attempt=1)))
        assert (await they.until("cancelled"))["job"] == "p"
        server.held.set()
        assert (await served(they, painting("q")))[-1]["type"] == "done"

    async with drawing(tmp_path, play):
        pass


async def test_a_file_that_is_not_taken_is_a_problem_until_one_is(tmp_path: Path) -> None:
    async def play(they: Coordinator, server: UploadServer) -> None:
        await they.until("hello")
        await welcomed(they)
        server.statuses = [422]
        await begin(they, painting())
        issue = await they.until("issue")
        assert (issue["code"], issue["active"]) == ("upload_refused", True)
        failed = await they.until("failed")
        assert failed["code"] == ErrorCode.ENGINE_ERROR and failed["retryable"] and "HTTP 422" in failed["message"]
        await begin(they, painting("q"))
        assert not (await they.until("issue"))["active"]
        assert (await they.until("done"))["job"] == "q"

    async with drawing(tmp_path, play) as (running, _):
        assert running.daemon._driver.media.counters["painter"].failed_uploads == 1


async def test_a_pipeline_that_crashed_is_restarted_and_serves_on(tmp_path: Path) -> None:
    async def play(they: Coordinator, server: UploadServer) -> None:
        await they.until("hello")
        await welcomed(they)
        await begin(they, painting())
        assert (await they.until("failed"))["code"] == ErrorCode.ENGINE_CRASHED
        await they.ready()
        assert (await served(they, painting("q")))[-1]["type"] == "done"

    async with drawing(tmp_path, play, faults=Faults(crash_after=3, retry_in_s=0.0)) as (running, _):
        assert running.daemon._driver.media.counters["painter"].restarts == 1


async def test_without_a_disk_to_keep_files_on_the_attempt_fails_and_the_daemon_lives(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("in the way")

    async def play(they: Coordinator, server: UploadServer) -> None:
        await they.until("hello")
        await welcomed(they)
        await begin(they, edit(PICTURE).model_copy(update={"upload": LEAVE}))
        await they.until("need")
        await send(they, PICTURE)
        failed = await they.until("failed")
        assert failed["code"] == ErrorCode.ENGINE_ERROR and "no room" in failed["message"]

    async with drawing(tmp_path, play) as (running, _):
        assert not running.task.done()
