"""Model files that are already on this machine: named by the owner, or shipped inside a Python package."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from program.gguf_reader import MAGIC
from wire.catalog import SPLIT, ModelSpec
from worker.issues import ISSUES
from worker.weights.checksum import sha256_of


class WeightsError(Exception):
    """The model's files cannot be had.

    `code` is a row of issues.py. `remedy`: what the owner can do, the row's if none is given. `retry_after_s`: how long
    the hub asks to wait.
    """

    def __init__(self, code: str, message: str, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy or ISSUES[code].remedy
        self.retry_after_s = retry_after_s


Phase = Literal["waiting", "looking into", "downloading", "checking"]


@dataclass(frozen=True)
class Progress:
    """How far one file is, in bytes. Phase `waiting`: another worker is fetching the same model."""

    file: str
    phase: Phase
    done_bytes: int
    total_bytes: int


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Weights:
    """The checked files of a model. `sha256` in the order of `parts`; `commit`: of the repository, if it has one."""

    path: Path  # the first part: what llama.cpp is given
    parts: tuple[Path, ...]
    sha256: tuple[str, ...]
    commit: str | None = None


def local(path: Path, folder: Path, report: Report) -> Weights:
    """Check a GGUF file of the owner's, with all its parts if it is split. Raises WeightsError.

    Hashes are remembered in `folder`.
    """
    try:
        parts = _siblings(path.expanduser().resolve())
    except RuntimeError as error:  # links in a circle, or a ~ of nobody
        raise WeightsError("not_found", f"{path}: {error}", "Check the path.") from None
    hashes = []
    for part in parts:
        _check_magic(part)
        hashes.append(checksum(part, folder, report))
    return Weights(parts[0], parts, tuple(hashes))


def shipped(spec: ModelSpec, folder: Path, report: Report) -> Weights:
    """Check the file that is shipped inside an installed Python package. Raises WeightsError if it is another one."""
    package, file = str(spec.package), spec.files[0]
    found = importlib.util.find_spec(package)
    place = Path(next(iter(found.submodule_search_locations))) if found and found.submodule_search_locations else None
    path = place / file.name if place else None
    if path is None or not path.is_file():
        remedy = f"Install the Python package {package.replace('_', '-')} beside this worker."
        raise WeightsError("not_found", f"{spec.id} comes in the Python package {package}, which is not here", remedy)
    actual = checksum(path, folder, report)
    if actual != file.sha256:
        message = f"{path} is not the file that the catalog means: sha256 {actual} instead of {file.sha256}"
        raise WeightsError("damaged_file", message, f"Install {package.replace('_', '-')} again.")
    return Weights(path, (path,), (actual,))


def checksum(path: Path, folder: Path, report: Report) -> str:
    """Return the sha256 of `path`, remembered in `folder`/records. Raises WeightsError."""
    try:
        size = path.stat().st_size
        return sha256_of(path, folder / "records", lambda done: report(Progress(path.name, "checking", done, size)))
    except OSError as error:
        raise WeightsError(
            "not_found", f"{path}: {error.strerror or error}", "Check the path and its rights."
        ) from None


def _siblings(path: Path) -> tuple[Path, ...]:
    match = SPLIT.match(path.name)
    if not match or int(match["count"]) < 2:
        return (path,)
    if int(match["part"]) != 1:
        raise WeightsError("not_found", f"{path.name} is not the first part of the model", "Name the part 00001.")
    count = int(match["count"])
    return tuple(path.with_name(f"{match['stem']}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1))


def _check_magic(path: Path) -> None:
    try:
        if not path.is_file() and path.exists():  # a pipe would be waited for without end
            raise WeightsError("not_found", f"{path} is no file", "Name a file that ends in .gguf.")
        with path.open("rb") as stream:
            magic = stream.read(len(MAGIC))
    except OSError as error:
        remedy = "Check the path and its rights; a split model needs all its parts in one folder."
        raise WeightsError("not_found", f"{path}: {error.strerror or error}", remedy) from None
    if magic != MAGIC:
        raise WeightsError("damaged_file", f"{path} is not a GGUF file", "Name a file that ends in .gguf.")
