"""A store as downloads have left it, made without a hub: what `hold` writes is what `ensure` writes."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from wire.catalog import ModelSpec
from worker.weights.checksum import remember, write_json
from worker.weights.entries import Entry
from worker.weights.store import Pin, Pinned, Store, identity_of, pin_of


def bytes_of(name: str, size: int) -> bytes:
    """Bytes of its own for each name."""
    return (hashlib.sha256(name.encode()).digest() * (size // 32 + 1))[:size]


def pinned(name: str, size: int) -> Pinned:
    return Pinned(name, size, hashlib.sha256(bytes_of(name, size)).hexdigest())


def entry(id: str, *files: str, projector: str | None = None, pipeline: bool = False) -> Entry:
    return Entry(id, f"someone/{id}", "main", files or (f"{id}.gguf",), projector, pipeline)


def hold(folder: Path, one: Entry, size: int, used_at: float = 0.0, arrived: int | None = None) -> str:
    """Put the files of an entry into the store, or so many bytes of the first; return the name of its pin."""
    files = tuple(pinned(name, size) for name in one.files)
    return _put(folder, one.own_pins(folder)[0], one.repository, files, one.pipeline, used_at, arrived)


def hold_eyes(folder: Path, one: Entry, size: int, used_at: float = 0.0) -> str:
    """The same of its projector."""
    assert one.projector
    name = pin_of(one.repository, "c" * 40, one.projector)
    return _put(folder, name, one.repository, (pinned(one.projector, size),), False, used_at, None)


def _put(
    folder: Path,
    name: str,
    repository: str,
    files: Sequence[Pinned],
    pipeline: bool,
    used_at: float,
    arrived: int | None,
) -> str:
    pin = Pin("c" * 40, tuple(files))
    told = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files]
    write_json(folder / name, {"commit": pin.commit, "files": told, "repository": repository})
    os.utime(folder / name, (used_at, used_at))
    for number, file in enumerate(files):
        place = folder / identity_of(files) / file.name if pipeline else _store(folder).place(pin, file)
        if arrived is not None:
            if number == 0:
                (folder / f"{file.sha256}.part").write_bytes(bytes_of(file.name, file.size)[:arrived])
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes_of(file.name, file.size))
        remember(place, folder / "records", file.sha256)
    return name


def spec(id: str, *files: str) -> ModelSpec:
    """The catalog's entry of the same."""
    return ModelSpec.model_validate(
        {
            "id": id,
            "name": id,
            "format": "qwen-json",
            "repository": f"someone/{id}",
            "files": [{"name": name} for name in files or (f"{id}.gguf",)],
            "context": 4096,
            "max_output": 100,
            "price": {"prompt": 1, "completion": 1},
            "licence": "MIT",
        }
    )


def _store(folder: Path) -> Store:
    return Store(spec("any"), folder, lambda _: None)


def store_of(folder: Path, one: Entry) -> Store:
    return Store(spec(one.id, *one.files), folder, lambda _: None)
