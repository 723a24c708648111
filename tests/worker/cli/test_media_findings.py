"""What --check says of a pipeline."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.daemon.media_catalog import written
from tests.worker.planning.test_media_plan import machine
from tests.worker.telemetry.test_status import base
from wire.messages import Issue
from worker.cli.media_findings import Pipeline, look
from worker.config import Config
from worker.planning import media_setup
from worker.telemetry.status import MediaView


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    package = tmp_path / "some_weights" / "weights"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "model_index.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    catalog = written(tmp_path)
    catalog.write_text(catalog.read_text().replace("no_such_package", "some_weights"))
    return Config(catalog=catalog, media="painter", models_dir=tmp_path / "models")


def code(found: Pipeline) -> str:
    assert isinstance(found.found, Issue)
    return found.found.code


def test_a_pipeline_that_is_here_and_fits_is_said_with_its_place(config: Config) -> None:
    assert look(replace(config, media=None), machine(24), "not running") == Pipeline()
    found = look(config, machine(24), "not running")
    assert not found.missing and "RTX 0" in str(found.found) and "generate_image, edit_image" in str(found.found)
    view = MediaView(id="painter", status="ready", slots=1, offered=1, running=0)
    assert "serves it" in str(look(config, machine(), base().model_copy(update={"media": (view,)})).found)


def test_what_is_missing_is_a_problem_with_a_name(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.catalog is not None
    catalog = config.catalog.read_text()
    config.catalog.write_text(catalog.replace("memory_bytes: 2000000", "memory_bytes: 99000000000"))
    short = look(config, machine(24), "not running")
    assert code(short) == "not_enough_memory" and "--context" not in str(short.found)
    config.catalog.write_text(catalog.replace("some_weights", "no_such_package"))
    assert code(look(config, machine(24), "not running")) == "not_found"
    config.catalog.write_text(catalog.replace("package: some_weights\n    folder: weights", "repository: some/one"))
    to_come = look(config, machine(24), "not running")
    assert (to_come.missing, to_come.needed_bytes) == (True, 1_000_000) and "not here yet" in str(to_come.found)
    monkeypatch.setattr(media_setup, "NEEDED", ("no_torch_at_all",))
    assert code(look(config, machine(24), "not running")) == "media_not_installed"
