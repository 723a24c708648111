"""Each problem provoked for real, and looked for where the owner and the operator look: in the log, in --check and
--status, and in the frame that the coordinator's pages show."""

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.fakes.huggingface_hub import COMMIT, Asked, LoopbackHub, Reply
from tests.worker.bindings.planted import ANY_ROW, CRASH, MANY_ROWS, planted
from tests.worker.daemon.fake_coordinator import (
    CATALOG,
    PATIENCE_S,
    Coordinator,
    command,
    config_in,
    of_its_own,
    serving,
)
from tests.worker.daemon.media_catalog import written
from tests.worker.machine.test_hardware import Nvml
from wire.catalog_text import parse
from wire.handed_catalog import write
from wire.offers import Hardware
from worker.bindings import probe
from worker.bindings.proof import Proof
from worker.config import WORDS, Config
from worker.daemon import daemon, outage
from worker.engine.devices import Build, Device
from worker.engine.process import ProcessEngine
from worker.exits import EXIT_CONFIG, EXIT_STOPPED
from worker.machine import hardware
from worker.machine.description import Machine
from worker.media_engine.process import ProcessMediaEngine
from worker.planning import media_setup, proven
from worker.preparer.process import Preparer
from worker.subprocesses import parent

FAKE_PIPELINE = "tests.worker.media_engine.fake_child"
FILES = {("someone/tiny-GGUF", "tiny.gguf"): b"GGUF" + random.Random(1).randbytes(1000)}
pynvml = sys.modules["pynvml"]


def claims(size: int) -> Callable[[Asked], Reply | None]:
    """The hub says that the file is so large."""
    (content,) = FILES.values()
    said = {"X-Linked-Size": str(size), "ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
    return lambda asked: Reply(200, said) if asked.method == "HEAD" else None


ask_once = cache(probe.ask)  # it starts a process, and the answer is always the same


class Stage(NamedTuple):
    folder: Path
    log: pytest.LogCaptureFixture
    out: pytest.CaptureFixture[str]


@pytest.fixture
def stage(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(probe, "ask", ask_once)
    monkeypatch.setattr(
        "worker.daemon.service.AGAIN_FIRST_S", 600.0
    )  # a problem lasts until everybody has been asked for it
    monkeypatch.setattr("worker.cli.main.logs.configure", lambda as_json: None)  # the log goes to caplog
    caplog.set_level(logging.INFO, "supernet")
    return Stage(tmp_path, caplog, capsys)


async def shown(stage: Stage, config: Config, code: str) -> None:
    """The problem is in the log with its remedy, in --check ."""
    lines = [record.getMessage() for record in stage.log.records if getattr(record, "issue", None) == code]
    assert any(line.startswith(f"{code}: ") and " -> " in line for line in lines)
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while not found:  # the try that is under way ends as the one before
            stage.out.readouterr()
            await command(config, "--check")
            lines = stage.out.readouterr().out.splitlines()
            found = [n for n, line in enumerate(lines) if f" {code}: " in line]
    assert "->" in lines[found[0] + 1]


async def in_status(stage: Stage, config: Config, code: str) -> None:
    """Now, or once the try that is under way has ended as the one before."""
    async with asyncio.timeout(PATIENCE_S):
        while code not in await _status(stage, config):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while code not in await _status(stage, config, "--json"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _status(stage: Stage, config: Config, *form: str) -> str:
    """What is shown for people, or the codes of the problems in the JSON."""
    stage.out.readouterr()
    await command(config, "--status", *form)
    said = stage.out.readouterr().out
    return said if not form else " ".join(problem["issue"]["code"] for problem in json.loads(said)["problems"])


async def everywhere(stage: Stage, coordinator: Coordinator, config: Config, code: str) -> dict[str, Any]:
    """While a service runs on `config`: the frame arrives, and all else says the same."""
    frame = await coordinator.issue(code)
    assert frame["message"] and frame["remedy"]
    await in_status(stage, config, code)
    await shown(stage, config, code)
    return frame


async def test_disk_full(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(stage.folder)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with LoopbackHub(FILES) as hub:
        async with Coordinator().listening() as coordinator:
            config = config_in(stage.folder, coordinator, hub=hub.endpoint)
            async with serving(config):
                await everywhere(stage, coordinator, config, "disk_full")


async def test_models_cap(stage: Stage) -> None:
    with LoopbackHub(FILES) as hub:
        hub.instead = claims(2**31)
        async with Coordinator().listening() as coordinator:
            config = config_in(stage.folder, coordinator, hub=hub.endpoint, models_cap_gib=1.0)
            async with serving(config):
                frame = await everywhere(stage, coordinator, config, "models_cap")
                assert "2.0 GiB" in frame["message"] and "--models-cap-gib" in frame["remedy"]


async def test_gated_repository(stage: Stage) -> None:
    with LoopbackHub(FILES, gated=True) as hub:
        async with Coordinator().listening() as coordinator:
            config = config_in(stage.folder, coordinator, hub=hub.endpoint)
            async with serving(config):
                assert "HF_TOKEN" in (await everywhere(stage, coordinator, config, "gated_repository"))["remedy"]


async def test_damaged_file(stage: Stage) -> None:
    (stage.folder / "bad.gguf").write_bytes(b"GGUF" + random.Random(2).randbytes(1000))
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=stage.folder / "bad.gguf")
        async with serving(config):
            await everywhere(stage, coordinator, config, "damaged_file")


def nvidia_box(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """Three cards of which NVML tells, and a llama.cpp that finds what `build` says."""
    double = Nvml()
    for name in [name for name in dir(double) if name.startswith("nvml")]:
        monkeypatch.setattr(pynvml, name, getattr(double, name))
    monkeypatch.setattr(probe, "ask", lambda: build)


async def waits(stage: Stage, tiny_qwen3: Path, code: str) -> dict[str, Any]:
    """It serves nothing with this problem, and is tried again."""
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            said = await everywhere(stage, coordinator, config, code)
            assert all(frame["models"] == [] for frame in coordinator.frames if frame["type"] == "hello")
            return said


async def test_not_the_model(stage: Stage, tiny_qwen3: Path, tiny_qwen35: Path) -> None:
    """Another model under this one's name: nothing is served, and all who look are told what is different."""
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, like=tiny_qwen3, model_file=tiny_qwen35)
        async with serving(config):
            frame = await everywhere(stage, coordinator, config, "not_the_model")
            assert "sha256 of tiny-qwen35.gguf is" in frame["message"] and "entry of its own" in frame["remedy"]
            assert all(not frame["models"] for frame in coordinator.frames if frame["type"] == "hello")


async def test_unconfirmed_file(stage: Stage, tiny_qwen3: Path) -> None:
    """Nobody can say which hash is right: it is served, and said."""
    file = stage.folder / "tiny.gguf"
    shutil.copy(tiny_qwen3, file)
    with LoopbackHub({}, down=True) as hub:
        async with Coordinator().listening() as coordinator:
            config = config_in(stage.folder, coordinator, hub=hub.endpoint, model_file=file)
            assert config.catalog is not None
            config.catalog.write_text(CATALOG)
            async with serving(config):
                await everywhere(stage, coordinator, config, "unconfirmed_file")
                offers = [frame["models"] for frame in coordinator.frames if frame["type"] == "hello"]
                assert [len(offer[0]["sha256"]) for offer in offers] == [64]


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "hub_refuses"), (429, "hub_rate_limited"), (500, "hub_unreachable"), (511, "wrong_answer")],
)
async def test_a_hub_that_does_not_give_the_model(stage: Stage, status: int, code: str) -> None:
    with LoopbackHub(FILES, instead=lambda asked: Reply(status)) as hub:
        async with Coordinator().listening() as coordinator:
            config = config_in(stage.folder, coordinator, hub=hub.endpoint)
            async with serving(config):
                await everywhere(stage, coordinator, config, code)


async def test_hub_token_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with LoopbackHub(FILES, instead=lambda asked: Reply(401)) as hub:
        async with Coordinator().listening() as coordinator:
            config = config_in(stage.folder, coordinator, hub=hub.endpoint)
            async with serving(config):
                await everywhere(stage, coordinator, config, "hub_token_refused")


async def test_driver_too_old(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The double of NVML says R580; CUDA 99 of the future asks for more, and its runtime finds no device."""
    monkeypatch.setattr("worker.issues.OLDEST_DRIVER", {99: 900})
    nvidia_box(monkeypatch, Build(backends=("cuda",), cuda=99, said="CUDA driver version is insufficient"))
    assert "R900" in (await waits(stage, tiny_qwen3, "driver_too_old"))["message"]


async def test_gpu_unreachable(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_box(monkeypatch, Build(backends=("cuda",), cuda=12, said="failed to initialize CUDA: unknown error"))
    assert "unknown error" in (await waits(stage, tiny_qwen3, "gpu_unreachable"))["message"]


async def test_library_broken(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ask", lambda: Build(problem="llama.cpp cannot be loaded: it died of SIGILL"))
    assert "SIGILL" in (await waits(stage, tiny_qwen3, "library_broken"))["message"]


async def test_a_library_that_computes_wrong(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real library, in which code that every step needs was made for another CPU."""
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(stage.folder / "lib", ANY_ROW, CRASH)))
    assert "SIGILL" in (await waits(stage, tiny_qwen3, "engine_cannot_compute"))["message"]


async def test_engine_slowed(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real library that dies of the first prompt with rewritten weights: it is loaded without, and serves."""
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(stage.folder / "lib", MANY_ROWS, CRASH)))
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            assert "more slowly" in (await everywhere(stage, coordinator, config, "engine_slowed"))["message"]
            ready = {"id": "tiny", "status": "ready", "slots": 2, "free": 2}
            await coordinator.until(
                lambda frame: frame["type"] == "capacity" and ready.items() <= frame["models"][0].items()
            )


def content_of(path: Path) -> bytes:
    return path.read_bytes()


async def test_no_vision(stage: Stage, tiny_qwen35: Path, tiny_eyes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector that is cut short: text is served."""
    monkeypatch.setattr("worker.daemon.loadout.ProcessEngine", played_by("serve"))
    half = stage.folder / "eyes.gguf"
    half.write_bytes(content_of(tiny_eyes)[:-1000])
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen35, projector_file=half, vision="on")
        assert config.catalog is not None
        config.catalog.write_text(of_its_own(tiny_qwen35, tiny_eyes))
        async with serving(config):
            await coordinator.until(ready)
            assert "cut short" in (await everywhere(stage, coordinator, config, "no_vision"))["message"]


async def test_a_gpu_that_computes_wrong(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is made up, and so is its fault."""
    card = Device("CUDA0", "CUDA", "RTX", "gpu", 8 << 30, 8 << 30, "0000:01:00.0")
    nvidia_box(monkeypatch, Build(devices=(card,), backends=("cuda",), cuda=12))
    fault = Proof("wrong", "it aborted: CUDA error: device kernel image is invalid")
    monkeypatch.setattr(proven, "prove", lambda device=None, repacked=True: fault if device else Proof("right"))
    assert "kernel image" in (await waits(stage, tiny_qwen3, "engine_cannot_compute"))["message"]


async def test_not_enough_memory(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Machine(Hardware(cpu="x", memory_bytes=2**30), 2**28, 1)
    monkeypatch.setattr(hardware, "detect", lambda build: small)
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            await everywhere(stage, coordinator, config, "not_enough_memory")


def played_by(standin: str) -> Any:
    """The engine's child is tests/worker/engine/fake_child.py, which dies as the word says."""
    return partial(ProcessEngine, command=(sys.executable, "-m", "tests.worker.engine.fake_child", standin))


def ready(frame: dict[str, Any]) -> bool:
    return frame["type"] == "capacity" and any(model["status"] == "ready" for model in frame["models"])


def engines() -> list[int]:
    return [child.pid for child in psutil.Process().children() if "worker.engine.child" in child.cmdline()]


async def test_engine_down_and_engine_broken(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real engine that has nothing to do, killed as the kernel kills for memory: started again, then given up, then
    tried again with the machine as it is by then."""
    monkeypatch.setattr("worker.engine.restart.FIRST_S", 0.01)
    monkeypatch.setattr("worker.engine.restart.CRASHES", 2)
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            for _ in range(2):
                await coordinator.until(ready)
                coordinator.frames.clear()
                os.kill(engines()[0], signal.SIGKILL)
                await coordinator.until(lambda frame: frame.get("code") in ("engine_down", "engine_broken"))
            frame = await everywhere(stage, coordinator, config, "engine_broken")
            assert "signal 9 (SIGKILL)" in frame["message"]


async def test_engine_cannot_compute_in_its_warm_up(
    stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.daemon.loadout.ProcessEngine", played_by("faults"))
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            frame = await everywhere(stage, coordinator, config, "engine_cannot_compute")
            assert "signal 11 (SIGSEGV)" in frame["message"] and "tile configuration" in frame["message"]


@pytest.mark.process
async def test_engine_cannot_compute_its_first_job(
    stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes to somebody else, and no second one meets this engine."""
    monkeypatch.setattr("worker.daemon.loadout.ProcessEngine", played_by("serve"))
    async with Coordinator(ask="segfaults-x").listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            failed = await coordinator.until(lambda frame: frame["type"] == "failed")
            assert failed["code"] == "engine_crashed" and failed["retryable"]
            frame = await everywhere(stage, coordinator, config, "engine_cannot_compute")
            assert "signal 11 (SIGSEGV)" in frame["message"] and "tile configuration" in frame["message"]
            await coordinator.until(lambda frame: frame["type"] == "hello" and frame["models"] == [])


async def test_engine_not_loaded_is_tried_again_with_the_machine_as_it_is_then(
    stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner's game takes the memory while the engine loads, and leaves it."""
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        with monkeypatch.context() as full:
            full.setattr("worker.daemon.loadout.ProcessEngine", played_by("refuses:engine_not_loaded"))
            full.setattr("worker.daemon.service.AGAIN_FIRST_S", 0.2)
            async with serving(config):
                await everywhere(stage, coordinator, config, "engine_not_loaded")
                full.setattr("worker.daemon.loadout.ProcessEngine", ProcessEngine)
                await coordinator.until(ready)


@pytest.mark.parametrize("container", [True, False])
async def test_gpu_unreachable_when_the_engine_starts(
    stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch, container: bool
) -> None:
    """In a container only a new start brings the devices back, so the process ends for it."""
    monkeypatch.setattr("worker.daemon.loadout.ProcessEngine", played_by("refuses:gpu_unreachable"))
    monkeypatch.setattr(hardware, "in_container", lambda: container)
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            await everywhere(stage, coordinator, config, "gpu_unreachable")
        coordinator.frames.clear()
        monkeypatch.setattr("worker.daemon.service.AGAIN_FIRST_S", 0.1)
        async with serving(config) as task:
            if container:
                assert await task == EXIT_STOPPED
                await command(config, "--status")
                assert "gpu_unreachable" in stage.out.readouterr().out
            else:
                await coordinator.issue("gpu_unreachable")
                coordinator.frames.clear()
                await coordinator.issue("gpu_unreachable")


async def test_media_not_installed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_setup, "NEEDED", ("no_torch_at_all",))
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model=None, media="painter")
        config = replace(config, catalog=written(stage.folder))
        async with serving(config):
            frame = await everywhere(stage, coordinator, config, "media_not_installed")
            assert "no_torch_at_all" in frame["message"] and "supernet[media]" in frame["remedy"]


async def test_not_in_catalog_and_catalog_changed(stage: Stage, tiny_qwen3: Path) -> None:
    """What is loaded stays loaded, and its owner is told what stands against it; when that is over, too."""
    own = parse(of_its_own(tiny_qwen3), "own")
    (spec,) = own.models
    other = write(own.model_copy(update={"models": (spec.model_copy(update={"revision": "v2"}),)}))
    gone = write(own.model_copy(update={"models": (spec.model_copy(update={"id": "another"}),)}))
    coordinator = Coordinator(catalog=other)
    async with coordinator.listening():
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config, scripted=WORDS):
            frame = await everywhere(stage, coordinator, config, "catalog_changed")
            assert "revision" in frame["message"]
            coordinator.catalog = gone
            await coordinator.drop()
            frame = await everywhere(stage, coordinator, config, "not_in_catalog")
            await coordinator.issue("catalog_changed", active=False)
            coordinator.catalog = write(own)
            await coordinator.drop()
            await coordinator.issue("not_in_catalog", active=False)


def pipelines() -> list[int]:
    return [child.pid for child in psutil.Process().children() if FAKE_PIPELINE in child.cmdline()]


def installed(folder: Path) -> Path:
    """A catalog whose pipeline has its weights in a package that is installed."""
    weights = folder / "some_weights" / "weights"
    weights.mkdir(parents=True)
    (weights.parent / "__init__.py").touch()
    (weights / "model_index.json").write_text("{}")
    catalog = written(folder)
    catalog.write_text(catalog.read_text().replace("no_such_package", "some_weights"))
    return catalog


async def test_media_engine_down_and_media_engine_broken(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline's process that has nothing to do, killed as the kernel kills for memory: started again, then given
    up."""
    command = (sys.executable, "-m", FAKE_PIPELINE, "serve")
    monkeypatch.setattr("worker.daemon.loadout.ProcessMediaEngine", partial(ProcessMediaEngine, command=command))
    monkeypatch.setattr("worker.engine.restart.FIRST_S", 0.01)
    monkeypatch.setattr("worker.engine.restart.CRASHES", 2)
    monkeypatch.setattr(media_setup, "NEEDED", ())
    monkeypatch.syspath_prepend(stage.folder)
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model=None, media="painter")
        config = replace(config, catalog=installed(stage.folder))
        async with serving(config):
            for code in ("media_engine_down", "media_engine_broken"):
                await coordinator.until(ready)
                coordinator.frames.clear()
                os.kill(pipelines()[0], signal.SIGKILL)
                frame = await coordinator.issue(code)
                assert "signal 9 (SIGKILL)" in frame["message"] and frame["remedy"]


async def test_preparer_broken(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that could only refuse does not look as if it served."""
    dumb = partial(Preparer, command=(sys.executable, "-m", "tests.worker.preparer.fake_child", "dumb"))
    monkeypatch.setattr("worker.daemon.loadout.Preparer", dumb)
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config):
            frame = await everywhere(stage, coordinator, config, "preparer_broken")
            assert "status 1" in frame["message"]
            assert not any(ready(frame) for frame in coordinator.frames)


@pytest.mark.process
async def test_driver_hangs(stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that even SIGKILL does not end: told to everybody, and then a service manager must see it."""
    monkeypatch.setattr("worker.daemon.loadout.ProcessEngine", played_by("deaf"))
    monkeypatch.setattr(parent, "KILLED_S", 0.1)
    killed: set[parent.ChildProcess] = set()
    monkeypatch.setattr(parent.ChildProcess, "kill", lambda self: killed.add(self))
    async with Coordinator(ask="garbage-x").listening() as coordinator:
        config = config_in(stage.folder, coordinator, model_file=tiny_qwen3)
        async with serving(config) as task:
            assert await task == EXIT_STOPPED
        for child in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                await child._process.wait()  # or it ends in the middle of another test
        frame = await coordinator.issue("driver_hangs")
        assert "Reboot" in frame["remedy"]
        await command(config, "--status")
        assert "driver_hangs" in stage.out.readouterr().out


async def test_key_refused(stage: Stage) -> None:
    """Whom the coordinator does not let in cannot tell it anything: the log, --check, and --status after the end."""
    async with Coordinator(refuse=True).listening() as coordinator:
        config = config_in(stage.folder, coordinator)
        async with serving(config, scripted="-") as task:
            assert await task == EXIT_CONFIG
        await shown(stage, config, "key_refused")
        await command(config, "--status")
        assert "key_refused" in stage.out.readouterr().out


async def test_coordinator_unreachable(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to the owner while it lasts, and to the coordinator once it is back."""
    monkeypatch.setattr(outage, "PATIENCE_S", 0.1)
    monkeypatch.setattr(daemon, "TICK_S", 0.02)
    monkeypatch.setattr("worker.daemon.backoff.MOST_S", 0.1)
    async with Coordinator().listening() as coordinator:
        pass  # its port is known, and nobody is there
    config = config_in(stage.folder, coordinator)
    async with serving(config, scripted="-"):
        while not any(getattr(record, "issue", "") == outage.CODE for record in stage.log.records):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await in_status(stage, config, outage.CODE)
        await shown(stage, config, outage.CODE)
        async with coordinator.listening():
            frame = await coordinator.issue(outage.CODE)
            while "out of reach" not in frame["message"]:
                coordinator.frames.remove(frame)
                frame = await coordinator.issue(outage.CODE)
            assert frame["severity"] == "warning"


async def test_a_problem_that_is_solved_lets_the_worker_serve(
    stage: Stage, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.daemon.service.AGAIN_FIRST_S", 0.2)
    path = stage.folder / "later.gguf"
    async with Coordinator().listening() as coordinator:
        config = config_in(stage.folder, coordinator, like=tiny_qwen3, model_file=path)
        async with serving(config):
            await coordinator.issue("not_found")
            shutil.copy(tiny_qwen3, path)
            await coordinator.until(
                lambda frame: frame["type"] == "capacity" and any(model["free"] == 2 for model in frame["models"])
            )
