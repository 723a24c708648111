"""worker/weights/store.py: what is kept in the folder, and under which name."""

import errno
import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from wire.catalog import ModelSpec
from worker.weights.checksum import write_json
from worker.weights.files import WeightsError
from worker.weights.store import Pin, Pinned, Store, size_of

CONTENT = b"GGUF and more"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = Pinned("tiny.gguf", len(CONTENT), SHA256)
PIN = Pin("c" * 40, (FILE,))


def store_at(folder: Path, *names: str, **extra: object) -> Store:
    spec = ModelSpec.model_validate(
        {
            "id": "tiny",
            "name": "Tiny",
            "format": "qwen-json",
            "repository": "someone/tiny",
            "files": [{"name": name} for name in names or ("tiny.gguf",)],
            "context": 4096,
            "max_output": 100,
            "price": {"prompt": 1, "completion": 1},
            "licence": "MIT",
            **extra,
        }
    )
    return Store(spec, folder, lambda _: None)


def test_a_pin_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    assert store.read_pin() is None
    store.write_pin(PIN)
    assert store.read_pin() == PIN


@pytest.mark.parametrize("extra", [{"revision": "v2"}, {"repository": "some/body"}])
def test_another_entry_has_another_pin(tmp_path: Path, extra: dict[str, object]) -> None:
    store_at(tmp_path).write_pin(PIN)
    assert store_at(tmp_path, **extra).read_pin() is None


def test_a_pin_that_the_catalog_contradicts_is_not_used(tmp_path: Path) -> None:
    store_at(tmp_path).write_pin(PIN)
    assert store_at(tmp_path, files=[{"name": "tiny.gguf", "sha256": "0" * 64}]).read_pin() is None
    assert store_at(tmp_path, files=[{"name": "tiny.gguf", "size_bytes": 5}]).read_pin() is None
    assert store_at(tmp_path, files=[{"name": "tiny.gguf", "sha256": SHA256}]).read_pin() == PIN


def test_a_pin_that_was_written_with_the_projector_is_still_one_of_the_model(tmp_path: Path) -> None:
    """Else an upgrade would ask the hub anew, and fetch a model of 18 GB that has moved on there."""
    projector = Pinned("mmproj.gguf", 5, "e" * 64)
    store = store_at(tmp_path, projector={"name": "mmproj.gguf"})
    wanted = ["someone/tiny", "main", "tiny.gguf", "mmproj.gguf"]
    name = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
    write_json(tmp_path / "pins" / f"{name}.json", asdict(Pin(PIN.commit, (FILE, projector))))
    assert store_at(tmp_path).read_pin() is None
    assert store.read_pin() == PIN
    assert store_at(tmp_path, projector={"name": "other.gguf"}).read_pin() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"commit": 1, "files": [{"x": 1}]}', '{"commit": "c", "files": 1}'])
def test_a_pin_that_makes_no_sense_is_not_used(tmp_path: Path, text: str) -> None:
    store = store_at(tmp_path)
    store.write_pin(PIN)
    store.pin_path.write_text(text)
    assert store.read_pin() is None


def test_names_come_from_hashes_and_no_place_is_outside_the_folder(tmp_path: Path) -> None:
    assert store_at(tmp_path).place(PIN, FILE) == tmp_path / f"{SHA256}.gguf"
    names = ("deep/er/big-00001-of-00002.gguf", "deep/er/big-00002-of-00002.gguf")
    parts = tuple(Pinned(name, 1, letter * 64) for name, letter in zip(names, "ab", strict=True))
    store, pin = store_at(tmp_path, *names, projector={"name": "mmproj.gguf"}), Pin("c" * 40, parts)
    weights = store.weights(pin)
    assert [part.name for part in weights.parts] == ["big-00001-of-00002.gguf", "big-00002-of-00002.gguf"]
    assert {part.parent.parent for part in weights.parts} == {tmp_path}


def test_a_wrong_file_is_removed_and_a_right_one_kept(tmp_path: Path) -> None:
    store, path = store_at(tmp_path), tmp_path / "file"
    assert not store.is_checked(path, FILE)
    path.write_bytes(CONTENT)
    assert store.is_checked(path, FILE) and path.exists()
    assert store.is_checked(path, replace(FILE, size=5)), "of two claims the hash is the one that says what it is"
    path.write_bytes(CONTENT[::-1])
    assert not store.is_checked(path, FILE) and not path.exists()


def test_what_has_arrived_is_not_needed_again(tmp_path: Path) -> None:
    store, huge = store_at(tmp_path), Pinned("huge.gguf", 2**60, "d" * 64)
    store.check_space([FILE])
    store.check_space([])
    with pytest.raises(WeightsError) as caught:
        store.check_space([huge])
    assert caught.value.code == "disk_full"
    with store.part(huge).open("wb") as stream:
        stream.truncate(2**40)  # a hole: it takes no room
    assert store.arrived() == 2**40 == size_of(store.part(huge))
    store.check_space([Pinned("huge.gguf", 2**40, "d" * 64)])


def test_a_full_disk_and_a_forbidden_folder_are_different_problems(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    assert store.problem(OSError(errno.ENOSPC, "full")).code == "disk_full"
    assert "Permission" in store.problem(PermissionError(errno.EACCES, "Permission denied")).message
