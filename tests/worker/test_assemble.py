"""From configuration to plan, with a real file and this machine's hardware."""

from pathlib import Path

import pytest

from wire.errors import SupernetError
from wire.messages import SpeedPoint
from worker import assemble
from worker.config import Config
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
CURVE = [SpeedPoint(streams=1, decode_tps=10.0, prefill_tps=100.0, ttft_ms=5.0)]


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


def test_a_measured_curve_belongs_to_its_layout(config: Config) -> None:
    made = assemble.assemble(config, ignore)
    assert assemble.known_speed(made, config.state_dir) == ()
    assemble.remember_speed(made, config.state_dir, CURVE)
    assert assemble.known_speed(made, config.state_dir) == tuple(CURVE)
    other = assemble.assemble(Config(**{**vars(config), "slots": 1}), ignore)
    assert assemble.known_speed(other, config.state_dir) == ()


def test_a_torn_curve_is_no_curve(config: Config) -> None:
    made = assemble.assemble(config, ignore)
    (config.state_dir / "speed.json").write_text('{"layout":')
    assert assemble.known_speed(made, config.state_dir) == ()


def test_a_check_looks_at_everything_and_needs_no_hub_for_a_local_file(config: Config) -> None:
    findings = {finding.name: finding for finding in assemble.findings(config)}
    assert {"driver", "gpu", "memory", "disk", "hub", "coordinator", "key"} <= set(findings)
    assert findings["hub"].ok and findings["disk"].ok
    assert findings["coordinator"].ok is False and findings["coordinator"].remedy
