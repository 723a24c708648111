"""What the plan makes of the GPUs that are here, against what llama.cpp says that it took."""

from pathlib import Path
from typing import Any

import pytest

from program import gguf
from program.gguf import Header
from tests.vulkan.offloaded import GPU
from tools.gpu_check.memory import taken
from tools.gpu_check.random_model import TINY, write
from wire.catalog import File, ModelSpec, Price
from worker.bindings import backend, probe
from worker.bindings.llama import Feed, Model
from worker.machine import hardware
from worker.machine.description import Machine
from worker.planning.explain import MIB, Plan
from worker.planning.plan import Wishes, plan

MODEL = ModelSpec(
    id="tiny",
    name="tiny",
    format="qwen-xml",
    repository="tiny/tiny",
    files=(File(name="tiny.gguf"),),
    context=4096,
    max_output=4096,
    price=Price(prompt=0, completion=0),
    licence="none",
)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return hardware.detect(probe.ask())


@pytest.fixture(params=["dense", "hybrid", "experts"])
def path(request: pytest.FixtureRequest, tiny_qwen3: Path, tiny_qwen35: Path, tmp_path: Path) -> Path:
    if request.param == "experts":
        write(tmp_path / "experts.gguf", TINY)
        return tmp_path / "experts.gguf"
    return tiny_qwen3 if request.param == "dense" else tiny_qwen35


def header_of(path: Path) -> Header:
    with path.open("rb") as stream:
        return gguf.read(stream, path.stat().st_size)


def laid_out(path: Path, machine: Machine, **wishes: Any) -> Plan:
    return plan(header_of(path), str(path), MODEL, machine, Wishes(**wishes))


def test_both_gpus_are_found_with_their_memory(machine: Machine) -> None:
    assert [device.name for device in machine.devices] == [GPU, "Vulkan1"]
    assert all(gpu.free_bytes > 0 and "llvmpipe" in gpu.name for gpu in machine.hardware.gpus)


def loaded(made: Plan, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, float], dict[str, float]]:
    """MiB on the GPU by kind: what llama.cpp says after a prompt, and the lines of the plan."""
    said = list[str]()
    monkeypatch.setattr(backend.log, "tap", said)
    model = Model(made.engine)
    assert model.decode([Feed(0, 0, range(100), True)]) == 0
    model.logits()
    model.close()
    found = {what: size for (what, device), size in taken(said).items() if device == GPU}
    return found, {line.what: line.bytes / MIB for line in made.lines if line.place == "gpu"}


def test_no_line_of_the_plan_is_smaller_than_what_llama_cpp_takes(
    path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = laid_out(path, machine, slots=3, drafts=False)
    assert made.engine.gpu_layers == -1 and made.engine.devices == (machine.devices[0].address,)
    found, planned = loaded(made, monkeypatch)
    exact = {"weights", "cache"} | ({"recurrent state"} if "recurrent state" in planned else set())
    assert {what: found[what] for what in exact} == {what: pytest.approx(planned[what], abs=0.02) for what in exact}
    assert 0 < found["compute"] <= planned["compute"]


def test_a_prediction_head_takes_no_more_than_its_line(
    tiny_qwen35: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp counts its weights and its cache with the model's."""
    made = laid_out(tiny_qwen35, machine, slots=3)
    assert made.engine.head
    found, planned = loaded(made, monkeypatch)
    head = sum(found[what] - planned[what] for what in ("weights", "cache"))
    assert 0 < head <= planned["prediction head"]
    assert found["recurrent state"] == pytest.approx(planned["recurrent state"], abs=0.02)
    assert 0 < found["compute"] <= planned["compute"]
