"""Requests with pictures in a daemon, over a real socket and with the real reader; the engine is scripted."""

import asyncio
import os
import signal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.worker.daemon.running_daemon import ANSWER, NO_FILES, WHO, Coordinator, M, Running, coordinator, finish
from tools.hostile.pictures.files import quarters, saved
from wire import pictures
from wire.blobs import PIECE_BYTES, VISION
from wire.chat import ChatRequest, Image, Message, Sampling
from wire.codec import encode
from wire.messages import Start, Welcome
from wire.offers import ModelOffer
from wire.pictures import MAX_BYTES, MAX_BYTES_TOGETHER
from worker.daemon import session_driver
from worker.daemon.daemon import Daemon, Owner
from worker.daemon.home import Home
from worker.daemon.session_driver import Model
from worker.engine import port
from worker.engine.port import EngineSpec
from worker.engine.process import ProcessEngine
from worker.exits import EXIT_OK
from worker.pictures.pipe import TO_READER, Pixels
from worker.pictures.process import PictureReader
from worker.preparer.process import PREPARE_S, TURN_S, Preparer
from worker.preparer.scripted import ScriptedPreparer
from worker.session.effects import Effect
from worker.session.session import Session

pytestmark = pytest.mark.usefixtures("no_waiting")

PNG, JPEG = saved(quarters(), "PNG"), saved(quarters(320, 256), "JPEG")
ALONE = len("user: hi\n")  # tokens of the message without its pictures
LEAST, EIGHTY = 70, 80  # 96 x 64 pixels are made larger, 320 x 256 are 10 x 8 patches
CONTEXT = 1024
NOISE = os.urandom(MAX_BYTES), os.urandom(MAX_BYTES_TOGETHER - MAX_BYTES)


async def test_a_job_about_pictures_from_start_to_done_and_another_about_the_same() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.show("a", PNG, JPEG)
        need = await they.until("need")
        assert [wanted["offset"] for wanted in need["files"]] == [0, 0]
        await they.send(PNG)
        await they.send(JPEG)
        assert (await they.until("accepted"))["prompt"] == ALONE + LEAST + EIGHTY
        assert await they.text() == ANSWER.decode()
        await they.show("b", JPEG)
        assert (await they.recv())["type"] == "accepted", "nothing is asked for"
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url, features=(VISION,))
        await played
        assert len(set(running.engine._shown)) == 2
        counters = running.daemon.counters
        assert (counters.pictures, counters.picture_bytes) == (3, len(PNG) + len(JPEG))
        assert await finish(running) == EXIT_OK


async def test_as_many_bytes_as_a_request_may_have_come_through_and_what_is_no_picture_costs_its_request() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.show("a", *NOISE)
        await they.until("need")
        for data in NOISE:
            await they.send(data)
        refused = await they.until("refused")
        assert refused["message"].startswith("The picture is no JPEG, PNG, WebP or GIF")
        assert (refused["code"], refused["param"]) == ("invalid_request", "images[0]")
        await they.start("b")
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url, features=(VISION,))
        await played
        assert await finish(running) == EXIT_OK


async def test_more_pixels_than_a_request_may_have_are_refused_by_what_the_files_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "MAX_PIXELS_TOGETHER", 320 * 256 + 1)

    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.show("a", JPEG, PNG)
        await they.until("need")
        await they.send(JPEG)
        await they.send(PNG)
        refused = await they.until("refused")
        assert (refused["code"], refused["param"]) == ("invalid_request", "images[1]")
        assert refused["message"].startswith("The picture has 88,064 pixels together with those before it")
        await they.show("b", JPEG)
        assert await they.text() == ANSWER.decode(), "alone it is not too much"

    async with coordinator(play) as (url, played):
        running = Running(url, features=(VISION,))
        await played
        assert await finish(running) == EXIT_OK


async def test_requests_take_turns_at_the_reader_picture_by_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    many, one = [b"a%d" % number for number in range(5)], b"b"
    both, ask = asyncio.Event(), PictureReader.read

    async def asked(reader: PictureReader, data: bytes, most: int) -> Pixels:
        if data == one:
            both.set()
        return await ask(reader, data, most)

    async def exchange(reader: PictureReader, line: bytes) -> Pixels:
        read.append(TO_READER.decode(line).data)
        await both.wait()  # the first lasts until the other request has come
        return Pixels(32, 32, read[-1][-1:] * (3 * 32 * 32), 32 * 32)

    monkeypatch.setattr(PictureReader, "read", asked)
    monkeypatch.setattr(PictureReader, "_exchange", exchange)

    async def play(they: Coordinator) -> None:
        await they.welcome()
        for job, files in (("a", many), ("b", [one])):
            await they.show(job, *files)
            for data in files:
                await they.send(data)
        for _ in "ab":
            await they.until("done")

    async with coordinator(play) as (url, played):
        running = Running(url, features=(VISION,))
        await played
        assert await finish(running) == EXIT_OK
    assert read == [many[0], one, *many[1:]]


async def test_a_request_whose_pictures_take_long_goes_elsewhere_before_its_coordinator_gives_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from coordinator.scheduler.state import Limits

    assert session_driver.PICTURES_S + TURN_S + PREPARE_S < Limits().accept_pictures_s
    monkeypatch.setattr(session_driver, "PICTURES_S", 0.1)
    slow = asyncio.Event()

    async def exchange(reader: PictureReader, line: bytes) -> Pixels:
        await slow.wait()
        return Pixels(32, 32, bytes(3 * 32 * 32), 32 * 32)

    monkeypatch.setattr(PictureReader, "_exchange", exchange)

    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.show("a", PNG, JPEG)
        await they.send(PNG)
        await they.send(JPEG)
        refused = await they.until("refused")
        assert (refused["code"], refused.get("param")) == ("worker_busy", None), "no picture is to blame"
        slow.set()
        await they.show("a", PNG, JPEG, attempt=2)
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url, features=(VISION,))
        await played
        assert await finish(running) == EXIT_OK


async def test_a_line_that_is_cut_between_two_pieces_goes_on_where_it_stopped() -> None:
    data = PNG + b"\0" * 3 * PIECE_BYTES  # what is behind the end of a picture is not looked at
    lines: list[Coordinator] = []

    async def play(they: Coordinator) -> None:
        lines.append(they)
        if len(lines) == 1:
            await they.welcome()
            await they.show("a", data)
            await they.until("need")
            await they.send(data, pieces=2)
            await they.socket.ping()  # answered behind what was sent
            await they.socket.close(1001)
            return
        hello = await they.until("hello")
        assert hello["resume"]["jobs"] == []
        await they.socket.send(encode(Welcome(session="s")))
        await they.show("a", data, attempt=2)
        (wanted,) = (await they.until("need"))["files"]
        assert wanted["offset"] == 2 * PIECE_BYTES
        await they.send(data, wanted["offset"])
        assert await they.text() == ANSWER.decode()
        done.set()

    done = asyncio.Event()
    async with coordinator(play) as (url, _):
        running = Running(url, features=(VISION,))
        await done.wait()
        assert await finish(running) == EXIT_OK


async def test_a_model_whose_template_shows_it_no_pictures_is_said_to_be_blind(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[port.Event] = []
    heard = Session.engine
    monkeypatch.setattr(ScriptedPreparer, "sees", False)

    def engine(self: Session, model: str, event: port.Event) -> list[Effect]:
        said.append(event)
        return heard(self, model, event)

    monkeypatch.setattr(Session, "engine", engine)

    async def play(they: Coordinator) -> None:
        await they.welcome()

    async with coordinator(play) as (url, played):
        running = Running(url, features=(VISION,))
        await played
        assert await finish(running) == EXIT_OK
    (ready,) = [event for event in said if isinstance(event, port.Ready)]
    assert ready.image_ms is None and "template" in ready.blind


# ---- the real thing: template, tokeniser, reader, encoder and model, on a tiny pair ----------------------------------


class Seeing:
    """A daemon whose model has eyes."""

    def __init__(self, url: str, model: Path, eyes: Path) -> None:
        spec = EngineSpec(str(model), slots=2, context=CONTEXT, projector=str(eyes))
        offer = ModelOffer(id=M, context=CONTEXT, slots=2, features=(VISION,))
        served = Model(offer, ProcessEngine(spec), Preparer(str(model), CONTEXT, "qwen-xml", prepare_s=60, turn_s=60))
        self.task = asyncio.create_task(Daemon(WHO, (served,), (), Home(url, "sk"), NO_FILES, Owner(drain_s=60)).run())


class Chat:
    """A chat about pictures with a real model, that a coordinator has with its worker; all files are sent as asked."""

    def __init__(self, they: Coordinator, *files: bytes) -> None:
        self.they = they
        self.files = {sha256(data).hexdigest(): data for data in files}

    async def ask(self, job: str, *messages: Message) -> dict[str, Any]:
        """The last frame of the job; what it needs is sent."""
        sampling = Sampling(temperature=0)
        chat = ChatRequest(messages=messages, max_tokens=8, thinking=False, ignore_eos=True, sampling=sampling)
        await self.they.socket.send(encode(Start(job=job, attempt=1, model=M, request=chat, seed=1)))
        while (frame := await self.they.recv())["type"] not in ("done", "failed", "refused"):
            if frame["type"] == "need":
                for wanted in frame["files"]:
                    await self.they.send(self.files[wanted["sha256"]], wanted["offset"])
        return frame


def about(text: str, *files: bytes) -> Message:
    images = tuple(Image(at=0, sha256=sha256(data).hexdigest(), size_bytes=len(data), most=256) for data in files)
    return Message(role="user", content=text, images=images)


async def test_a_model_with_eyes_from_start_to_its_tokens_and_in_the_next_turn(
    tiny_qwen35: Path, tiny_eyes: Path
) -> None:
    red = saved(quarters(512, 480), "PNG")

    async def play(they: Coordinator) -> None:
        await they.welcome()
        chat = Chat(they, red, JPEG, JPEG[: len(JPEG) // 2])
        question = about("What is it?", red)
        first = await chat.ask("a", question)
        assert (first["type"], first["usage"]["completion"]) == ("done", 8), first
        shown = 16 * 15 + 2
        assert first["usage"]["prompt"] > shown and first["usage"]["cached"] == 0
        answer = Message(role="assistant", content="Two colours.")
        second = await chat.ask("b", question, answer, Message(role="user", content="Which?"))
        assert second["usage"]["cached"] > shown, "the picture is not read again"
        other = await chat.ask("c", about("What is it?", JPEG), answer, Message(role="user", content="Which?"))
        assert other["type"] == "done" and other["usage"]["cached"] < 20, "another picture is no beginning in common"
        broken = await chat.ask("d", about("And this?", JPEG[: len(JPEG) // 2]))
        assert broken["message"].startswith("The picture is damaged or cut off")

    async with coordinator(play) as (url, played):
        running = Seeing(url, tiny_qwen35, tiny_eyes)
        await played
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await running.task).code == EXIT_OK
