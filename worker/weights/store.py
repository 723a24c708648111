"""The folder in which fetched model files are kept, and what is known of them.

    <sha256>.gguf             a checked file              <sha256>.part   as much of it as has arrived
    <hash of all>/*.gguf      parts of a split model      <sha256>.damaged   it arrived damaged, when
    pins/<hash>.json          commit, sizes, hashes       records/        hashes that were computed before
    locks/                    one for each model and file

Names come from hashes, never from the network; only the parts of a split model keep their names, because llama.cpp
finds the others by them.
"""

import contextlib
import errno
import hashlib
import json
import logging
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from wire.catalog import File, ModelSpec
from worker.weights.checksum import write_json
from worker.weights.files import Report, Weights, WeightsError, checksum

MARGIN_BYTES = 512 * 2**20  # of the disk, left free
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pinned:
    """One file as the hub declared it when it was first asked."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Pin:
    """What one catalogue entry stands for: the commit of its first download, and its files."""

    commit: str
    files: tuple[Pinned, ...]  # the parts, then the projector if there is one


@dataclass(frozen=True)
class Store:
    """The files of one catalogue entry in `folder`."""

    spec: ModelSpec
    folder: Path
    report: Report

    @property
    def wanted(self) -> tuple[File, ...]:
        return (*self.spec.files, self.spec.projector) if self.spec.projector else self.spec.files

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @property
    def pin_path(self) -> Path:
        wanted = [str(self.spec.repository), self.spec.revision, *(file.name for file in self.wanted)]
        return self.folder / "pins" / f"{hashlib.sha256(json.dumps(wanted).encode()).hexdigest()}.json"

    def read_pin(self) -> Pin | None:
        """The commit of the first download, unless the catalogue now says something else about it."""
        try:
            value = json.loads(self.pin_path.read_text(encoding="utf-8"))
            pin = Pin(str(value["commit"]), tuple(Pinned(**file) for file in value["files"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        agrees = len(pin.files) == len(self.wanted) and all(
            file.sha256 in (pinned.sha256, None) and file.size_bytes in (pinned.size, None)
            for file, pinned in zip(self.wanted, pin.files, strict=True)
        )
        return pin if agrees else None

    def write_pin(self, pin: Pin) -> None:
        write_json(self.pin_path, asdict(pin))

    def place(self, pin: Pin, file: Pinned) -> Path:
        parts = pin.files[: len(self.spec.files)]
        if len(parts) == 1 or file not in parts:
            return self.folder / f"{file.sha256}.gguf"
        whole = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
        return self.folder / whole / Path(file.name).name

    def part(self, file: Pinned) -> Path:
        return self.folder / f"{file.sha256}.part"

    def damaged(self, file: Pinned) -> Path:
        return self.folder / f"{file.sha256}.damaged"

    def is_checked(self, place: Path, file: Pinned) -> bool:
        """The file is there and is the right one; a wrong one is removed, so that it is fetched again. Its hash says
        which it is: a size that was declared wrong condemns no whole file."""
        if not place.is_file():
            return False
        if checksum(place, self.folder, self.report) == file.sha256:
            return True
        log.warning("%s (%s) is damaged on the disk; it is fetched again", place, file.name)
        place.unlink()
        return False

    def to_come(self, missing: Iterable[Pinned]) -> int:
        """Bytes that are still to be fetched."""
        return sum(max(0, file.size - size_of(self.part(file))) for file in missing)

    def check_space(self, missing: list[Pinned]) -> None:
        """Raises WeightsError(disk_full) when what is still to come does not fit with a margin."""
        needed = self.to_come(missing)
        free = shutil.disk_usage(self.folder).free
        if missing and needed + MARGIN_BYTES > free:
            message = f"{needed / 2**30:.1f} GiB are still needed in {self.folder}, but {free / 2**30:.1f} GiB are free"
            raise WeightsError("disk_full", message, "Free some space, or choose another folder with --models-dir.")

    def weights(self, pin: Pin) -> Weights:
        parts = pin.files[: len(self.spec.files)]
        places = tuple(self.place(pin, part) for part in parts)
        projector = self.place(pin, pin.files[-1]) if self.spec.projector else None
        return Weights(places[0], places, tuple(part.sha256 for part in parts), projector, pin.commit)

    def arrived(self) -> int:
        """Bytes of all unfinished downloads: as long as it changes, somebody is at work."""
        return sum(size_of(path) for path in self.folder.glob("*.part"))

    def problem(self, error: OSError) -> WeightsError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return WeightsError(
                "disk_full", f"the disk of {self.folder} is full", "Free some space, or use --models-dir."
            )
        if error.errno == errno.EFBIG:
            message = f"the file system of {self.folder} holds no file of this size (FAT32 ends at 4 GiB)"
            return WeightsError("disk_full", message, "Choose a folder on another one with --models-dir.")
        remedy = "Check the folder's rights, or choose another with --models-dir."
        return WeightsError("not_found", f"cannot use {self.folder}: {error.strerror or error}", remedy)


def size_of(path: Path) -> int:
    """0 when it is not there (any more)."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
