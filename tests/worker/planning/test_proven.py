"""What was proved is remembered until something changes, and what is wrong has a name and a way out."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.bindings.planted import ANY_ROW, CRASH, MANY_ROWS, planted
from tests.worker.planning.test_model_setup import config, ignore
from wire.chat import Sampling
from wire.offers import Gpu, Hardware
from worker.bindings import proof
from worker.bindings.proof import Proof
from worker.config import Config
from worker.engine.devices import Device
from worker.engine.port import Ended, EngineSpec, Ready, Submit
from worker.engine.process import ProcessEngine
from worker.machine.description import Machine
from worker.planning import model_setup, proven
from worker.planning.model_setup import Unready

assert config  # a fixture
CPU = Machine(Hardware(cpu="x"), 8 << 30, 4)
CARD = replace(
    CPU,
    hardware=Hardware(cpu="x", gpus=(Gpu(name="RTX", memory_bytes=1, driver="535.1"),)),
    devices=(Device("CUDA0", "CUDA", "RTX", "gpu", id="0000:01:00.0"),),
)


class Proofs:
    """Stands for proof.prove: says what it is told, and counts."""

    def __init__(self, **results: Proof) -> None:
        self.results = results
        self.asked: list[str] = []

    def __call__(self, device: str | None = None, repacked: bool = True) -> Proof:
        self.asked.append("gpu" if device else "cpu" if repacked else "plain")
        return self.results.get(self.asked[-1], Proof("right"))


def test_a_proof_is_made_once_for_each_library_cpu_and_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven, "prove", proofs := Proofs())
    library = tmp_path / "library"
    library.mkdir()
    (library / "libggml-cpu.so").write_bytes(b"1")
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(library))

    def asked(machine: Machine) -> list[str]:
        proofs.asked = []
        assert proven.on_this_machine(tmp_path, machine) == proven.Proven()
        return proofs.asked

    assert (asked(CPU), asked(CPU)) == (["cpu"], [])
    assert (asked(CARD), asked(CARD)) == (["cpu", "gpu"], [])
    newer = Gpu(name="RTX", memory_bytes=1, driver="550.1")
    assert asked(replace(CARD, hardware=Hardware(cpu="x", gpus=(newer,)))) == ["cpu", "gpu"]
    assert asked(replace(CPU, hardware=Hardware(cpu="y"))) == ["cpu"]
    (library / "libggml-cpu.so").write_bytes(b"two")
    assert asked(replace(CPU, hardware=Hardware(cpu="y"))) == ["cpu"]


def test_what_cannot_be_kept_or_read_is_proved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven, "prove", proofs := Proofs())
    for _ in range(2):
        assert proven.on_this_machine(tmp_path / "not made yet", CPU) == proven.Proven()
    (tmp_path / proven.NAME).write_text('{"basis": 1}')
    proven.on_this_machine(tmp_path, CPU)
    assert proofs.asked == ["cpu"] * 3


def test_a_gpu_that_does_not_compute_is_an_error_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = "it aborted: CUDA error: device kernel image is invalid"
    monkeypatch.setattr(proven, "prove", proofs := Proofs(gpu=Proof("wrong", image)))
    for _ in range(2):
        problem = proven.on_this_machine(tmp_path, CARD).problem
        assert problem and (problem.code, problem.severity) == ("engine_cannot_compute", "error")
        assert "RTX" in problem.message and image in problem.message
    assert proofs.asked == ["cpu", "gpu"] * 2


def test_a_gpu_that_others_fill_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven, "prove", Proofs(gpu=Proof("untried", "out of memory")))
    assert proven.on_this_machine(tmp_path, CARD) == proven.Proven()
    assert not (tmp_path / proven.NAME).exists()  # the next start tries it


def test_what_a_busy_moment_did_to_a_proof_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, one kill for want of memory left the machine without rewritten weights for good."""
    monkeypatch.setattr(proven, "prove", proofs := Proofs(cpu=Proof("untried", "it was killed")))
    slowed = proven.on_this_machine(tmp_path, CPU)
    assert not slowed.repacked and slowed.problem and slowed.problem.code == "engine_slowed"
    proofs.results = {}
    assert proven.on_this_machine(tmp_path, CPU) == proven.Proven()


def test_a_library_from_elsewhere_that_dies_of_rewritten_weights_serves_without_and_says_so(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", MANY_ROWS, CRASH)))
    for _ in range(2):  # proved, and remembered
        made = model_setup.assemble(config, ignore)
        assert not made.plan.engine.repacked and "not rewritten" in made.plan.explain()
        problem = next(problem for problem in made.problems if problem.code == "engine_slowed")
        assert problem.severity == "warning" and "SIGILL" in problem.message and "scripts/setup" in problem.remedy


def test_a_library_that_computes_in_no_way_is_not_served_with(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", ANY_ROW, CRASH)))
    with pytest.raises(Unready) as refused:
        model_setup.assemble(config, ignore)
    assert refused.value.issue.code == "engine_cannot_compute" and "SIGILL" in refused.value.issue.message
    with pytest.raises(Unready):
        model_setup.preview(config, ignore)


async def test_the_engine_answers_with_a_library_that_dies_of_rewritten_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model of the proof, loaded as the plan says: 64 rows at once, which would end it otherwise."""
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", MANY_ROWS, CRASH)))
    spec = EngineSpec(str(proof.NUMBERS.with_suffix(".gguf")), slots=1, context=256, batch=64, repacked=False)
    engine = ProcessEngine(spec)
    ended = None
    async for event in engine.events():
        if isinstance(event, Ready):
            engine.send(Submit("a", tuple(range(2, 80)), 4, Sampling(), 1, ignore_eos=True))
        if isinstance(event, Ended):
            ended = event
            break
    await engine.close()
    assert ended is not None and (ended.reason, ended.usage.completion) == ("length", 4)


def test_what_an_engine_dies_of_is_proved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven, "prove", proofs := Proofs())
    proven.on_this_machine(tmp_path, CPU)
    proven.forget(tmp_path)
    proven.forget(tmp_path)  # twice is once
    proven.on_this_machine(tmp_path, CPU)
    assert proofs.asked == ["cpu", "cpu"]
