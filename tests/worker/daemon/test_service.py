"""The service around the daemon: its socket, its pause, its metrics. Problems are in test_every_issue.py."""

import asyncio
import json
import os
import signal
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from program.settings import ConfigError
from tests.fakes.huggingface_hub import LoopbackHub
from tests.worker.daemon.fake_coordinator import Coordinator, command, config_in, serving
from tests.worker.daemon.media_catalog import written
from worker import state_dir
from worker.bindings import probe
from worker.cli.daemon_client import last_problem
from worker.config import WORDS
from worker.daemon import control_socket, outage
from worker.daemon.loadout import own_pids
from worker.engine.devices import Build
from worker.exits import EXIT_OK
from worker.planning.model_setup import Unready


async def asked(folder: Path, word: str = "status") -> dict[str, object]:
    answer = await asyncio.to_thread(control_socket.ask, folder, word)
    assert answer is not None
    return answer


async def test_a_pause_is_answered_by_the_daemon_and_outlives_it(tmp_path: Path) -> None:
    async with Coordinator().listening() as coordinator:
        config = config_in(tmp_path, coordinator)
        for _ in range(2):
            async with serving(config, WORDS):
                await coordinator.until(lambda frame: frame["type"] == "hello")
                paused = await asked(config.state_dir, "pause")
                assert (paused["paused"], paused["reason"]) == (True, "paused")
            coordinator.frames.clear()
        async with serving(config, WORDS):
            await coordinator.issue("paused")
            assert (await asked(config.state_dir, "resume"))["reason"] is None
        assert not state_dir.is_paused(config.state_dir)


async def test_what_answered_in_the_coordinators_place_is_in_no_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, the coordinator that had sent the worker somewhere read there what it could not reach itself."""
    monkeypatch.setattr("worker.daemon.backoff.MOST_S", 0.05)
    async with Coordinator(instead=b"root:x:0:0\n\x1b[2J").listening() as coordinator:
        async with serving(config_in(tmp_path, coordinator), WORDS):
            while not any("root:x" in record.getMessage() for record in caplog.records):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            monkeypatch.setattr(outage, "PATIENCE_S", 0.0)
            while outage.CODE not in [getattr(record, "issue", "") for record in caplog.records]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            status = await asked(tmp_path / "state")
            coordinator.instead = b""
            await coordinator.issue(outage.CODE)
        assert "HTTP 503" in str(status) and "root:x" not in str(status) + json.dumps(coordinator.frames)
    lines = [record.getMessage() for record in caplog.records if "root:x" in record.getMessage()]
    assert lines and all(line.isprintable() for line in lines), "the owner's own log has it, escaped"


async def test_an_unknown_word_is_an_error(tmp_path: Path) -> None:
    async with Coordinator().listening() as coordinator:
        config = config_in(tmp_path, coordinator)
        async with serving(config, WORDS):
            await coordinator.until(lambda frame: frame["type"] == "hello")
            with pytest.raises(control_socket.ControlError, match="status, pause, resume"):
                await asked(config.state_dir, "dance")


async def test_a_driver_that_hangs_while_a_problem_is_told_keeps_nobody_from_being_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service manager ends a worker that is silent for 20 s; a driver may take a minute to be given up."""
    fed, hangs, over = asyncio.Event(), threading.Event(), threading.Event()

    def heard(said: str) -> None:
        if said == "WATCHDOG=1" and hangs.is_set():
            fed.set()

    monkeypatch.setattr("worker.daemon.threads.WATCHDOG_S", 0.01)
    monkeypatch.setattr("worker.daemon.threads.notify", heard)

    def hanging() -> Build:
        hangs.set()
        over.wait(60)
        return Build()

    monkeypatch.setattr(probe, "ask", hanging)
    async with Coordinator().listening() as coordinator:
        async with serving(config_in(tmp_path, coordinator, model_file=tmp_path / "none.gguf")):
            async with asyncio.timeout(30):
                await fed.wait()
            assert not coordinator.frames
            over.set()
            await coordinator.issue("not_found")


async def test_the_socket_answers_while_a_model_is_on_its_way_and_a_signal_ends_it(tmp_path: Path) -> None:
    files = {("someone/tiny-GGUF", "tiny.gguf"): b"GGUF" + bytes(200_000)}
    with LoopbackHub(files, hold_after=65536) as hub:
        async with Coordinator().listening() as coordinator:
            config = config_in(tmp_path, coordinator, hub=hub.endpoint)
            async with serving(config) as task:
                await asyncio.to_thread(hub.holding.wait, 60)
                status = await asked(config.state_dir)
                assert status["phase"] == "starting" and status["coordinator"] == ""
                os.kill(os.getpid(), signal.SIGTERM)
                assert await task == EXIT_OK
            hub.release.set()


async def test_metrics_are_served_where_the_owner_wants_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    async with Coordinator().listening() as coordinator:
        config = config_in(tmp_path, coordinator, metrics=("127.0.0.1", unused_tcp_port))
        async with serving(config, WORDS):
            await coordinator.until(lambda frame: frame["type"] == "capacity" and frame["models"][0]["free"] == 2)

            def scrape() -> str:
                with urllib.request.urlopen(f"http://127.0.0.1:{unused_tcp_port}/metrics", timeout=10) as answer:
                    return str(answer.read().decode())

            text = await asyncio.to_thread(scrape)
            assert 'supernet_worker_slots{model="tiny"} 2.0' in text and "supernet_worker_up 1.0" in text
            other = config_in(tmp_path / "..", coordinator, metrics=("127.0.0.1", unused_tcp_port))
            async with serving(other, WORDS) as task:
                with pytest.raises(ConfigError, match="--metrics"):
                    await task


async def test_why_it_gave_up_is_forgotten_at_the_next_start(tmp_path: Path) -> None:
    async with Coordinator(refuse=True).listening() as coordinator:
        config = config_in(tmp_path, coordinator)
        async with serving(config, WORDS) as task:
            await task
        last = last_problem(config.state_dir)
        assert last is not None and last["issue"]["code"] == "key_refused"
        coordinator.refuse = False
        async with serving(config, WORDS):
            await coordinator.until(lambda frame: frame["type"] == "hello")
            assert last_problem(config.state_dir) is None


async def test_status_pause_and_health_are_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Coordinator().listening() as coordinator:
        config = config_in(tmp_path, coordinator)
        assert await command(config, "--health") != EXIT_OK
        assert "not running" in capsys.readouterr().out
        async with serving(config, WORDS):
            await coordinator.until(lambda frame: frame["type"] == "capacity" and frame["models"][0]["free"] == 2)
            assert await command(config, "--health") == EXIT_OK
            assert "registered, 0 jobs" in capsys.readouterr().out
            assert await command(config, "--status") == EXIT_OK
            assert "tiny   ready" in capsys.readouterr().out
            assert await command(config, "--pause") == EXIT_OK
            assert "also after a restart: nothing runs" in capsys.readouterr().out
            assert await command(config, "--resume", "--json") == EXIT_OK
            assert json.loads(capsys.readouterr().out)["paused"] is False


def readings(file: Path, busy: float) -> None:
    reading = {"name": "RTX", "memory_bytes": 24, "used_bytes": 20, "others_utilisation": busy, "others_bytes": 0}
    state_dir.write(file, json.dumps([reading]))


async def test_the_owners_game_gets_the_gpu_and_the_model_comes_back_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.daemon.daemon.LOOK_S", 0.02)
    monkeypatch.setattr("worker.daemon.daemon.TICK_S", 0.02)
    gpus = tmp_path / "gpus.json"
    readings(gpus, 0.0)

    def ready(frame: dict[str, Any]) -> bool:
        return frame["type"] == "capacity" and any(model["free"] == 2 for model in frame["models"])

    async with Coordinator().listening() as coordinator:
        config = config_in(tmp_path, coordinator, yield_to_owner=True, quiet_s=0.5, release_s=0.1)
        async with serving(config, WORDS, gpus):
            await coordinator.until(ready)
            coordinator.frames.clear()
            readings(gpus, 0.9)
            await coordinator.until(lambda frame: frame["type"] == "hello" and frame["models"] == [])
            await coordinator.issue("owner_uses_gpu")
            status = await asked(config.state_dir)
            assert (status["phase"], status["reason"], status["models"]) == ("waiting", "owner_uses_gpu", [])
            coordinator.frames.clear()
            await asyncio.sleep(0.3)
            assert not [frame for frame in coordinator.frames if frame["type"] == "hello"], "it plays on"
            readings(gpus, 0.0)
            await coordinator.until(ready)


def test_what_is_on_the_gpu_beside_the_engine_is_ours_too(tmp_path: Path) -> None:
    """The preparer, and an engine that is about to end: else the owner would be said to play."""
    engine: Any = SimpleNamespace(pid=7)
    preparer: Any = SimpleNamespace(pid=8)
    assert own_pids(engine, preparer) == {7, 8}
    preparer.pid = None
    assert own_pids(engine, preparer) == {7}
    engine.pid, preparer.pid = None, 8
    assert own_pids(engine, preparer) == frozenset(), "without an engine all that is there is somebody else's"


async def test_a_problem_is_as_old_as_its_first_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.daemon.service.AGAIN_FIRST_S", 0.1)
    monkeypatch.setattr("worker.daemon.service.AGAIN_MOST_S", 0.1)
    async with Coordinator().listening() as coordinator:
        config = config_in(tmp_path, coordinator, model_file=tmp_path / "nothing.gguf")
        async with serving(config):
            since: set[float] = set()
            for _ in range(3):
                coordinator.frames.clear()
                await coordinator.issue("not_found")
                hello = await coordinator.until(lambda frame: frame["type"] == "hello")
                assert hello["hardware"]["memory_bytes"]  # and whose machine it is
                last: Any = (await asked(config.state_dir))["last_problem"]
                since.add(last["since"])
    assert len(since) == 1


async def test_a_file_that_is_none_ends_a_worker_that_somebody_watches(tmp_path: Path, tiny_qwen3: Path) -> None:
    """A typo in --model-file was tried again for ever, while the coordinator counted a worker."""
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    async with Coordinator().listening() as coordinator:
        for file, code in (
            (tmp_path / "typo.gguf", "not_found"),
            (text, "damaged_file"),
            (tiny_qwen3, "not_the_model"),
        ):
            config = config_in(tmp_path, coordinator, like=tmp_path / "typo.gguf", model_file=file)
            async with serving(config, attended=True) as task:
                with pytest.raises(Unready) as caught:
                    await task
                assert caught.value.issue.code == code
        assert coordinator.frames == [], "nobody was told of a worker"


async def test_a_hub_that_is_away_is_waited_for_also_when_somebody_watches(tmp_path: Path) -> None:
    with LoopbackHub({}, down=True) as hub:
        async with Coordinator().listening() as coordinator:
            async with serving(config_in(tmp_path, coordinator, hub=hub.endpoint), attended=True):
                await coordinator.issue("hub_unreachable")


async def test_a_pipeline_is_served_alone_or_beside_a_model_and_paused_like_one(tmp_path: Path) -> None:
    async with Coordinator().listening() as coordinator:
        base = config_in(tmp_path, coordinator, media="painter", media_tools=("generate_image",))
        config = replace(base, catalog=written(tmp_path))
        for chat, names in ((None, ["painter"]), (WORDS, ["tiny", "painter"])):
            coordinator.frames.clear()
            async with serving(config, chat, scripted_media=True):
                hello = await coordinator.until(lambda frame: frame["type"] == "hello")
                assert [one["id"] for one in hello["media"]] == ["painter"] and "media" in hello["features"]
                assert hello["media"][0]["modes"] == ["generate_image"], "its owner wants no edits"
                await coordinator.until(
                    lambda frame: (
                        frame["type"] == "capacity"
                        and all(model["free"] for model in frame["models"])
                        and [model["id"] for model in frame["models"]] == names  # noqa: B023  asked for at once
                    )
                )
                shown: Any = await asked(config.state_dir)
                assert [one["status"] for one in shown["media"]] == ["ready"]
                coordinator.frames.clear()
                await asked(config.state_dir, "pause")
                await coordinator.until(
                    lambda frame: frame["type"] == "capacity" and not any(model["free"] for model in frame["models"])
                )
                await asked(config.state_dir, "resume")
