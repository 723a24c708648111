"""What is kept of a measurement, and when it stops counting. A real file and this machine's hardware."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.daemon.fake_coordinator import of_its_own
from tests.worker.planning.test_model_setup import ignore
from wire.offers import Gpu, SpeedPoint
from worker.config import Config
from worker.planning import model_setup, speed_curves
from worker.planning.model_setup import Assembly
from worker.planning.speed_curves import Run
from worker.weights.files import Weights

CURVE = (SpeedPoint(streams=1, decode_tps=10.0, prefill_tps=100.0, ttft_ms=5.0),)


@pytest.fixture
def assembly(tmp_path: Path, tiny_qwen3: Path) -> Assembly:
    (tmp_path / "models.yaml").write_text(of_its_own(tiny_qwen3))
    config = Config(
        model="tiny",
        model_file=tiny_qwen3,
        catalog=tmp_path / "models.yaml",
        models_dir=tmp_path / "m",
        state_dir=tmp_path,
        slots=2,
        context=256,
    )
    return model_setup.assemble(config, ignore)


def known(folder: Path, assembly: Assembly) -> tuple[SpeedPoint, ...]:
    return speed_curves.known(folder, speed_curves.basis(assembly))


def run(assembly: Assembly, time: float = 1.0) -> Run:
    return Run(time=time, model=assembly.spec.id, basis=speed_curves.basis(assembly), curve=CURVE)


def test_a_curve_survives_a_restart_and_is_in_the_offer(assembly: Assembly, tmp_path: Path) -> None:
    assert known(tmp_path, assembly) == ()
    speed_curves.remember(tmp_path, run(assembly))
    assert assembly.offer(known(tmp_path, assembly), None).speed == CURVE


def test_another_layout_other_hardware_or_another_version_makes_it_old(
    assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed_curves.remember(tmp_path, run(assembly))
    layout = replace(assembly.plan, engine=replace(assembly.plan.engine, slots=1))
    assert known(tmp_path, replace(assembly, plan=layout)) == ()
    gpus = assembly.machine.hardware.model_copy(update={"gpus": (Gpu(name="RTX", memory_bytes=1),)})
    assert known(tmp_path, replace(assembly, machine=replace(assembly.machine, hardware=gpus))) == ()
    assert known(tmp_path, assembly) == CURVE
    monkeypatch.setattr(speed_curves, "version", lambda package: "9.9")
    assert known(tmp_path, assembly) == ()


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


def test_what_sight_took_is_remembered_while_all_is_as_it_was_and_no_longer_than_it_sees(
    assembly: Assembly, tmp_path: Path
) -> None:
    now = speed_curves.basis(assembly)
    assert speed_curves.sight(tmp_path, now) is None
    speed_curves.remember_sight(tmp_path, now, 140.5)
    assert speed_curves.sight(tmp_path, now) == 140.5
    eyes = Weights(Path("eyes.gguf"), (Path("eyes.gguf"),), ("e" * 64,))
    with_eyes = speed_curves.basis(replace(assembly, projector=eyes))
    assert speed_curves.sight(tmp_path, with_eyes) is None, "other eyes are not these"
    speed_curves.remember_sight(tmp_path, now, None)
    assert speed_curves.sight(tmp_path, now) is None
    for text in ("", "[]", '{"basis": 1}', '{"basis": {}, "image_ms": "x"}'):
        (tmp_path / speed_curves.SIGHT).write_text(text)
        assert speed_curves.sight(tmp_path, {}) is None
    speed_curves.remember_sight(tmp_path / "away", now, 140.5)  # a folder that cannot be written to costs nothing else


def test_an_offer_says_that_the_model_sees_only_if_it_did_and_has_its_eyes(assembly: Assembly) -> None:
    eyes = Weights(Path("eyes.gguf"), (Path("eyes.gguf"),), ("e" * 64,))
    seeing = replace(assembly, projector=eyes)
    offer = seeing.offer((), 140.5)
    assert (offer.features, offer.image_ms) == (("vision",), 140.5)
    for blind in (assembly.offer((), 140.5), seeing.offer((), None)):
        assert (blind.features, blind.image_ms) == ((), None)
