"""The sha256 of a file, computed once and remembered while the file stays the same.

Hashing 18 GB takes from 15 seconds to minutes; a record of size, mtime, inode and hash spares it at the next start.
The records lie in one folder of their own, because a file may live where nothing can be written (a package, a share).
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class _Record:
    size: int
    mtime_ns: int
    inode: int
    sha256: str


def sha256_of(path: Path, records: Path, on_progress: Callable[[int], None]) -> str:
    """Return the hex sha256 of `path`, computed only if the file has changed. Raises OSError when it cannot be read.

    `on_progress` gets the bytes read so far.
    """
    before = path.stat()
    if (known := remembered(path, records)) is not None:
        return known
    found = digest(path, on_progress)
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):  # else it was written to meanwhile
        remember(path, records, found)
    return found


def remembered(path: Path, records: Path) -> str | None:
    """The sha256 that was computed of `path` as it is now; None: none was."""
    known, now = _read(_note(path, records)), path.stat()
    return (
        known.sha256
        if known and (known.size, known.mtime_ns, known.inode) == (now.st_size, now.st_mtime_ns, now.st_ino)
        else None
    )


def forget(path: Path, records: Path) -> None:
    """Drop what was recorded of a file that is gone."""
    _note(path, records).unlink(missing_ok=True)


def digest(path: Path, on_progress: Callable[[int], None]) -> str:
    """Compute the hex sha256 of `path`, whatever was remembered."""
    sha256, done = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            sha256.update(chunk)
            done += len(chunk)
            on_progress(done)
    return sha256.hexdigest()


def remember(path: Path, records: Path, sha256: str) -> None:
    """Record the sha256 of `path` together with its size, mtime and inode."""
    stat = path.stat()
    write_json(_note(path, records), asdict(_Record(stat.st_size, stat.st_mtime_ns, stat.st_ino, sha256)))


def _note(path: Path, records: Path) -> Path:
    return records / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()}.json"


def write_json(path: Path, value: object) -> None:
    """Write all of it or nothing: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.new")
    part.write_text(json.dumps(value), encoding="utf-8")
    part.replace(path)


def _read(path: Path) -> _Record | None:
    """None when there is no record or it cannot be understood: then the file is simply hashed again."""
    try:
        return _Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
