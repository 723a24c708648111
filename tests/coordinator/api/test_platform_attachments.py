"""What a user sends for tools to work with, through the real HTTP API: pictures for a model without eyes, sounds,
films, and things that are kept here. Files are verified in a real process; a worker of media says what it was asked."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tests.coordinator.api.platform_driver import PATIENCE_S, call, names, turn
from tests.coordinator.conftest import Coordinator, FakeWorker, Start, chat_of, make_account, make_key
from tests.coordinator.media_catalog import png, uri
from tests.coordinator.media_worker import WIDE_CATALOG, MediaWorker, film, make_of, media_worker, sound
from tools.hostile.pictures import files
from tools.hostile.pictures.files import turned
from wire import messages as wire
from wire.blobs import VISION, Blob, Need, Wanted
from wire.media import EditImage, SoundToVideo, VideoToVideo

EDIT = "sogni_edit_image"
SEES = WIDE_CATALOG.replace("files: [{name: tiny.gguf}]", "files: [{name: tiny.gguf}], projector: {name: eyes.gguf}")
PICTURE = png(32, 16)
TEXT = {"type": "text", "text": "make it blue"}
SHOWN = {"type": "image_url", "image_url": {"url": uri(PICTURE)}}


@asynccontextmanager
async def network(
    start: Start, catalog: str = WIDE_CATALOG, features: tuple[str, ...] = ()
) -> AsyncIterator[tuple[Coordinator, FakeWorker]]:
    """A coordinator, and a chat worker that has joined with room for all tools."""
    async with start(catalog) as coordinator, coordinator.worker() as worker:
        await worker.join(slots=4, context=32768, features=features)
        yield coordinator, worker


def asking(*parts: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": [{"role": "user", "content": list(parts)}], **fields}


def calls(tool: str = EDIT, **names: str) -> Any:
    return call(json.dumps({"prompt": "make it blue", **names}), tool)


def told(start: wire.Start) -> str:
    return chat_of(start).messages[-1].content


async def refusal(coordinator: Coordinator, body: dict[str, Any], path: str = "chat/completions") -> tuple[str, str]:
    """What is said of a request that is refused, and of which field."""
    async with coordinator.http() as http:
        response = await http.post(f"/v1/{path}", json=body)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["code"] == "invalid_request"
    return error["message"], error["param"]


async def stranger(coordinator: Coordinator) -> str:
    """The key of another account, which the coordinator knows."""
    key = make_key(coordinator.config, account=make_account(coordinator.config, "stranger"))
    await coordinator.running.services.accounts.refresh()
    return key


async def upload(http: httpx.AsyncClient, file: bytes, media_type: str) -> str:
    """The link of a file that is kept here from now on."""
    sent = await http.post("/v1/media", content=file, headers={"content-type": media_type})
    assert sent.status_code == 201, sent.text
    url: str = sent.json()["url"]
    return url


async def fetched(media: MediaWorker, start: wire.Start, name: str) -> bytes:
    """A file of a job, as a worker fetches it before it accepts."""
    await media.say(Need(job=start.job, attempt=start.attempt, files=(Wanted(sha256=name),)))
    blob = await media.hear(Blob, PATIENCE_S)
    data = b64decode(blob.data)  # small enough to come in one piece
    assert sha256(data).hexdigest() == name
    return data


async def made(media: MediaWorker, start: wire.Start) -> None:
    await media.say(wire.Accepted(job=start.job, attempt=start.attempt))
    assert (await media.make(start)).status_code == 201


@pytest.mark.parametrize("streams", [False, True])
async def test_a_model_without_eyes_edits_a_picture_that_it_is_told_of(start_coordinator: Start, streams: bool) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator) as media,
        coordinator.http() as http,
    ):
        body = asking(TEXT, SHOWN, stream=streams)
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        first = await turn(worker, calls(source_image_url="media:1"))
        start = await media.hear(wire.Start, PATIENCE_S)
        make = make_of(start)
        assert isinstance(make, EditImage)
        assert await fetched(media, start, make.images[0]) == PICTURE
        await made(media, start)
        second = await turn(worker, "Blue.")
        answer = await asked
    assert EDIT in names(first)
    assert told(first) == "make it blue\n[image media:1, 32x16 PNG]\n"
    assert chat_of(first).messages[-1].images == ()
    assert chat_of(second).messages[0].content == told(first)
    assert json.loads(told(second))["success"] is True
    assert "Blue." in answer.text
    assert "/m/" in answer.text


async def test_a_response_with_a_picture_a_file_and_a_reference(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "edits", serves=True) as media,
        coordinator.http() as http,
    ):
        parts = [
            {"type": "input_text", "text": "join them"},
            {"type": "input_image", "image_url": uri(turned(6))},
            {"type": "input_file", "file_data": uri(png(16, 16)), "filename": "a.png"},
        ]
        body = {"model": "tiny", "input": [{"role": "user", "content": parts}], "sogni_tools": True}
        body["media_references"] = [{"kind": "image", "url": uri(PICTURE)}]
        asked = asyncio.create_task(http.post("/v1/responses", json=body))
        more = ["media:2", "media:3"]
        first = await turn(worker, calls(source_image_url="media:1", reference_image_urls=more))  # type: ignore[arg-type]
        await turn(worker, "Joined.")
        answer = await asked
    lines = "[image media:1, 128x64 JPEG]\n[image media:2, 16x16 PNG]\n[image media:3, 32x16 PNG]\n"
    assert told(first) == "join them\n" + lines
    make = make_of(media.asked[0])
    assert isinstance(make, EditImage)
    assert make.images[1:] == (sha256(png(16, 16)).hexdigest(), sha256(PICTURE).hexdigest())
    assert make.images[0] != sha256(turned(6)).hexdigest()  # it was turned upright, and its EXIF is gone
    assert answer.json()["output"][0]["content"][0]["text"].startswith("Joined.")


async def test_a_sound_and_a_film_become_films(start_coordinator: Start) -> None:
    heard, seen = sound(2, "mp3"), film(64, 48, 9, 8)
    audio = {"type": "input_audio", "input_audio": {"data": b64encode(heard).decode(), "format": "mp3"}}
    video = {"type": "file", "file": {"file_data": uri(seen), "filename": "a.mp4"}}
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "restyles", "follows", serves=True) as media,
        coordinator.http() as http,
    ):
        body = asking({"type": "text", "text": "a"}, audio, {"type": "text", "text": "b"}, video, stream=True)
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        follow = calls("sogni_sound_to_video", reference_audio_url="media:1")
        first = await turn(worker, follow)
        restyle = calls("sogni_video_to_video")  # the one film that there is, once the first is made by name
        second = await turn(worker, restyle)
        third = await turn(worker, "Here.")
        answer = await asked
    assert told(first) == "a\n[audio media:1, 2 s MP3]\nb\n[video media:2, 64x48, 1 s MP4]\n"
    assert json.loads(told(second))["success"] is True
    assert "say which film: there is media:2, media:3" in json.loads(told(third))["error"]
    (only,) = media.asked
    assert isinstance(make_of(only), SoundToVideo)
    assert answer.text.count(".mp4") >= 1


async def test_what_is_kept_here_is_named_and_only_by_its_account(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "edits", "restyles", serves=True) as media,
        coordinator.http() as http,
        coordinator.http(await stranger(coordinator)) as other,
    ):
        await coordinator.running.services.accounts.refresh()
        kept = await upload(http, film(64, 48, 9, 8), "video/mp4")
        theirs = await upload(other, PICTURE, "image/png")
        body = asking(TEXT, media_references=[{"kind": "video", "url": kept}])
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        first = await turn(worker, calls("sogni_video_to_video", reference_video_url="media:1"))
        await turn(worker, "Done.")
        assert (await asked).status_code == 200
        for address in (theirs, "https://elsewhere.example/a.png", "http://127.0.0.1:1/m/a.png", "x"):
            listed = [{"kind": "image", "url": address}]
            message, param = await refusal(coordinator, asking(TEXT, media_references=listed))
            assert "nothing is fetched from elsewhere" in message
            assert param == "media_references[0].url"
        wrong = [{"kind": "image", "url": kept}]
        message, _ = await refusal(coordinator, asking(TEXT, media_references=wrong))
        assert "the media is video/mp4, and no image" in message
    assert told(first) == "make it blue\n[video media:1, 64x48, 1 s MP4]\n"
    make = make_of(media.asked[0])
    assert isinstance(make, VideoToVideo)


async def test_a_model_with_eyes_is_told_the_handle_of_what_it_sees(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator, SEES, (VISION,)) as (coordinator, worker),
        media_worker(coordinator, "edits", serves=True) as media,
        coordinator.http() as http,
    ):
        broken = {"type": "image_url", "image_url": {"url": uri(PICTURE[:-20])}}
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=asking(SHOWN, broken, TEXT)))
        bad, good = calls(source_image_url="media:2"), calls(source_image_url="media:1")
        first = await turn(worker, bad, good.model_copy(update={"index": 1}))
        second = await turn(worker, "Blue.")
        assert (await asked).status_code == 200
    seen = chat_of(first).messages[0]
    assert seen.content == "[image media:1]\n[image media:2]\nmake it blue"
    assert [seen.content[: image.at] for image in seen.images] == [
        "[image media:1]\n",
        "[image media:1]\n[image media:2]\n",
    ]
    results = [json.loads(message.content) for message in chat_of(second).messages[-2:]]
    assert [result["success"] for result in results] == [False, True]
    assert results[0]["error"] == "The file is cut off: its end is missing."
    (only,) = media.asked
    make = make_of(only)
    assert isinstance(make, EditImage)
    assert make.images == (sha256(PICTURE).hexdigest(),)


async def test_without_a_tool_that_takes_it_it_is_refused_as_ever(start_coordinator: Start) -> None:
    text_only = "'image_url' parts are not accepted here: this model takes text only. None here sees"
    audio = {"type": "input_audio", "input_audio": {"data": b64encode(sound(1, "mp3")).decode()}}
    async with network(start_coordinator) as (coordinator, _):
        message, param = await refusal(coordinator, asking(TEXT, SHOWN))
        assert text_only in message
        assert param == "messages[0].content[1].type"
        async with media_worker(coordinator, "draws"):
            assert text_only in (await refusal(coordinator, asking(TEXT, SHOWN)))[0]
        async with media_worker(coordinator, "edits", name="m2"):
            for unwanted in ({"sogni_tools": False}, {"sogni_tool_execution": False}, {"tool_choice": "none"}):
                assert text_only in (await refusal(coordinator, asking(TEXT, SHOWN, **unwanted)))[0]
            message, param = await refusal(coordinator, asking(TEXT, audio))
            assert "'input_audio' parts are not accepted here" in message
            body = {
                "model": "tiny",
                "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}],
            }
            message, param = await refusal(coordinator, body, "responses")
            assert "'input_image' parts are not accepted here" in message
            assert param == "input[0].content[0].type"


async def test_a_file_that_cannot_be_read_is_the_requests_fault(start_coordinator: Start) -> None:
    async with network(start_coordinator) as (coordinator, _), media_worker(coordinator, "edits", "restyles"):
        cut = uri(PICTURE[:-20])
        message, param = await refusal(coordinator, asking(TEXT, {"type": "image_url", "image_url": {"url": cut}}))
        assert "the file is cut off" in message
        assert param == "messages[0].content[1].image_url"
        cut = uri(film(64, 48, 9, 8)[:-50])
        message, param = await refusal(coordinator, asking(TEXT, {"type": "file", "file": {"file_data": cut}}))
        assert "the file is cut off" in message
        assert param == "messages[0].content[1].file.file_data"
        message, param = await refusal(coordinator, asking(*[SHOWN] * 21))
        assert "more than 20 files" in message


def bomb(what: str) -> dict[str, Any]:
    """A part with a file that is far more than it looks."""
    match what:
        case "picture":
            file = files.png(100_000, 100_000, bytes(1000))
            return {"type": "image_url", "image_url": {"url": uri(file)}}
        case "film":
            file = film(64, 48, 9, 8)
            at = file.index(b"stsz") + 12  # behind version and size: how many frames there are
            return {"type": "file", "file": {"file_data": uri(file[:at] + b"\xff" * 4 + file[at + 4 :])}}
        case _:
            file = sound(1, "wav")
            lies = file.replace(b"\x80>\x00\x00", b"\x01\x00\x00\x00", 1)  # one sample a second in place of 16,000
            assert lies != file
            return {"type": "input_audio", "input_audio": {"data": b64encode(lies).decode()}}


async def test_bombs_are_refused_and_the_coordinator_serves_on(start_coordinator: Start) -> None:
    async with (
        network(start_coordinator) as (coordinator, worker),
        media_worker(coordinator, "edits", "restyles", "follows") as media,
        coordinator.http() as http,
    ):
        for what in ("picture", "film", "sound"):
            message, param = await refusal(coordinator, asking(TEXT, bomb(what)))
            assert param.startswith("messages[0].content[1]."), message
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=asking(TEXT)))
        await turn(worker, "Yes.")
        assert (await asked).status_code == 200
        assert media.asked == []
