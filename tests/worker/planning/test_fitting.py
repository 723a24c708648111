"""Which models fit this machine: those whose files are here by their plan, the others by the catalog's sizes."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.huggingface_hub import COMMIT
from tests.worker.cli.test_diagnose import config as config  # the fixture
from tests.worker.planning.test_plan import machine
from worker.config import Config
from worker.machine.description import Machine
from worker.planning import fitting
from worker.planning.fitting import fittings, room
from worker.planning.layout import GIB
from worker.weights.store import Pin, Pinned, pin_of

SIZES = "    sizes: {files: 3000000000, token: 4096}\n"


def on(monkeypatch: pytest.MonkeyPatch, box: Machine) -> None:
    monkeypatch.setattr(fitting, "look", lambda config: (box, ()))


def with_sizes(config: Config, more: str = SIZES) -> Config:
    assert config.catalog is not None
    config.catalog.write_text(config.catalog.read_text() + more)
    return replace(config, slots=None, context=None)


def put(config: Config, file: Path) -> None:
    """As if it had been downloaded; its hash is not looked at."""
    config.models_dir.mkdir()
    pinned = Pinned("tiny.gguf", file.stat().st_size, "ab" * 32)
    (config.models_dir / f"{pinned.sha256}.gguf").write_bytes(file.read_bytes())
    path = config.models_dir / pin_of("someone/tiny-GGUF", "main", "tiny.gguf")
    path.parent.mkdir()
    path.write_text(json.dumps({**asdict(Pin(COMMIT, (pinned,))), "repository": "someone/tiny-GGUF"}))


def test_without_its_files_a_model_is_reckoned_from_the_catalog(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, machine(8))
    (unknown,) = fittings(replace(config, slots=None)).models
    assert (unknown.fit, unknown.counted, unknown.download) == (None, False, None)
    (found,) = fittings(with_sizes(config)).models
    assert found.fit is not None and found.fit.place == "gpu" and found.fit.context == 512
    assert (found.counted, found.download) == (False, 3_000_000_000)


@pytest.mark.parametrize(
    ("box", "vision", "projector"),
    [(machine(24), "auto", True), (machine(24), "off", False), (machine(), "auto", False), (machine(), "on", True)],
)
def test_a_projector_is_counted_as_a_download_where_it_is_fetched(
    config: Config, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch, box: Machine, vision: Any, projector: bool
) -> None:
    on(monkeypatch, box)
    sizes = SIZES.replace("token", "projector: 900000000, token") + "    projector: {name: mmproj.gguf}\n"
    config = replace(with_sizes(config, sizes), vision=vision)
    (reckoned,) = fittings(config).models
    put(config, tiny_qwen3)
    (planned,) = fittings(config).models
    assert planned.counted
    assert (reckoned.download, planned.download) == (3_000_000_000 + projector * 900_000_000, projector * 900_000_000)


def test_with_its_files_a_model_is_planned(config: Config, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, machine(8))
    config = with_sizes(config)
    put(config, tiny_qwen3)
    (found,) = fittings(config).models
    assert found.counted and found.download == 0 and found.fit is not None
    assert found.fit.place == "gpu" and found.fit.gpu_bytes < 3 * GIB, "3 GB of the catalog are not what is here"
    (slots,) = fittings(replace(config, slots=3)).models
    assert slots.fit is not None and slots.fit.slots == 3


def test_a_file_that_is_another_model_or_none_is_not_believed(
    config: Config, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, machine(8))
    config = with_sizes(config, SIZES + "    shape: {architecture: llama}\n")
    put(config, tiny_qwen3)
    assert not fittings(config).models[0].counted
    damaged = next(config.models_dir.glob("*.gguf"))
    damaged.write_bytes(b"nothing")
    assert not fittings(config).models[0].counted


def test_what_is_planned_and_does_not_fit_says_what_it_takes(
    config: Config, tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, machine(ram_gib=1))
    config = with_sizes(config)
    put(config, tiny_qwen3)
    (found,) = fittings(config).models
    assert found.counted and found.fit is not None and found.fit.place == "none" and found.fit.ram_bytes > 3 * 10**9


def test_gpus_that_are_in_use_are_counted_as_if_they_were_not(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    box = machine(8)
    (gpu,) = box.hardware.gpus
    used = gpu.model_copy(update={"free_bytes": GIB})
    on(monkeypatch, replace(box, hardware=box.hardware.model_copy(update={"gpus": (used,)})))
    found = fittings(with_sizes(config))
    assert found.freed and found.models[0].fit is not None and found.models[0].fit.place == "gpu"
    assert found.default == "tiny"


def test_the_owners_reserve_and_the_backends_that_pytorch_knows_count() -> None:
    box = machine(8, 24)
    assert [card.free for card in room(box, 2 * GIB).cards] == [6 * GIB, 22 * GIB]
    other = replace(box, devices=(replace(box.devices[0], backend="Vulkan"), box.devices[1]))
    assert [card.bytes for card in room(other, 0, ("CUDA",)).cards] == [24 * GIB]
