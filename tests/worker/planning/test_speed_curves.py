"""What is kept of a measurement, and when it stops counting. A real file and this machine's hardware."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.daemon.fake_coordinator import of_its_own
from tests.worker.planning.test_model_setup import ignore
from wire.messages import Gpu, SpeedPoint
from worker.config import Config
from worker.planning import model_setup, speed_curves
from worker.planning.model_setup import Assembly
from worker.planning.speed_curves import Run

CURVE = (SpeedPoint(streams=1, decode_tps=10.0, prefill_tps=100.0, ttft_ms=5.0),)


@pytest.fixture
def assembly(tmp_path: Path, tiny_qwen3: Path) -> Assembly:
    (tmp_path / "models.yaml").write_text(of_its_own(tiny_qwen3))
    config = Config(
        model="tiny",
        model_file=tiny_qwen3,
        catalogue=tmp_path / "models.yaml",
        models_dir=tmp_path / "m",
        state_dir=tmp_path,
        slots=2,
        context=256,
    )
    return model_setup.assemble(config, ignore)


def run(assembly: Assembly, time: float = 1.0) -> Run:
    return Run(time=time, model=assembly.spec.id, basis=speed_curves.basis(assembly), curve=CURVE)


def test_a_curve_survives_a_restart_and_is_in_the_offer(assembly: Assembly, tmp_path: Path) -> None:
    assert speed_curves.known(tmp_path, assembly) == ()
    speed_curves.remember(tmp_path, run(assembly))
    assert assembly.offer(speed_curves.known(tmp_path, assembly)).speed == CURVE


def test_another_layout_other_hardware_or_another_version_makes_it_old(
    assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed_curves.remember(tmp_path, run(assembly))
    layout = replace(assembly.plan, engine=replace(assembly.plan.engine, slots=1))
    assert speed_curves.known(tmp_path, replace(assembly, plan=layout)) == ()
    gpus = assembly.machine.hardware.model_copy(update={"gpus": (Gpu(name="RTX", memory_bytes=1),)})
    assert speed_curves.known(tmp_path, replace(assembly, machine=replace(assembly.machine, hardware=gpus))) == ()
    assert speed_curves.known(tmp_path, assembly) == CURVE
    monkeypatch.setattr(speed_curves, "version", lambda package: "9.9")
    assert speed_curves.known(tmp_path, assembly) == ()


def test_the_run_before_is_found_even_if_it_no_longer_counts_and_what_changed_is_said(
    assembly: Assembly, tmp_path: Path
) -> None:
    first = run(assembly)
    speed_curves.remember(tmp_path, first)
    other = replace(assembly, plan=replace(assembly.plan, engine=replace(assembly.plan.engine, slots=1)))
    basis = speed_curves.basis(other)
    assert speed_curves.before(tmp_path, "tiny", basis["machine"]) == first
    assert speed_curves.before(tmp_path, "other", basis["machine"]) is None
    assert speed_curves.before(tmp_path, "tiny", {"cpu": "another"}) is None
    assert speed_curves.changes(first, basis) == ["slots 2 -> 1"]


def test_only_the_last_runs_are_kept_and_a_torn_file_is_no_file(assembly: Assembly, tmp_path: Path) -> None:
    for time in range(speed_curves.MOST_RUNS + 3):
        speed_curves.remember(tmp_path, run(assembly, float(time)))
    assert speed_curves.read(tmp_path)[0].time == 3.0
    (tmp_path / speed_curves.NAME).write_text('[{"time":')
    assert speed_curves.read(tmp_path) == ()
