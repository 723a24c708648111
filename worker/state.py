"""The daemon's folder: who this worker is, who holds the folder, and what the daemon last said of itself."""

import fcntl
import json
import os
import uuid
from pathlib import Path
from typing import IO, Any

STATUS_FRESH_S = 20.0


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
    """The identity that persists across restarts; made at the first start."""
    path = folder / "worker-id"
    try:
        known = path.read_text().strip()
        if known:
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


def write_status(folder: Path, status: dict[str, Any]) -> None:
    write(folder / "status.json", json.dumps(status))


def read_status(folder: Path, now: float) -> dict[str, Any] | None:
    """What the daemon said within the last STATUS_FRESH_S seconds; None if it is silent or was never there."""
    try:
        status: dict[str, Any] = json.loads((folder / "status.json").read_text())
    except (OSError, ValueError):
        return None
    return status if now - float(status.get("time", 0)) < STATUS_FRESH_S else None
