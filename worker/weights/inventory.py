"""What lies in a store: what each pin names and has here, and what was fetched once and no pin names any more.

Only files that a download of ours made count: those at the place that a pin gives them, and else those whose name is
the hash that we computed of them. Anything else in the folder, and whatever is a link, is its owner's.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worker.weights.checksum import remembered
from worker.weights.store import Pin, Pinned, identity_of, read_pin, split_folder

HASH = re.compile(r"[0-9a-f]{64}")
# Of a pipeline, one to four plain names: nothing absolute, no "..", nothing hidden; descriptions and weights, no
# pickle, no Python.
PLAIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*/){0,3}[A-Za-z0-9][A-Za-z0-9._-]*\.(json|safetensors|txt|model)")


@dataclass(frozen=True)
class Piece:
    """A file of the store. `whole`: it has all arrived; `elsewhere`: the same bytes have a name outside of it."""

    path: Path
    size: int
    whole: bool
    elsewhere: bool


@dataclass(frozen=True)
class Item:
    """What one pin names, or one thing that none names (`pin` is empty then). `wanted_bytes`: of all of it."""

    pin: str
    title: str
    pieces: tuple[Piece, ...]
    wanted_bytes: int
    used_at: float  # seconds since 1970
    commit: str = ""

    @property
    def bytes(self) -> int:
        return sum(piece.size for piece in self.pieces)

    @property
    def missing_bytes(self) -> int:
        return max(0, self.wanted_bytes - self.bytes)


@dataclass(frozen=True)
class Inventory:
    """`items`: what pins name, `leftovers`: what none names. One file may be named by several pins."""

    items: tuple[Item, ...]
    leftovers: tuple[Item, ...]

    @property
    def every(self) -> tuple[Item, ...]:
        return (*self.leftovers, *self.items)

    @property
    def bytes(self) -> int:
        return sum({piece.path: piece.size for item in self.every for piece in item.pieces}.values())


def look(folder: Path) -> Inventory:
    """Look at the store in `folder`, which need not be there; nothing is changed. Raises OSError."""
    if not folder.is_dir():
        return Inventory((), ())
    items = tuple(item for path in sorted((folder / "pins").glob("*.json")) if (item := _pinned(folder, path)))
    named = {piece.path for item in items for piece in item.pieces}
    return Inventory(items, tuple(_leftovers(folder, named)))


def _pinned(folder: Path, path: Path) -> Item | None:
    """None: it is no pin, or nothing of it is here."""
    pin = read_pin(path)
    if pin is None or not HASH.fullmatch(path.stem) or not all(HASH.fullmatch(file.sha256) for file in pin.files):
        return None
    pieces = [piece for file in pin.files for piece in _pieces(folder, pin, file)]
    if not pieces:
        return None
    repository = json.loads(path.read_text(encoding="utf-8")).get("repository")
    name = Path(pin.files[0].name).name if pin.files[0].name.endswith(".gguf") else f"{len(pin.files)} files"
    title = f"{repository}: {name}" if isinstance(repository, str) else name
    wanted = sum(file.size for file in pin.files)
    return Item(f"pins/{path.name}", title, tuple(pieces), wanted, path.stat().st_mtime, pin.commit)


def _pieces(folder: Path, pin: Pin, file: Pinned) -> Iterator[Piece]:
    """The file at its place, or as much of it as has arrived."""
    for place in _places(pin, file):
        if piece := _piece(folder, place, True):
            yield piece
            return
    if piece := _piece(folder, f"{file.sha256}.part", False):
        yield piece


def _places(pin: Pin, file: Pinned) -> Iterator[str]:
    """Where it may be below the store: what a pin is of, a model or a pipeline, shows in its files' names alone."""
    if all(one.name.endswith(".gguf") for one in pin.files):
        yield f"{file.sha256}.gguf"
        for parts in (pin.files, pin.files[:-1]):  # once the projector was pinned with the files of its model
            yield f"{split_folder(parts)}/{Path(file.name).name}"
    elif all(PLAIN.fullmatch(one.name) for one in pin.files):
        yield f"{identity_of(pin.files)}/{file.name}"


def _piece(folder: Path, place: str, whole: bool) -> Piece | None:
    path = folder / place
    if not path.is_file() or any(one.is_symlink() for one in (path, *path.parents) if one.is_relative_to(folder)):
        return None
    stat = path.stat()
    return Piece(path, stat.st_size, whole, stat.st_nlink > 1)


def _leftovers(folder: Path, named: set[Path]) -> Iterator[Item]:
    for path in sorted(folder.iterdir()):
        if not HASH.fullmatch(path.stem) or path.is_symlink():
            continue
        if path.is_dir():
            inside = [one for one in sorted(path.rglob("*")) if one.is_file()]
        else:
            inside = [path] if path.suffix in (".gguf", ".part") else []
        if not inside or any(one in named for one in inside):
            continue
        whole = path.suffix != ".part"
        pieces = [_piece(folder, str(one.relative_to(folder)), whole) for one in inside]
        if (whole and not all(_known(folder, one) for one in inside)) or not all(pieces):
            continue
        size = sum(piece.size for piece in pieces if piece)
        yield Item("", path.name, tuple(piece for piece in pieces if piece), size, path.stat().st_mtime)


def _known(folder: Path, path: Path) -> bool:
    """Whether it was checked here; of a single file its name says with what result."""
    sha256 = remembered(path, folder / "records")
    return sha256 is not None and (path.parent != folder or path.stem == sha256)
