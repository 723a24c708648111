"""worker/weights/entries.py: the pins that it names are those that downloads write."""

import dataclasses
from pathlib import Path

from tests.worker.weights.test_download import spec_of
from tests.worker.weights.test_folders import spec as media_spec
from worker.weights.entries import of_media, of_model
from worker.weights.folders import _store
from worker.weights.projector import entry
from worker.weights.store import Pin, Pinned, Store

COMMIT = "d" * 40


def test_the_pins_of_a_model_are_those_of_its_download(tmp_path: Path) -> None:
    spec = spec_of("tiny.gguf", projector={"name": "mmproj.gguf"})
    found, store = of_model(spec), Store(spec, tmp_path, lambda _: None)
    assert found is not None and found.own_pins(tmp_path)[0] == store.pin_path.relative_to(tmp_path).as_posix()
    store.write_pin(Pin(COMMIT, (Pinned("tiny.gguf", 1, "a" * 64),)))
    eyes = Store(entry(spec, COMMIT), tmp_path, lambda _: None)
    assert eyes.pin_path.relative_to(tmp_path).as_posix() in found.eyes_pins(tmp_path)
    before = Store(entry(spec, None), tmp_path, lambda _: None)
    assert before.pin_path.relative_to(tmp_path).as_posix() in found.eyes_pins(tmp_path)
    assert found.pins(tmp_path) == (*found.own_pins(tmp_path), *found.eyes_pins(tmp_path))


def test_the_pin_of_a_pipeline_is_that_of_its_download(tmp_path: Path) -> None:
    spec = media_spec()
    found = of_media(spec)
    assert found is not None and found.pins(tmp_path) == (
        _store(spec, tmp_path, lambda _: None).pin_path.relative_to(tmp_path).as_posix(),
    )


def test_what_no_hub_has_is_in_no_store() -> None:
    assert of_media(media_spec(repository=None, package="shipped_weights", folder="toy")) is None
    own = spec_of("tiny.gguf", repository=None, files=[{"name": "tiny.gguf", "sha256": "a" * 64}])
    assert of_model(own) is None


def test_the_size_is_that_of_all_files_or_not_known() -> None:
    files = [{"name": "tiny.gguf", "size_bytes": 5}]
    whole = of_model(spec_of(files=files, projector={"name": "mmproj.gguf", "size_bytes": 2}))
    unknown = of_model(spec_of(files=files, projector={"name": "mmproj.gguf"}))
    assert whole and unknown and (whole.size_bytes, unknown.size_bytes) == (7, None)
    assert dataclasses.asdict(whole)["files"] == ("tiny.gguf",)
