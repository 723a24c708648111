"""--models and --models-remove: what of the models folder is whose, and less of it.

Nothing asks here, as no action of this program does: what is removed can be fetched again, and what is used stays.
"""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from program.settings import ConfigError
from wire.catalog import Catalog
from wire.messages import Issue
from worker.config import Config
from worker.exits import EXIT_OK, EXIT_STOPPED
from worker.issues import issue
from worker.known_models import known
from worker.planning.media_setup import chats
from worker.planning.wanted import wanted
from worker.weights import inventory, removal, uses
from worker.weights.entries import Entry, of_media, of_model
from worker.weights.inventory import Inventory, Item
from worker.weights.uses import Use

GIB = 2**30
LEFTOVERS = "leftovers"
SHORT = 12  # digits of a pin's name, for what the catalog does not name


@dataclass(frozen=True)
class Row:
    """What one --models-remove would take away.

    `wanted_bytes`: when it is whole; `shared_bytes`: of a projector beside it, which other models here have too;
    `kept_elsewhere`: bytes that stay on the disk, under another name; `chosen`: the settings say to serve it.
    """

    id: str
    kind: str
    title: str
    bytes: int
    wanted_bytes: int
    shared_bytes: int
    kept_elsewhere: int
    used_at: float
    used_by: tuple[str, ...]
    chosen: bool
    commit: str
    pins: tuple[str, ...]


@dataclass(frozen=True)
class Shelf:
    """A models folder as its owner reads it. `not_here`: id -> bytes to download, None: the hub knows; `left_out`:
    what the coordinator has, and this version cannot serve."""

    folder: str
    bytes: int
    free_bytes: int
    cap_bytes: int | None
    rows: tuple[Row, ...]
    not_here: dict[str, int | None]
    left_out: tuple[str, ...] = ()


def shelf(config: Config) -> Shelf:
    """Look at the models folder. Raises ConfigError."""
    folder, catalog = config.models_dir.resolve(), known(config)
    found, living = _look(folder)
    rows, claimed = [], set[str]()
    not_here: dict[str, int | None] = {}
    left_out = () if config.handed is None or config.catalog is not None else config.handed.left_out
    chosen = {config.media, (config.model or catalog.default) if chats(config) else None}
    for entry, (items, shared) in _by_entry(folder, catalog, found).items():
        if items:
            claimed.update(item.pin for item in (*items, *shared))
            kind = "media" if entry.pipeline else "chat"
            rows.append(_row(entry.id, kind, items, living, entry.id in chosen, sum(item.bytes for item in shared)))
        else:
            not_here[entry.id] = entry.size_bytes
    for item in found.items:
        if item.pin not in claimed:
            rows.append(_row(_short(item), "unknown", [item], living))
    if found.leftovers:
        rows.append(_row(LEFTOVERS, LEFTOVERS, found.leftovers, living))
    return Shelf(str(folder), found.bytes, _free(folder), config.models_cap_bytes, tuple(rows), not_here, left_out)


def _look(folder: Path) -> tuple[Inventory, tuple[Use, ...]]:
    if not folder.is_dir():
        return Inventory((), ()), ()
    try:
        with uses.alone(folder):
            return inventory.look(folder), uses.living(folder)
    except OSError as error:
        raise ConfigError(_trouble(folder, error)) from None


def _trouble(folder: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{folder} is not for you: run this as the worker's user, or with sudo"
    return f"cannot use {folder}: {error.strerror or error}"


def _by_entry(folder: Path, catalog: Catalog, found: Inventory) -> dict[Entry, tuple[list[Item], list[Item]]]:
    """Each entry of the catalog that can be fetched -> what of it is here, its own and what others that are here have
    too: a projector."""
    every = [entry for entry in (*map(of_model, catalog.models), *map(of_media, catalog.media)) if entry is not None]
    here = {item.pin: item for item in found.items}
    own = {entry: [here[pin] for pin in entry.own_pins(folder) if pin in here] for entry in every}
    both: dict[Entry, tuple[list[Item], list[Item]]] = {}
    for entry, items in own.items():
        others = {pin for other in every if other != entry and own[other] for pin in other.eyes_pins(folder)}
        eyes = [here[pin] for pin in entry.eyes_pins(folder) if pin in here]
        both[entry] = items, [item for item in eyes if item.pin in others] if items else []
        items += [item for item in eyes if item.pin not in others]
    return both


def _row(
    id: str, kind: str, items: Sequence[Item], living: Sequence[Use], chosen: bool = False, shared: int = 0
) -> Row:
    pieces = {piece.path: piece for item in items for piece in item.pieces}
    users = [use.who for item in items for use in living if use.of(item.pin)]
    return Row(
        id=id,
        kind=kind,
        title=items[0].title,
        bytes=sum(piece.size for piece in pieces.values()),
        wanted_bytes=sum(piece.size for piece in pieces.values()) + sum(item.missing_bytes for item in items),
        shared_bytes=shared,
        kept_elsewhere=sum(piece.size for piece in pieces.values() if piece.elsewhere),
        used_at=max(item.used_at for item in items),
        used_by=tuple(dict.fromkeys(users)),
        chosen=chosen,
        commit=items[0].commit,
        pins=tuple(item.pin for item in items if item.pin),
    )


def _short(item: Item) -> str:
    return Path(item.pin).stem[:SHORT]


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def under_cap(config: Config, needed_bytes: int) -> Issue | str | None:
    """For --check: whether what is to be served fits under the cap, beside what others use. `needed_bytes`: to be
    fetched. None: there is no cap. Raises ConfigError."""
    if config.models_cap_bytes is None:
        return None
    folder, own = config.models_dir.resolve(), wanted(config)
    found, living = _look(folder)
    mine = {pin for entry in own for pin in entry.pins(folder)}
    here = sum(item.bytes for item in found.items if item.pin in mine and not item.missing_bytes)
    used = [item for item in found.items if item.pin not in mine and any(use.of(item.pin) for use in living)]
    others = sum(item.wanted_bytes for item in used)
    text = (
        f"{folder} may take {config.models_cap_bytes / GIB:.1f} GiB, and {(here + needed_bytes) / GIB:.1f} are needed"
    )
    text += f" beside {others / GIB:.1f} that other workers use" if others else ""
    return issue("models_cap", text) if here + needed_bytes + others > config.models_cap_bytes else text


def show(config: Config, as_json: bool) -> int:
    """Print what is on the disk. Raises ConfigError."""
    found = shelf(config)
    print(json.dumps(asdict(found)) if as_json else text(found))
    return EXIT_OK


def text(found: Shelf) -> str:
    """The shelf for a terminal."""
    most = "" if found.cap_bytes is None else f" of at most {found.cap_bytes / GIB:.1f} GiB"
    lines = [
        f"{found.folder}: {found.bytes / GIB:.1f} GiB{most}; {found.free_bytes / GIB:.1f} GiB of the disk are free"
    ]
    width = max((len(name) for name in (*(row.id for row in found.rows), *found.not_here)), default=0)
    for row in found.rows:
        lines.append(f"  {row.id:{width}}  {row.bytes / GIB:7.1f} GiB  {'; '.join(_notes(row))}")
    if found.not_here:
        lines.append("not here")
    for id, size in found.not_here.items():
        told = f"{size / GIB:7.1f} GiB to download" if size else "how much to download the hub knows"
        lines.append(f"  {id:{width}}  {told}")
    if found.left_out:
        lines.append(f"need a newer worker: {', '.join(found.left_out)}")
    if found.rows:
        lines.append("supernet-worker --models-remove ID removes one")
    return "\n".join(lines)


def _notes(row: Row) -> list[str]:
    notes = [f"used by {', '.join(row.used_by)}"] if row.used_by else []
    if not row.used_by and row.kind != LEFTOVERS:
        notes.append(f"last used on {time.strftime('%d %b %Y', time.localtime(row.used_at))}")
    if row.wanted_bytes > row.bytes:
        notes.append(f"unfinished: {row.wanted_bytes / GIB:.1f} GiB when it is whole")
    if row.chosen:
        notes.append("what the settings say to serve")
    if row.kept_elsewhere:
        notes.append(
            f"{row.kept_elsewhere / GIB:.1f} GiB of it have another name on the disk too, so removing frees less"
        )
    if row.shared_bytes:
        notes.append(f"and {row.shared_bytes / GIB:.1f} GiB of a projector that other models here have too")
    if row.kind == "unknown":
        notes.append(f"of no entry of the catalog: {row.title}")
    if row.kind == LEFTOVERS:
        notes.append("fetched for what is no longer wanted")
    return notes


def remove(config: Config, id: str, as_json: bool) -> int:
    """Remove what --models calls `id`. Raises ConfigError."""
    folder, before = config.models_dir.resolve(), shelf(config)
    row = next((row for row in before.rows if row.id == id), None)
    if row is None:
        here = ", ".join(row.id for row in before.rows)
        return _refuse(f"{id} is not here; " + (f"there are {here}" if here else f"{folder} has no models"))
    try:
        gone = removal.remove(folder, row.pins, leftovers=id == LEFTOVERS)
    except removal.Busy as busy:
        return _refuse(f"{id} stays: it is used by {busy}\n  -> End that one first.")
    except OSError as error:
        return _refuse(_trouble(folder, error))
    if as_json:
        print(json.dumps({"id": id, **asdict(gone), "free_bytes": _free(folder)}))
        return EXIT_OK
    print(f"removed {id}: {gone.freed_bytes / GIB:.1f} GiB are free again")
    if gone.bytes > gone.freed_bytes:
        print(
            f"  {(gone.bytes - gone.freed_bytes) / GIB:.1f} GiB stay on the disk: those files have another name there"
        )
    if gone.shared_bytes:
        print(f"  {gone.shared_bytes / GIB:.1f} GiB stay here: another model has those files too")
    if row.chosen:
        print("  the settings say to serve it: the next start fetches it again")
    return EXIT_OK


def _refuse(text: str) -> int:
    print(f"supernet-worker: {text}", file=sys.stderr)
    return EXIT_STOPPED
