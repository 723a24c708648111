"""From configuration to plan, with a real file and this machine's hardware."""

from dataclasses import replace
from pathlib import Path

import pytest

from wire.errors import SupernetError
from wire.messages import Gpu, Hardware
from worker import assemble
from worker.assemble import Unready
from worker.config import Config
from worker.engine.probe import Build
from worker.machine import Machine
from worker.model_files import Progress

CATALOGUE = """
default: tiny
models:
  - id: tiny
    name: Tiny
    format: qwen-json
    repository: supernet/tiny
    files: [{name: tiny.gguf}]
    context: 512
    max_output: 64
    price: {prompt: 1, completion: 2}
    licence: Apache-2.0
"""


def ignore(_: Progress) -> None:
    """Progress is shown elsewhere."""


@pytest.fixture
def config(tmp_path: Path, tiny_qwen3: Path) -> Config:
    (tmp_path / "models.yaml").write_text(CATALOGUE)
    return Config(
        model_file=tiny_qwen3,
        catalogue=tmp_path / "models.yaml",
        models_dir=tmp_path / "models",
        state_dir=tmp_path,
        slots=2,
        context=256,
        threads=1,
    )


def test_a_file_of_this_machine_is_planned_as_the_owner_wishes(config: Config, tiny_qwen3: Path) -> None:
    made = assemble.assemble(config, ignore)
    engine = made.plan.engine
    assert (engine.path, engine.slots, engine.context, engine.threads) == (str(tiny_qwen3), 2, 256, 1)
    offer = made.offer(())
    assert (offer.id, offer.context, offer.slots) == ("tiny", 256, 2)
    assert offer.sha256 == made.weights.sha256[0] and len(offer.sha256) == 64


def test_an_unknown_model_is_named(config: Config) -> None:
    with pytest.raises(SupernetError, match="gpt-9"):
        assemble.chosen(Config(model="gpt-9", catalogue=config.catalogue))


def test_what_cannot_be_served_now_is_a_typed_problem(config: Config, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 64)
    with pytest.raises(Unready) as damaged:
        assemble.assemble(replace(config, model_file=tmp_path / "bad.gguf"), ignore)
    assert damaged.value.issue.code == "damaged_file"
    with pytest.raises(Unready) as missing:
        assemble.assemble(replace(config, model_file=tmp_path / "none.gguf"), ignore)
    assert missing.value.issue.code == "not_found" and "none.gguf" in missing.value.issue.message


def test_gpus_that_cannot_be_used_are_a_problem_and_the_cpu_serves() -> None:
    card = Gpu(name="RTX", memory_bytes=24 << 30, driver="470.82.01")
    machine = Machine(Hardware(gpus=(card,)), 8 << 30, 4)
    assert assemble.gpu_problems(machine, Build(True, cuda=12))[0].code == "driver_too_old"
    assert assemble.gpu_problems(machine, Build(False))[0].code == "gpu_unused"
    assert assemble.gpu_problems(machine, Build(True, cuda=11)) == ()
    assert assemble.gpu_problems(Machine(Hardware(), 1, 1), Build(False)) == ()
