"""Who uses what of a store: each process that serves from it has a file in `uses/`, locked for as long as it lives.

What it names is not removed by anybody, whatever user or service that is: a second worker of this machine, an owner who
makes room. Who looks and who begins to use take turns (`alone`), so nothing goes in between.
"""

import contextlib
import fcntl
import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from worker.weights.entries import Entry

TURN_S = 30.0  # that another process may take for its turn: it only looks, and removes
STEP_S = 0.05
MOST_BYTES = 64 * 2**10
log = logging.getLogger("supernet.weights")


@dataclass(frozen=True)
class Use:
    """A process that lives. `pins`: what it uses; None: that cannot be read, so it may be anything."""

    who: str
    pins: frozenset[str] | None

    def of(self, pin: str) -> bool:
        return self.pins is None or pin in self.pins


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have a turn in the store, which must be there. Raises TimeoutError and OSError.

    The lock is on the folder itself: so nothing is made that another user could not open later.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    until = time.monotonic() + TURN_S
    try:
        while not _locked(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise TimeoutError(f"another process keeps {folder} for itself")
            time.sleep(STEP_S)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


@contextlib.contextmanager
def announced(folder: Path, entries: Sequence[Entry], who: str) -> Iterator[None]:
    """Use these entries while the block runs. A store that cannot be written to is used all the same, unseen."""
    file, path = None, folder / "uses" / f"{uuid.uuid4().hex}.json"
    try:
        if entries:
            file = _announce(folder, path, {"who": who, "entries": [asdict(entry) for entry in entries]})
    except OSError as error:
        log.warning("others cannot see what is used of %s: %s", folder, error)
    try:
        yield
    finally:
        if file is not None:
            with contextlib.suppress(OSError):  # unlocked it says nothing any more
                path.unlink()
                _touch(folder, entries)
            file.close()


def _announce(folder: Path, path: Path, told: object) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        path.parent.mkdir(exist_ok=True)
        file = path.open("w", encoding="utf-8")
        _locked(file.fileno(), fcntl.LOCK_EX)
        if os.geteuid() == 0:  # the store's owner, who comes after root, has to get in here too
            owner = folder.stat()
            for one in (path.parent, path):
                os.chown(one, owner.st_uid, owner.st_gid)
        json.dump(told, file)
        file.flush()
    return file


def _touch(folder: Path, entries: Sequence[Entry]) -> None:
    """What was used until now was used last now."""
    for pin in {pin for entry in entries for pin in entry.pins(folder)}:
        with contextlib.suppress(FileNotFoundError):
            os.utime(folder / pin)


def living(folder: Path) -> tuple[Use, ...]:
    """Return who uses the store now; only whoever has its turn may ask. What the dead left is removed."""
    found = []
    for path in sorted((folder / "uses").glob("*.json")):
        try:
            with path.open("rb") as file:
                if _locked(file.fileno(), fcntl.LOCK_SH):
                    with contextlib.suppress(OSError):  # it is another user's
                        path.unlink()
                    continue
                found.append(_read(folder, file.read(MOST_BYTES)))
        except FileNotFoundError:
            continue
        except PermissionError:
            found.append(Use("a process of another user", None))
    return tuple(found)


def _read(folder: Path, text: bytes) -> Use:
    try:
        told = json.loads(text)
        entries = [Entry(**{**one, "files": tuple(one["files"])}) for one in told["entries"]]
        return Use(str(told["who"]), frozenset(pin for entry in entries for pin in entry.pins(folder)))
    except (ValueError, TypeError, LookupError):
        return Use("a process of another version", None)


def fetched_now(folder: Path, pin: str) -> bool:
    """Whether some process, of an older program too, is fetching what the pin names (Download.locked)."""
    try:
        with (folder / "locks" / f"{Path(pin).stem}.lock").open("rb") as file:
            return not _locked(file.fileno(), fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
