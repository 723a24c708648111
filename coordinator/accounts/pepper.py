"""The pepper: the secret under which keys are hashed, in a file of its own, and how a database knows it again.

Without it every key is worthless, so a database that has keys is never given a new one in silence: what it was hashed
under is known by a hash that stands in the database, made of the pepper alone.
"""

import os
import secrets
from pathlib import Path

from coordinator.accounts.api_keys import hash_key
from coordinator.accounts.rows import has_keys, pepper_mark, set_pepper_mark
from coordinator.store import home
from coordinator.store.database import Database
from coordinator.store.engines import sqlite_file
from coordinator.store.errors import StoreError

SIZE = 32  # bytes; the file has them in hex
_MARK = "the pepper of this database"  # what is hashed to know it again: no key looks like that


def pepper_file(db: str | Path) -> Path:
    """Where the pepper lies: beside a SQLite file, whatever link leads there; for PostgreSQL where such a file would
    be. Raises StoreError."""
    file = sqlite_file(db)
    if file is None:
        return home.pepper()
    beside = file.with_name(file.name + ".pepper")
    real = file.resolve()
    return beside if beside.exists() else real.with_name(real.name + ".pepper")


def open_pepper(database: Database, path: Path, *, make: bool) -> bytes:
    """Read the pepper of a database; with `make`, make it for one that has no keys. Raises StoreError."""
    pepper = _read(path)
    if pepper is None and has_keys(database):
        raise StoreError(
            f"the pepper of {database.name} is not at {path}, and without it none of its keys works: restore the file"
            " from a backup, or name it with --pepper"
        )
    if pepper is None and not make:
        raise StoreError(
            f"no pepper at {path}, and a key that is hashed under another one than the coordinator's would never work:"
            " name its file with --pepper, or make one with --init before the coordinator's first start"
        )
    pepper = pepper or _make(path)
    if not _fits(database, hash_key(pepper, _MARK)):
        raise StoreError(
            f"{path} is another database's pepper: under it none of the keys of {database.name} works. Restore the"
            " right file from a backup, or name it with --pepper"
        )
    return pepper


def _fits(database: Database, mark: str) -> bool:
    """Whether the keys are hashed under this pepper. It is written down for a database that has none yet, and for one
    of a version that did not know its own."""
    known = pepper_mark(database)
    if known == mark:
        return True
    if known is not None and (database.shared or has_keys(database)):  # of replicas none may put another's out of use
        return False
    return set_pepper_mark(database, mark, known)


def _read(path: Path) -> bytes | None:
    """None: there is no such file. Raises StoreError."""
    try:
        text = path.read_text("ascii").strip()
        pepper = bytes.fromhex(text)
    except FileNotFoundError:
        return None
    except PermissionError:
        me = os.geteuid()
        raise StoreError(
            f"cannot read the pepper {path}: only the user that made it may, and this program runs as user {me}. Give"
            f" it to that one (chown {me} {path}), or name another file with --pepper"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot read the pepper {path}: {error.strerror}; name its file with --pepper") from None
    except ValueError:
        pepper = b""
    if len(pepper) != SIZE:
        raise StoreError(f"{path} is no pepper, or a damaged one: restore it from a backup, or name it with --pepper")
    return pepper


def _make(path: Path) -> bytes:
    pepper = secrets.token_bytes(SIZE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(made, "w") as file:
            file.write(pepper.hex())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:  # another process made it just now
        return _read(path) or _make(path)
    except OSError as error:
        raise StoreError(f"cannot write the pepper {path}: {error.strerror}; name another file with --pepper") from None
    return pepper
