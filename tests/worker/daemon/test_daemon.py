"""The daemon with a scripted engine, dialling a real websocket server whose end the test plays."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import Response, ServerConnection, serve
from websockets.datastructures import Headers

from wire import messages
from wire.chat import ChatRequest, Content, Message
from wire.codec import encode
from wire.messages import Ack, AckItem, Cancel, Hardware, ModelOffer, Start, Welcome
from worker.chat.answer import Answer
from worker.daemon import daemon as daemon_module
from worker.daemon import link as link_module
from worker.daemon.daemon import Daemon, Identity, Model, Owner
from worker.engine.scripted import Faults, ScriptedEngine
from worker.exits import EXIT_AGAIN, EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.issues import issue
from worker.machine.availability import Rules
from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse
from worker.preparer.scripted import ScriptedPreparer
from worker.telemetry.status import Status

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

    def __init__(self, url: str, pace_s: float = 0.0, owner: Owner | None = None) -> None:
        self.engine = ScriptedEngine(2, 1000, script=lambda prompt, seed: ANSWER, pace_s=pace_s)
        offer = ModelOffer(id=M, context=1000, slots=2)
        model = Model(offer, self.engine, ScriptedPreparer(1000))
        self.daemon = Daemon(WHO, (model,), (url, "sk"), owner or Owner(drain_s=60))
        self.task = asyncio.create_task(self.daemon.run())

    def status(self) -> Status:
        base = Status(time=time.time(), pid=1, worker="w", name="box", version="0", uptime_s=0, phase="starting")
        return self.daemon.status(base)


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


async def test_a_job_is_served_from_start_to_done() -> None:
    async def play(they: Coordinator) -> None:
        hello = await they.welcome()
        assert (hello["worker"], hello["models"][0]["id"]) == ("w", M)
        assert messages.EARNINGS in hello["features"]
        await they.start("a")
        assert (await they.until("accepted"))["job"] == "a"
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_bug_in_reading_an_answer_ends_that_job_and_the_worker_serves_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        with monkeypatch.context() as patch:
            patch.setattr(Answer, "push", lambda self, piece: [Content(text="\ud800")])
            await they.start("a")
            failed = await they.until("failed")
        assert (failed["job"], failed["code"], failed["retryable"]) == ("a", "internal_error", False)
        await they.start("b")
        assert await they.text() == ANSWER.decode()

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK
    (record,) = [record for record in caplog.records if "a bug in reading" in record.getMessage()]
    assert record.exc_info and "a.1" in record.getMessage()


async def test_a_crashed_engine_is_reported_and_serves_again() -> None:
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
        running = Running(url)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_cancel_ends_the_job() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        await they.socket.send(encode(Cancel(job="a", attempt=1)))
        assert (await they.until("cancelled"))["job"] == "a"

    async with coordinator(play) as (url, played):
        running = Running(url, pace_s=0.01)
        await played
        assert await finish(running) == EXIT_OK


async def test_a_second_signal_stops_at_once() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        os.kill(os.getpid(), signal.SIGTERM)
        await they.until("draining")
        os.kill(os.getpid(), signal.SIGTERM)

    async with coordinator(play) as (url, played):
        running = Running(url, pace_s=0.05)
        assert await running.task == EXIT_STOPPED
        await played


async def test_a_refused_key_is_a_configuration_error() -> None:
    def refuse(*_: object) -> Response:
        return Response(401, "Unauthorized", Headers({"Content-Length": "0"}), b"")

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
        running = Running(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert await running.task == EXIT_CONFIG
        last = running.daemon.last_problem
        assert last is not None and last.issue.code == "key_refused" and "account" in last.issue.remedy


async def test_the_status_says_how_it_is_and_what_was_earned() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.socket.send(encode(messages.Earnings(escrow_nano=3, available_nano=2, today_nano=1)))
        await they.start("a")
        await they.text()

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        status = running.status()
        assert (status.phase, status.coordinator, status.models[0].slots) == ("serving", "registered", 2)
        assert status.earnings is not None and status.earnings.available_nano == 2
        assert status.models[0].ended == {"stop": 1} and status.models[0].completion_tokens == len(ANSWER)
        await finish(running)


async def test_a_pause_lets_what_runs_finish_and_takes_no_more_until_resume() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        running.daemon.pause(True)
        assert (await they.until("capacity"))["models"][0] == {"id": M, "status": "ready", "slots": 0, "free": 0}
        assert (await they.until("issue"))["code"] == "paused"
        await they.start("b")
        refused = await they.until("refused")
        assert (refused["job"], refused["code"]) == ("b", "worker_busy")
        assert running.status().jobs == 1 and running.status().reason == "paused"
        assert (await they.until("done"))["job"] == "a"
        running.daemon.pause(False)
        assert (await they.until("capacity"))["models"][0]["free"] == 2
        issue = await they.until("issue")
        assert (issue["code"], issue["active"]) == ("paused", False)

    async with coordinator(play) as (url, played):
        running = Running(url, pace_s=0.005)
        await played
        assert running.status().refused == {"worker_busy": 1}
        assert await finish(running) == EXIT_OK


class Gpu:
    """Sensors of a card whose owner plays a game while `playing`."""

    playing = False

    def read(self) -> tuple[Reading, ...]:
        return (Reading("RTX", 24, 12, temperature_c=50.0, others_utilisation=0.9 * self.playing, others_bytes=0),)


async def test_the_owners_game_lowers_the_slots_and_the_coordinator_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "LOOK_S", 0.02)
    monkeypatch.setattr(daemon_module, "TICK_S", 0.01)
    gpu = Gpu()

    async def slots(they: Coordinator, wanted: int) -> None:
        while (await they.until("capacity"))["models"][0]["slots"] != wanted:
            pass

    async def play(they: Coordinator) -> None:
        await they.welcome()
        gpu.playing = True
        await slots(they, 0)
        assert (await they.until("issue"))["code"] == "owner_uses_gpu"
        status = running.status()
        assert status.reason == "owner_uses_gpu" and "RTX" in status.words and status.gpus[0].temperature_c == 50.0
        gpu.playing = False
        await slots(they, 2)

    async with coordinator(play) as (url, played):
        running = Running(url, owner=Owner(Rules(yields=True), gpu, OwnersUse(0.1), 60))
        await played
        assert await finish(running) == EXIT_OK


async def test_a_long_game_gets_the_gpus_memory_and_what_runs_is_finished_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daemon_module, "LOOK_S", 0.02)
    monkeypatch.setattr(daemon_module, "TICK_S", 0.01)
    gpu = Gpu()

    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        gpu.playing = True
        await they.until("draining")
        assert (await they.until("done"))["job"] == "a"

    async with coordinator(play) as (url, played):
        owner = Owner(Rules(yields=True, release_s=0.1), gpu, OwnersUse(60), 60)
        running = Running(url, pace_s=0.01, owner=owner)
        await played
        assert await running.task == EXIT_AGAIN
        assert running.daemon.released and running.daemon.unready is None


async def test_while_the_owner_plays_it_is_there_without_a_model_and_leaves_when_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(daemon_module, "LOOK_S", 0.02)
    gpu = Gpu()
    gpu.playing = True

    async def play(they: Coordinator) -> None:
        assert (await they.until("hello"))["models"] == []
        await they.socket.send(encode(Welcome(session="s")))
        issue = await they.until("issue")
        assert (issue["code"], issue["severity"]) == ("owner_uses_gpu", "info")
        gpu.playing = False

    use = OwnersUse(0.2)
    for now in (time.monotonic() - 0.1, time.monotonic()):
        use.watch(gpu.read(), busy=False, now=now)  # while a model was here
    async with coordinator(play) as (url, played):
        owner = Owner(Rules(yields=True), gpu, use, until_open=True)
        task = asyncio.create_task(Daemon(WHO, (), (url, "sk"), owner).run())
        await played
        assert await task == EXIT_AGAIN


async def test_an_engine_that_is_given_up_ends_the_daemon_with_what_is_wrong() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        running.engine.faults = Faults(crash_after=0, retry_in_s=None, problem="engine_cannot_compute")
        await they.start("a")
        issue = await they.until("issue")
        assert (issue["code"], issue["severity"]) == ("engine_cannot_compute", "error")
        failed = await they.until("failed")
        assert failed["code"] == "engine_crashed" and failed["retryable"]

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await running.task == EXIT_AGAIN
        assert running.daemon.unready is not None and running.daemon.unready.code == "engine_cannot_compute"


async def test_its_last_words_are_sent_before_it_leaves() -> None:
    """Nothing runs, so it leaves at once: and after this there may be no other daemon to tell it."""

    async def play(they: Coordinator) -> None:
        await they.welcome()
        running.engine.faults = Faults(crash_after=0, retry_in_s=None, problem="driver_hangs")
        assert (await they.until("issue"))["code"] == "driver_hangs"
        await they.until("draining")

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        assert await running.task == EXIT_AGAIN


async def test_who_is_told_to_stop_while_it_gives_up_stops() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        running.daemon._leave_to_return(60)
        os.kill(os.getpid(), signal.SIGTERM)
        await they.until("done")

    async with coordinator(play) as (url, played):
        running = Running(url, pace_s=0.01)
        assert await running.task == EXIT_OK
        await played


async def test_without_a_model_it_is_there_only_to_say_why_and_leaves_to_try_again() -> None:
    async def play(they: Coordinator) -> None:
        hello = await they.until("hello")
        assert hello["models"] == []
        await they.socket.send(encode(Welcome(session="s")))
        issue = await they.until("issue")
        assert (issue["code"], issue["severity"], issue["active"]) == ("disk_full", "error", True)

    async with coordinator(play) as (url, played):
        owner = Owner(problems=(issue("disk_full", "no space"),), again_s=1.0)
        task = asyncio.create_task(Daemon(WHO, (), (url, "sk"), owner).run())
        await played
        assert await task == EXIT_AGAIN


async def test_a_coordinator_that_comes_back_is_told_of_every_problem_again() -> None:
    seen: list[str] = []
    twice = asyncio.Event()

    async def play(they: Coordinator) -> None:
        await they.until("hello")
        await they.socket.send(encode(Welcome(session="s")))
        seen.append((await they.until("issue"))["code"])
        if len(seen) == 2:
            twice.set()
        else:
            they.socket.transport.abort()
            raise ConnectionError("the line drops")

    owner = Owner(problems=(issue("gpu_unused", "no CUDA"),), drain_s=60)
    async with coordinator(play) as (url, played):
        running = Running(url, owner=owner)
        with pytest.raises(ConnectionError):
            await played
        await twice.wait()
        assert seen == ["gpu_unused", "gpu_unused"]
        assert await finish(running) == EXIT_OK
