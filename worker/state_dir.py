"""The daemon's folder: the worker's identity, the lock of the process that uses it, and what must survive a restart."""

import fcntl
import os
import re
import uuid
from pathlib import Path
from typing import IO

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what the wire takes
PAUSED = "paused"
LAST_PROBLEM = "last-problem.json"
SCRATCH = "media"  # files of media jobs, for as long as these run


class StateError(Exception):
    """The folder cannot be used; the text says what to do."""


def hold(folder: Path) -> IO[str]:
    """Take the folder for this process; raises StateError when another daemon has it. Keep the result open."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise StateError(f"cannot write to {folder}: {error}; give another folder with --state-dir") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StateError(f"another worker runs with {folder}: give this one its own --state-dir") from None
    return lock


def worker_id(folder: Path) -> str:
    """Return the identity that persists across restarts. It is made at the first start, and anew where a power failure
    has left a file of zeros."""
    path = folder / "worker-id"
    try:
        known = path.read_text(encoding="utf-8", errors="replace").strip()
        if _ID.fullmatch(known):
            return known
    except FileNotFoundError:
        pass
    made = f"w-{uuid.uuid4().hex}"
    write(path, made)
    return made


def write(path: Path, text: str) -> None:
    """Replace a file in one step, so that no reader sees half of it."""
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(text)
    os.replace(new, path)


def is_paused(folder: Path) -> bool:
    """Return True while the owner has paused the worker: across restarts and reboots, until --resume."""
    return (folder / PAUSED).exists()


def set_paused(folder: Path, paused: bool) -> None:
    if paused:
        write(folder / PAUSED, "")
    else:
        (folder / PAUSED).unlink(missing_ok=True)
