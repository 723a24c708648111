"""From a projector's file to the offer, and what its faults cost: the real engine, on the tiny hybrid and its eyes."""

import asyncio
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from tests.worker.daemon.fake_coordinator import Coordinator, config_in, of_its_own, serving
from tests.worker.daemon.test_service import asked
from worker.config import Config
from worker.engine.process import ProcessEngine
from worker.planning.speed_curves import SIGHT


@pytest.fixture
def pair(tiny_qwen35: Path, tiny_eyes: Path) -> dict[str, Any]:
    return {"model_file": tiny_qwen35, "projector_file": tiny_eyes, "vision": "on"}


def configured(folder: Path, coordinator: Coordinator, pair: dict[str, Any]) -> Config:
    config = config_in(folder, coordinator, **pair)
    assert config.catalog is not None
    config.catalog.write_text(of_its_own(pair["model_file"], pair["projector_file"]))
    return config


def hello(frame: dict[str, Any], sees: bool) -> bool:
    return frame["type"] == "hello" and any(("vision" in model["features"]) == sees for model in frame["models"])


def ready(frame: dict[str, Any]) -> bool:
    return frame["type"] == "capacity" and any(model["status"] == "ready" for model in frame["models"])


@pytest.mark.process
async def test_what_was_seen_at_load_is_offered_and_at_the_next_start_from_the_first(
    tmp_path: Path, pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.daemon.backoff.MOST_S", 0.1)
    async with Coordinator().listening() as coordinator:
        config = configured(tmp_path, coordinator, pair)
        async with serving(config):
            first = await coordinator.until(lambda frame: frame["type"] == "hello")
            assert hello(first, sees=False) and "image_ms" not in first["models"][0]
            (model,) = (await coordinator.until(partial(hello, sees=True)))["models"]
            assert model["features"] == ["vision"] and model["image_ms"] > 0
            await coordinator.until(ready)
            (shown,) = cast(list[dict[str, Any]], (await asked(config.state_dir))["models"])
            assert shown["image_ms"] > 0
        kept = json.loads((config.state_dir / SIGHT).read_text())
        assert kept["image_ms"] == model["image_ms"]
        coordinator.frames.clear()
        async with serving(config):
            await coordinator.until(ready)
        assert [frame for frame in coordinator.frames if frame["type"] == "hello"] == [
            frame for frame in coordinator.frames if hello(frame, sees=True)
        ]
        coordinator.frames.clear()
        async with serving(replace(config, vision="off", projector_file=None)):
            await coordinator.until(ready)
        assert not any(hello(frame, sees=True) for frame in coordinator.frames)


@pytest.mark.process
async def test_an_engine_that_dies_of_its_eyes_serves_text_and_takes_the_offer_back(
    tmp_path: Path, pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine saw yesterday, so today's first Hello says that it does."""
    monkeypatch.setattr("worker.daemon.backoff.MOST_S", 0.1)
    monkeypatch.setattr("worker.planning.speed_curves.sight", lambda folder, now: 140.0)
    dying = partial(ProcessEngine, command=(sys.executable, "-m", "tests.worker.engine.fake_child", "dazzled"))
    monkeypatch.setattr("worker.daemon.loadout.ProcessEngine", dying)
    async with Coordinator(ask="a-job").listening() as coordinator:
        config = configured(tmp_path, coordinator, pair)
        async with serving(config):
            assert hello(await coordinator.until(lambda frame: frame["type"] == "hello"), sees=True)
            await coordinator.until(partial(hello, sees=False))
            problem = await coordinator.issue("no_vision")
            assert "SIGSEGV" in problem["message"] and problem["severity"] == "warning"
            done = await coordinator.until(lambda frame: frame["type"] in ("done", "failed"))
            assert done["type"] == "done", "text is served"
            assert not any(frame["type"] == "issue" and frame["code"] == "engine_down" for frame in coordinator.frames)


async def test_the_projector_of_another_model_costs_pictures_alone(tmp_path: Path, pair: dict[str, Any]) -> None:
    content = pair["projector_file"].read_bytes()
    key = b"clip.vision.projection_dim"
    at = content.index(key) + len(key) + 4
    other = tmp_path / "other.gguf"
    await asyncio.to_thread(other.write_bytes, content[:at] + (5120).to_bytes(4, "little") + content[at + 4 :])
    async with Coordinator().listening() as coordinator:
        config = configured(tmp_path, coordinator, pair | {"projector_file": other})
        async with serving(config):
            assert "belongs to another model" in (await coordinator.issue("no_vision"))["message"]
            await coordinator.until(ready)
        assert not any(hello(frame, sees=True) for frame in coordinator.frames)
