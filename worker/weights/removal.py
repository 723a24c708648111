"""Takes models out of a store: one that its owner names, or those used least lately where a download needs their room.

Nothing goes that a living process uses or fetches, and nothing that no download of ours brought. Files go before the
pin that names them: what is broken off in between is an unfinished model, which can be removed or fetched again.
"""

import contextlib
import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.weights import inventory, uses
from worker.weights.checksum import forget
from worker.weights.files import WeightsError
from worker.weights.inventory import Inventory, Item
from worker.weights.store import Pin, Pinned, Store
from worker.weights.uses import Use

GIB = 2**30
STALE_S = 24 * 3600.0  # of a file that was half written when its process died
FRESH_S = 3600.0  # what no pin names may be about to get one: the small files of a pipeline come before it
log = logging.getLogger("supernet.weights")


class Busy(Exception):
    """It is used; the text says by whom."""


@dataclass(frozen=True)
class Removed:
    """`bytes`: of the files that are gone; `freed_bytes`: of those that have no other name on the disk; `shared_bytes`:
    of those that stay, as another model here has them too."""

    bytes: int
    freed_bytes: int
    shared_bytes: int


def remove(folder: Path, pins: Collection[str], leftovers: bool = False) -> Removed:
    """Remove what these pins name, and what none names if `leftovers`. Raises Busy, TimeoutError and OSError."""
    with uses.alone(folder):
        found, living = inventory.look(folder), uses.living(folder)
        going = [item for item in found.items if item.pin in pins] + list(found.leftovers if leftovers else ())
        for item in going:
            if who := _who(folder, item, living):
                raise Busy(who)
        return _take_out(folder, found, going)


def _who(folder: Path, item: Item, living: Sequence[Use]) -> str:
    """Who has it now; empty: nobody."""
    if users := [use.who for use in living if use.of(item.pin)]:
        return users[0]
    fresh = not item.pin and time.time() - item.used_at < FRESH_S and not all(piece.whole for piece in item.pieces)
    return "a process that fetches it" if fresh or (item.pin and uses.fetched_now(folder, item.pin)) else ""


def _take_out(folder: Path, found: Inventory, going: Sequence[Item]) -> Removed:
    """The files of these items that no other item has, and then their pins."""
    staying = _paths(item for item in found.every if item not in going)
    pieces = {piece.path: piece for item in going for piece in item.pieces}
    for path in [path for path in pieces if path not in staying]:
        path.unlink(missing_ok=True)
        forget(path, folder / "records")
        (folder / f"{path.stem}.damaged").unlink(missing_ok=True)
        for parent in path.parents:  # of a pipeline, the folders that are empty now
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    for item in going:
        if item.pin:
            (folder / item.pin).unlink(missing_ok=True)
    gone = [piece for path, piece in pieces.items() if path not in staying]
    shared = sum(piece.size for path, piece in pieces.items() if path in staying)
    return Removed(sum(one.size for one in gone), sum(one.size for one in gone if not one.elsewhere), shared)


def _paths(items: Iterable[Item]) -> set[Path]:
    return {piece.path for item in items for piece in item.pieces}


def make_room(store: Store, pin: Pin, missing: list[Pinned], cap_bytes: int | None) -> None:
    """Remove what was used least lately until the files that are missing fit under the cap, and keep their room.

    `store`, `pin`: what is about to be fetched. Raises WeightsError (models_cap) before anything is removed if no
    removal would be enough, and OSError.
    """
    _sweep(store.folder)
    if cap_bytes is None or not missing:
        return
    own = store.pin_path.relative_to(store.folder).as_posix()
    try:
        with uses.alone(store.folder):
            found, living = inventory.look(store.folder), uses.living(store.folder)
            over = _promised(found, living, own) + store.to_come(missing) - cap_bytes
            going = _least_lately_used(store.folder, found, living, own, over)
            if going is None:
                raise _too_small(store, found, living, missing, cap_bytes)
            for item in going:
                gone = _take_out(store.folder, inventory.look(store.folder), [item])
                when = time.strftime("%d %b %Y", time.localtime(item.used_at))
                log.info(
                    "removed %s (%.1f GiB, last used on %s): %s may take %.1f GiB (--models-cap-gib)",
                    *(item.title, gone.bytes / GIB, when, store.folder, cap_bytes / GIB),
                )
            for file in missing:  # who counts after us counts all of it
                store.part(file).touch()
    except TimeoutError as error:
        raise WeightsError("locked", str(error)) from None


def _promised(found: Inventory, living: Sequence[Use], own: str) -> int:
    """The bytes here, and those still to come of what others have begun to fetch."""
    others = (item for item in found.items if item.pin != own and any(use.of(item.pin) for use in living))
    return found.bytes + sum(item.missing_bytes for item in others)


def _least_lately_used(
    folder: Path, found: Inventory, living: Sequence[Use], own: str, over: int
) -> tuple[Item, ...] | None:
    """What has to go to be `over` bytes less; None: all that may go is not enough. First what no pin names."""
    free = [item for item in found.items if item.pin != own and not _who(folder, item, living)]
    queue = [*(item for item in found.leftovers if not _who(folder, item, living))]
    queue += sorted(free, key=lambda item: item.used_at)
    going: list[Item] = []
    while over > _bytes_of(found, going):
        if not queue:
            return None
        going.append(queue.pop(0))
    return tuple(going)


def _bytes_of(found: Inventory, going: Sequence[Item]) -> int:
    staying = _paths(item for item in found.every if item not in going)
    sizes = {piece.path: piece.size for item in going for piece in item.pieces if piece.path not in staying}
    return sum(sizes.values())


def _too_small(
    store: Store, found: Inventory, living: Sequence[Use], missing: list[Pinned], cap_bytes: int
) -> WeightsError:
    kept = [item for item in found.items if any(use.of(item.pin) for use in living)]
    text = (
        f"{store.spec.id} needs {store.to_come(missing) / GIB:.1f} GiB more, and {store.folder} may take"
        f" {cap_bytes / GIB:.1f} GiB, of which {sum(item.bytes for item in kept) / GIB:.1f} GiB are in use"
    )
    return WeightsError("models_cap", text)


def _sweep(folder: Path) -> None:
    """Remove what processes that died have left half written, and what arrived of files that no pin wants any more."""
    before = time.time() - STALE_S
    parts = [one.pieces[0].path for one in inventory.look(folder).leftovers if not one.pieces[0].whole]
    for path in [*folder.glob("pins/*.new"), *folder.glob("records/*.new"), *parts]:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before:
                path.unlink()
                log.info("removed %s, which was never finished", path)
