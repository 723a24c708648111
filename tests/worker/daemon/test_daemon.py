"""The daemon with a scripted engine, dialling a real websocket server whose end the test plays."""

import asyncio
import os
import signal
import time

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Response

from tests.worker.daemon.running_daemon import ANSWER, NO_FILES, WHO, Coordinator, M, Running, coordinator, finish
from wire.codec import encode
from wire.earnings import Earnings
from wire.messages import Welcome
from worker.daemon import daemon as daemon_module
from worker.daemon.daemon import Daemon, Outcome, Owner
from worker.daemon.home import Home
from worker.engine.scripted import Faults
from worker.exits import EXIT_AGAIN, EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.issues import issue
from worker.machine.availability import Rules
from worker.machine.description import Reading
from worker.machine.owners_use import OwnersUse
from worker.session.effects import GiveUp

pytestmark = pytest.mark.usefixtures("no_waiting")


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
        assert (await running.task).code == EXIT_STOPPED
        await played


async def test_a_refused_key_is_a_configuration_error() -> None:
    def refuse(*_: object) -> Response:
        return Response(401, "Unauthorized", Headers({"Content-Length": "0"}), b"")

    async def handler(_: ServerConnection) -> None:
        raise AssertionError("never opened")

    async with serve(handler, "127.0.0.1", 0, process_request=refuse) as server:
        running = Running(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert (await running.task).code == EXIT_CONFIG
        last = running.daemon.last_problem
        assert last is not None and last.issue.code == "key_refused" and "account" in last.issue.remedy


async def test_the_status_says_how_it_is_and_what_was_earned() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.socket.send(encode(Earnings(escrow_nano=3, available_nano=2, today_nano=1)))
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
        model = (await they.until("capacity"))["models"][0]
        assert (model["id"], model["status"], model["slots"], model["free"]) == (M, "ready", 0, 0)
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


class Meter:
    """Sensors of a card that draws 180 W."""

    def read(self) -> tuple[Reading, ...]:
        return (Reading("RTX", 24, power_w=180.0),)


async def test_a_heartbeat_tells_the_energy_that_the_cards_drew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "LOOK_S", 0.01)
    monkeypatch.setattr(daemon_module, "TICK_S", 0.01)

    async def play(they: Coordinator) -> None:
        await they.until("hello")
        await they.socket.send(encode(Welcome(session="s", heartbeat_s=0.05)))
        while not (power := (await they.until("capacity")).get("power")) or power["seconds"] < 0.2:
            pass
        assert power["joules"] == pytest.approx(180.0 * power["seconds"], abs=180.0 * 0.05 + 0.05)  # both are rounded

    async with coordinator(play) as (url, played):
        running = Running(url, owner=Owner(sensors=Meter()))
        await played
        assert await finish(running) == EXIT_OK


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
        assert await running.task == Outcome(EXIT_AGAIN, released=True)


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
        task = asyncio.create_task(Daemon(WHO, (), (), Home(url, "sk"), NO_FILES, owner).run())
        await played
        assert (await task).code == EXIT_AGAIN


async def test_an_engine_that_is_given_up_ends_the_daemon_with_what_is_wrong() -> None:
    async def play(they: Coordinator) -> None:
        await they.welcome()
        running.engine.faults = Faults(crash_after=1, retry_in_s=None, problem="engine_cannot_compute")
        await they.start("a")
        issue = await they.until("issue")
        assert (issue["code"], issue["severity"]) == ("engine_cannot_compute", "error")
        failed = await they.until("failed")
        assert failed["code"] == "engine_crashed" and failed["retryable"]

    async with coordinator(play) as (url, played):
        running = Running(url)
        await played
        outcome = await running.task
        assert outcome.code == EXIT_AGAIN
        assert outcome.unready is not None and outcome.unready.code == "engine_cannot_compute"


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
        assert (await running.task).code == EXIT_AGAIN


async def test_who_is_told_to_stop_while_it_gives_up_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "GIVEN_UP_S", 60)

    async def play(they: Coordinator) -> None:
        await they.welcome()
        await they.start("a", ignore_eos=True)
        await they.until("deltas")
        running.daemon._ending(GiveUp(issue("engine_broken", "it died")))
        os.kill(os.getpid(), signal.SIGTERM)
        await they.until("done")

    async with coordinator(play) as (url, played):
        running = Running(url, pace_s=0.01)
        assert (await running.task).code == EXIT_OK
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
        task = asyncio.create_task(Daemon(WHO, (), (), Home(url, "sk"), NO_FILES, owner).run())
        await played
        assert (await task).code == EXIT_AGAIN
