"""worker/planning/wanted.py: what of a store the settings mean."""

from pathlib import Path
from typing import Any

import pytest

from wire.errors import SupernetError
from worker.config import Config
from worker.planning.wanted import wanted


def ids(folder: Path, **settings: Any) -> list[str]:
    return [entry.id for entry in wanted(Config(models_dir=folder, state_dir=folder, **settings))]


def test_the_model_the_pipeline_or_both(tmp_path: Path) -> None:
    model, media = "qwen3.6-35b-a3b-gguf-iq4xs", "z_image_turbo_bf16"
    assert ids(tmp_path) == [model], "the catalog's default"
    assert ids(tmp_path, media=media) == [media]
    assert ids(tmp_path, media=media, model=model) == [model, media]


def test_nothing_of_a_file_of_the_owners_or_of_a_package(tmp_path: Path) -> None:
    assert ids(tmp_path, model="qwen3.6-35b-a3b-gguf-iq4xs", model_file=tmp_path / "x.gguf") == []


def test_a_name_that_the_catalog_lacks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SupernetError):
        ids(tmp_path, model="none")
