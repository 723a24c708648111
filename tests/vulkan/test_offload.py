"""Layers, experts and caches on GPUs, in every way that a plan may choose: the logits are the CPU's."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vulkan.offloaded import GPU
from tools.gpu_check.memory import taken
from tools.gpu_check.random_model import TINY, write
from wire.errors import ErrorCode, SupernetError
from worker.bindings import backend
from worker.bindings.llama import Feed, Model
from worker.engine.port import EngineSpec

OTHER = "Vulkan1"
CPU = EngineSpec("", slots=3, anchors=1, context=256, batch=64)
ALL = {"gpu_layers": -1, "devices": (GPU,)}
LAYOUTS: dict[str, dict[str, object]] = {
    "all layers": ALL,
    "some layers": ALL | {"gpu_layers": 3},
    "experts of two layers in main memory": ALL | {"cpu_expert_layers": 2},
    "two GPUs": ALL | {"devices": (GPU, OTHER)},
    "two GPUs, dealt": ALL | {"devices": (GPU, OTHER), "split": (1, 4)},
    "two GPUs, the other way round": ALL | {"devices": (OTHER, GPU)},
    "a cache for each": ALL | {"unified": False},
    "a cache of q8_0": ALL | {"kv_type": "q8_0"},
}
DENSE = ("all layers", "some layers", "two GPUs", "a cache of q8_0")  # where layers are alike, as its are
CLOSE = 0.02  # of the largest logit
ROUNDED = 0.1  # the same, where a cache of 8 bits or weights in Q4_0 are rounded differently

Rows = NDArray[np.float32]


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hybrid mixture of experts, as Qwen3.6-35B-A3B is."""
    path = tmp_path_factory.mktemp("experts") / "experts.gguf"
    write(path, TINY)
    return path


@pytest.fixture
def models(tiny_qwen3: Path, tiny_qwen35: Path, experts: Path) -> dict[str, Path]:
    return {"dense": tiny_qwen3, "hybrid": tiny_qwen35, "experts": experts}


def computed(model: Model) -> Rows:
    """Prompts of several lengths, one long enough for a second decode, then steps of all together, then a fork."""
    rows = []

    def decode(*feeds: Feed) -> None:
        assert model.decode(feeds) == 0
        rows.append(model.logits().copy())

    decode(Feed(0, 0, range(50), True))
    decode(Feed(1, 0, range(100, 109), True), Feed(2, 0, range(200, 240), False))
    decode(Feed(2, 40, range(40), True))
    for step in range(3):
        decode(Feed(0, 50 + step, [7 + step], True), Feed(1, 9 + step, [5], True), Feed(2, 80 + step, [3], True))
    assert model.fork(0, 3, 53)
    decode(Feed(3, 53, range(20, 30), True))
    return np.concatenate(rows)


@cache
def on_the_cpu(spec: EngineSpec) -> Rows:
    model = Model(spec)
    assert not model.asynchronous
    rows = computed(model)
    model.close()
    return rows


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What llama.cpp says meanwhile."""
    lines = list[str]()
    monkeypatch.setattr(backend.log, "tap", lines)
    yield lines


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        (kind, layout)
        for kind in ("dense", "hybrid", "experts")
        for layout in (DENSE if kind == "dense" else LAYOUTS)
        if kind == "experts" or "experts" not in layout
    ],
)
def test_the_logits_are_those_of_the_cpu(kind: str, layout: str, models: dict[str, Path], said: list[str]) -> None:
    spec = replace(CPU, path=str(models[kind]), **LAYOUTS[layout])  # type: ignore[arg-type]
    expected = on_the_cpu(replace(CPU, path=spec.path, kv_type=spec.kv_type))
    said.clear()
    model = Model(spec)
    holding = {device for what, device in taken(said) if what == "weights"}
    rows = computed(model)
    model.close()
    assert set(spec.devices) <= holding, "nothing of the model is on that GPU"
    rounded = spec.kv_type != "f16" or kind == "experts"
    close = (ROUNDED if rounded else CLOSE) * np.abs(expected).max()
    assert 0 < np.abs(rows - expected).max() < close
    chosen = np.take_along_axis(expected, rows.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert (expected.max(axis=1) - chosen < close).all(), (
        "the likeliest token, or one that is as likely but for rounding"
    )


def test_what_is_left_in_main_memory_is_what_was_asked_for(experts: Path, said: list[str]) -> None:
    def weights(**layout: object) -> dict[str, float]:
        said.clear()
        Model(replace(CPU, path=str(experts), **layout)).close()  # type: ignore[arg-type]
        return {device: size for (what, device), size in taken(said).items() if what == "weights"}

    whole, some, moved = (weights(**ALL | changes) for changes in ({}, {"gpu_layers": 3}, {"cpu_expert_layers": 2}))
    assert whole[GPU] > moved[GPU] > some[GPU] > 0
    assert not {device for device in weights() if "Vulkan" in device}, "the CPU alone, although GPUs are here"


def test_the_step_goes_on_while_decode_has_returned_if_all_of_it_is_on_the_gpu(experts: Path) -> None:
    for layout in (ALL, ALL | {"devices": (GPU, OTHER)}):
        model = Model(replace(CPU, path=str(experts), **layout))  # type: ignore[arg-type]
        assert model.asynchronous
        model.close()
    for layout in (ALL | {"gpu_layers": 3}, ALL | {"cpu_expert_layers": 2}):
        model = Model(replace(CPU, path=str(experts), **layout))  # type: ignore[arg-type]
        assert not model.asynchronous, "the CPU's part of a step is done before decode returns"
        model.close()


@pytest.mark.parametrize("devices", [("Vulkan7",), (GPU, "Vulkan7"), ("CPU",), (f"{GPU}@0000:99:00.0",)])
def test_a_gpu_that_is_not_there_is_refused_and_not_replaced(tiny_qwen3: Path, devices: tuple[str, ...]) -> None:
    with pytest.raises(SupernetError, match="GPU") as caught:
        Model(replace(CPU, path=str(tiny_qwen3), gpu_layers=-1, devices=devices))
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADED
