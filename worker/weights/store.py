"""The folder in which fetched model files are kept, and what is known of them.

    <sha256>.gguf             a checked file              <sha256>.part   as much of it as has arrived
    <hash of all>/*           a split model, a pipeline   <sha256>.damaged   it arrived damaged, when
    pins/<hash>.json          commit, sizes, hashes       records/        hashes that were computed before
    locks/                    one for each model and file  uses/         who serves from it now (uses.py)

Names come from hashes, never from the network; only the parts of a split model and the files of a pipeline keep theirs,
because they find each other by them.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from wire.catalog import File
from worker.weights.checksum import write_json
from worker.weights.files import Report, Weights, WeightsError, checksum

MARGIN_BYTES = 512 * 2**20  # of the disk, left free
log = logging.getLogger("supernet.weights")


@dataclass(frozen=True)
class Pinned:
    """One file of a repository as the hub declared it at the first download."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Pin:
    """The commit and the files that a catalog entry has meant since its first download."""

    commit: str
    files: tuple[Pinned, ...]


class Entry(Protocol):
    """What a store and the hub have to know of a catalog entry; a ModelSpec is one."""

    @property
    def id(self) -> str: ...
    @property
    def repository(self) -> str | None: ...
    @property
    def revision(self) -> str: ...
    @property
    def files(self) -> tuple[File, ...]: ...
    @property
    def projector(self) -> File | None: ...


@dataclass(frozen=True)
class Store:
    """Where the files of one catalog entry are in `folder`, and which of them have arrived."""

    spec: Entry
    folder: Path
    report: Report

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @property
    def pin_path(self) -> Path:
        return self._pin_of(self.spec.files)

    def _pin_of(self, files: tuple[File, ...]) -> Path:
        return self.folder / pin_of(str(self.spec.repository), self.spec.revision, *(file.name for file in files))

    def read_pin(self) -> Pin | None:
        """Return the pin of the first download; None: there is none, or the catalog now says something else."""
        pin = read_pin(self.pin_path)
        if pin is None and self.spec.projector:  # once it was fetched with every model, and pinned with its files
            pin = read_pin(self._pin_of((*self.spec.files, self.spec.projector)))
            pin = pin and Pin(pin.commit, pin.files[:-1])
        agrees = (
            pin is not None
            and len(pin.files) == len(self.spec.files)
            and all(
                file.sha256 in (pinned.sha256, None) and file.size_bytes in (pinned.size, None)
                for file, pinned in zip(self.spec.files, pin.files, strict=True)
            )
        )
        return pin if agrees else None

    def write_pin(self, pin: Pin) -> None:
        write_json(self.pin_path, {**asdict(pin), "repository": self.spec.repository})

    def keep_pin(self, pin: Pin) -> None:
        """Write it if it is another one. How old its file is says when the model was used last."""
        if read_pin(self.pin_path) == pin:
            os.utime(self.pin_path)
        else:
            self.write_pin(pin)

    def place(self, pin: Pin, file: Pinned) -> Path:
        """The path of a file in the store; the parts of a split model lie in a folder under their own names."""
        if len(pin.files) == 1:
            return self.folder / f"{file.sha256}.gguf"
        return self.folder / split_folder(pin.files) / Path(file.name).name

    def part(self, file: Pinned) -> Path:
        return self.folder / f"{file.sha256}.part"

    def damaged(self, file: Pinned) -> Path:
        return self.folder / f"{file.sha256}.damaged"

    def is_checked(self, place: Path, file: Pinned) -> bool:
        """Return True when the file is there and has the right hash. A wrong one is removed, to be fetched again.

        Only the hash decides: a size that was declared wrong condemns no good file.
        """
        if not place.is_file():
            return False
        if checksum(place, self.folder, self.report) == file.sha256:
            return True
        log.warning("%s (%s) is damaged on the disk; it is fetched again", place, file.name)
        place.unlink()
        return False

    def to_come(self, missing: Iterable[Pinned]) -> int:
        """Return how many bytes are still to be fetched."""
        return sum(max(0, file.size - size_of(self.part(file))) for file in missing)

    def check_space(self, missing: list[Pinned]) -> None:
        """Raise WeightsError (disk_full) when the bytes still to be fetched do not fit with a margin."""
        needed = self.to_come(missing)
        free = shutil.disk_usage(self.folder).free
        if missing and needed + MARGIN_BYTES > free:
            message = f"{needed / 2**30:.1f} GiB are still needed in {self.folder}, but {free / 2**30:.1f} GiB are free"
            raise WeightsError("disk_full", message, "Free some space, or choose another folder with --models-dir.")

    def weights(self, pin: Pin) -> Weights:
        places = tuple(self.place(pin, part) for part in pin.files)
        return Weights(places[0], places, tuple(part.sha256 for part in pin.files), pin.commit)

    def arrived(self) -> int:
        """Return the bytes of all unfinished downloads: while the sum changes, another worker is fetching."""
        return sum(size_of(path) for path in self.folder.glob("*.part"))

    def problem(self, error: OSError) -> WeightsError:
        """What an error of the file system means, with what to do."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return WeightsError(
                "disk_full", f"the disk of {self.folder} is full", "Free some space, or use --models-dir."
            )
        if error.errno == errno.EFBIG:
            message = f"the file system of {self.folder} holds no file of this size (FAT32 ends at 4 GiB)"
            return WeightsError("disk_full", message, "Choose a folder on another one with --models-dir.")
        remedy = "Check the folder's rights, or choose another with --models-dir."
        return WeightsError("not_found", f"cannot use {self.folder}: {error.strerror or error}", remedy)


def pin_of(*words: str) -> str:
    """Where in a store the pin of an entry is; `words`: its repository, its revision, and its files' names."""
    return f"pins/{hashlib.sha256(json.dumps(words).encode()).hexdigest()}.json"


def split_folder(files: Sequence[Pinned]) -> str:
    """The folder of a model of several parts."""
    return hashlib.sha256("".join(part.sha256 for part in files).encode()).hexdigest()


def identity_of(files: Iterable[Pinned]) -> str:
    """The name of a pipeline's folder: of the names and hashes of all its files."""
    lines = sorted(f"{file.name} {file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_pin(path: Path) -> Pin | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return Pin(str(value["commit"]), tuple(Pinned(**file) for file in value["files"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def size_of(path: Path) -> int:
    """Return the size of a file in bytes; 0 when there is none."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
