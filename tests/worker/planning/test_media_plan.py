"""Where a pipeline is put, and what is left beside it."""

from pathlib import Path

import pytest

from program.fits import MEDIA_RUNTIME_BYTES
from tests.worker.daemon.media_catalog import written
from wire.media_catalog import MediaSpec
from wire.offers import Gpu, Hardware
from worker.config import Config
from worker.engine.devices import Device
from worker.engine.port import EngineSpec
from worker.machine.description import Machine
from worker.planning.explain import Line, Plan
from worker.planning.media_plan import beside, check_both, plan_media
from worker.planning.media_setup import entry
from worker.planning.plan import DoesNotFit, PlanError

GIB = 2**30
TOOLS = ("generate_image",)


@pytest.fixture
def spec(tmp_path: Path) -> MediaSpec:
    made = entry(Config(catalog=written(tmp_path), media="painter"))
    return made.model_copy(update={"memory_bytes": 13 * GIB})


def machine(*free: int, backend: str = "CUDA", ram: int = 32) -> Machine:
    gpus = tuple(Gpu(name=f"RTX {n}", memory_bytes=24 * GIB, free_bytes=gib * GIB) for n, gib in enumerate(free))
    devices = tuple(Device(f"{backend}{n}", backend, "", "gpu", id=f"0000:0{n}:00.0") for n in range(len(free)))
    return Machine(Hardware(memory_bytes=64 * GIB, gpus=gpus), ram * GIB, 8, devices=devices)


def test_it_goes_to_the_gpu_with_the_most_room(spec: MediaSpec) -> None:
    made = plan_media(spec, machine(16, 24), GIB, TOOLS)
    assert (made.card, made.device, made.bytes) == (1, "cuda:1", 13 * GIB + MEDIA_RUNTIME_BYTES)
    assert "RTX 1 (CUDA1@0000:01:00.0)" in made.explain() and "13,312 MiB" in made.explain()
    assert made.to_dict()["gpu_bytes"] == made.bytes and made.to_dict()["ram_bytes"] == 0


def test_what_does_not_fit_is_said_in_numbers(spec: MediaSpec) -> None:
    with pytest.raises(DoesNotFit, match=r"takes 13\.9 GiB of one GPU, and of RTX 0 13\.0 GiB may be taken"):
        plan_media(spec, machine(14), GIB, TOOLS)
    with pytest.raises(DoesNotFit, match=r"takes 26\.0 GiB, and without a GPU .* 7\.0 GiB of main memory"):
        plan_media(spec, machine(ram=8), GIB, TOOLS)
    with pytest.raises(PlanError, match="memory_bytes"):
        plan_media(spec.model_copy(update={"memory_bytes": None}), machine(24), GIB, TOOLS)


@pytest.mark.parametrize("here", [machine(), machine(24, backend="Vulkan")])
def test_without_a_gpu_that_pytorch_knows_it_is_in_main_memory_and_slow(spec: MediaSpec, here: Machine) -> None:
    made = plan_media(spec, here, GIB, TOOLS)
    assert (made.device, made.card, made.to_dict()["ram_bytes"]) == ("cpu", None, 26 * GIB)
    assert "on the CPU" in made.explain() and made.notes


def test_a_chat_s_model_gets_what_is_left(spec: MediaSpec) -> None:
    here = machine(16, 24)
    left = beside(plan_media(spec, here, GIB, TOOLS), here)
    assert left.hardware.gpus[0].free_bytes == 16 * GIB
    assert left.hardware.gpus[1].free_bytes == 24 * GIB - 13 * GIB - MEDIA_RUNTIME_BYTES
    slow = machine()
    assert beside(plan_media(spec, slow, GIB, TOOLS), slow).available_bytes == 6 * GIB
    assert beside(None, here) is here


def chat(on_gpu: bool) -> Plan:
    gpu = EngineSpec("x", 2, 4096, gpu_layers=-1 if on_gpu else 3, devices=("CUDA0",))
    return Plan("tiny", gpu, (Line("weights", "gpu", 18 * GIB, ""),))


def test_both_are_served_only_if_the_chat_loses_nothing(spec: MediaSpec) -> None:
    media = plan_media(spec, machine(24), GIB, TOOLS)
    check_both(media, chat(True), chat(True))
    check_both(media, chat(False), chat(False))
    for worse in (None, chat(False)):
        with pytest.raises(DoesNotFit, match=r"tiny and painter .* one takes 18\.0 GiB, the other 13\.9 GiB"):
            check_both(media, worse, chat(True))
