"""The daemon with a scripted engine, dialling a real websocket server whose end the test plays."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Response, ServerConnection, serve
from websockets.datastructures import Headers

from wire import messages
from wire.chat import ChatRequest, Message
from wire.codec import encode
from wire.messages import Ack, AckItem, Cancel, Hardware, ModelOffer, Start, Welcome
from worker import link as link_module
from worker.daemon import EXIT_CONFIG, EXIT_OK, EXIT_STOPPED, Daemon, Identity, Model
from worker.engine.scripted import Faults, ScriptedEngine
from worker.scripted_preparer import ScriptedPreparer

M = "scripted"
ANSWER = b"one two three"
WHO = Identity("w", "i", "0", "box", Hardware())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(link_module, "BACKOFF_MOST_S", 0.001)


class Coordinator:
    """The test's end of the socket."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def recv(self) -> dict[str, Any]:
        """The next frame; the end of a job is acknowledged."""
        frame: dict[str, Any] = json.loads(await self.socket.recv())
        if frame["type"] in ("done", "failed", "cancelled"):
            ack = AckItem(job=frame["job"], attempt=frame["attempt"], next_seq=frame["seq"] + 1)
            await self.socket.send(encode(Ack(items=(ack,))))
        return frame

    async def until(self, type: str) -> dict[str, Any]:
        """The next frame of a type; frames of other types are skipped."""
        while True:
            frame = await self.recv()
            if frame["type"] == type:
                return frame

    async def welcome(self) -> dict[str, Any]:
        hello = await self.until("hello")
        await self.socket.send(encode(Welcome(session="s")))
        await self.ready()
        return hello

    async def ready(self) -> None:
        while (await self.until("capacity"))["models"][0]["status"] != "ready":
            pass

    async def start(self, job: str, **request: Any) -> None:
        chat = ChatRequest(messages=(Message(role="user", content="hi"),), max_tokens=100, **request)
        await self.socket.send(encode(Start(job=job, attempt=1, model=M, request=chat, seed=1)))

    async def text(self) -> str:
        """The whole answer of the only job that runs."""
        text = ""
        while True:
            frame = await self.recv()
            for item in frame.get("items", []):
                text += "".join(part["text"] for part in item["parts"])
            if frame["type"] == "done":
                return text


class Running:
    """A daemon at work; its scripted engine's faults are switches."""

    def __init__(self, url: str, folder: Path, pace_s: float = 0.0) -> None:
        self.engine = ScriptedEngine(2, 1000, script=lambda prompt, seed: ANSWER, pace_s=pace_s)
        offer = ModelOffer(id=M, context=1000, slots=2)
        model = Model(offer, self.engine, ScriptedPreparer(1000))
        self.task = asyncio.create_task(Daemon(WHO, (model,), (url, "sk"), folder, drain_s=60).run())


@asynccontextmanager
async def coordinator(
    play: Callable[[Coordinator], Awaitable[None]],
) -> AsyncIterator[tuple[str, asyncio.Future[None]]]:
    """A server that plays one connection with `play`; later ones are left waiting."""
    played: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handler(socket: ServerConnection) -> None:
        try:
            await play(Coordinator(socket))
        except BaseException as error:
            if not played.done():
                played.set_exception(error)
            raise
        if not played.done():
            played.set_result(None)
        await socket.wait_closed()

    async with serve(handler, "127.0.0.1", 0, subprotocols=[messages.SUBPROTOCOL]) as server:  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", played


async def finish(running: Running) -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    return await running.task


async def test_a_job_is_served_from_start_to_done(tmp_path: Path) -> None:
    async def play(they: Coordinator) -> None:
        hello = await they.welcome()
        assert (hello["worker"], hello["models"][0]["id"]) == ("w", M)
        assert messages.EARNINGS in hello["features"]
        await they.start("a")
        assert (await they.until("accepted"))["job"] == "a"
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url, tmp_path)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_crashed_engine_is_reported_and_serves_again(tmp_path: Path) -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        running.engine.faults = Faults(crash_after=3, retry_in_s=0.0)
        await they.start("a")
        failed = await they.until("failed")
        assert failed["code"] == "engine_crashed" and failed["retryable"]
        await they.ready()
        await they.start("b")
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url, tmp_path)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_cancel_ends_the_job(tmp_path: Path) -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        await they.socket.send(encode(Cancel(job="a", attempt=1)))
        assert (await they.until("cancelled"))["job"] == "a"

    async with coordinator(play) as (url, played):
        running = Running(url, tmp_path, pace_s=0.01)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        os.kill(os.getpid(), signal.SIGTERM)
        await they.until("draining")
        os.kill(os.getpid(), signal.SIGTERM)

    async with coordinator(play) as (url, played):
        running = Running(url, tmp_path, pace_s=0.05)
        assert await running.task == EXIT_STOPPED
        await played


async def test_a_refused_key_is_a_configuration_error(tmp_path: Path) -> None:
    def refuse(*_: object) -> Response:
        return Response(401, "Unauthorized", Headers({"Content-Length": "0"}), b"")

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
        running = Running(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", tmp_path)
        assert await running.task == EXIT_CONFIG


async def test_the_status_file_is_there_while_the_daemon_runs(tmp_path: Path) -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()

    async with coordinator(play) as (url, played):
        running = Running(url, tmp_path)
        await played
        status = json.loads((tmp_path / "status.json").read_text())
        assert status["worker"] == "w" and status["models"][0]["slots"] == 2
        await finish(running)
        assert not (tmp_path / "status.json").exists()
