"""Which file is the projector of a model, by what the headers say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from program.gguf import Header, read
from tests.worker.weights.test_download import spec_of
from wire.catalog import File
from worker.weights.projector import entry, wrong_projector


def header(path: Path) -> Header:
    with path.open("rb") as stream:
        return read(stream, path.stat().st_size)


def test_it_is_an_entry_of_its_own_at_the_commit_of_the_model() -> None:
    spec = spec_of(projector={"name": "mmproj.gguf"}, shape={"architecture": "qwen35"})
    eyes = entry(spec, "c" * 40)
    assert (eyes.files, eyes.revision, eyes.repository) == ((File(name="mmproj.gguf"),), "c" * 40, spec.repository)
    assert (eyes.projector, eyes.shape) == (None, None)
    assert entry(spec, None).revision == "main"


def test_the_projector_of_the_model_is_taken(tiny_qwen35: Path, tiny_eyes: Path) -> None:
    assert wrong_projector(header(tiny_eyes), header(tiny_qwen35)) == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"general.architecture": "qwen35"}, "architecture qwen35 instead of clip"),
        ({"clip.has_vision_encoder": False}, "no encoder of pictures"),
        ({"clip.has_vision_encoder": None}, "no encoder of pictures"),
        ({"clip.vision.projection_dim": 5120}, "vectors of 5120 numbers, and the model reads 64"),
    ],
)
def test_another_file_is_told_by_its_header(
    change: dict[str, Any], says: str, tiny_qwen35: Path, tiny_eyes: Path
) -> None:
    eyes = header(tiny_eyes)
    metadata = {key: value for key, value in {**eyes.metadata, **change}.items() if value is not None}
    (wrong,) = wrong_projector(replace(eyes, metadata=metadata), header(tiny_qwen35))
    assert says in wrong


def test_the_model_itself_is_not_its_projector(tiny_qwen35: Path) -> None:
    assert "it is no projector" in wrong_projector(header(tiny_qwen35), header(tiny_qwen35))[0]
