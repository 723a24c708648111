"""API keys: how they look, how they are hashed, and the secret under which that is done.

A key is `sk-sn-`, 256 random bits in base 62, and a checksum: garbage is refused without looking anything up. What is
stored is an HMAC-SHA256 under a secret that lies in a file beside the database, so that a stolen copy of the database
is of no use.
"""

import hashlib
import hmac
import os
import secrets
import string
import zlib
from collections.abc import Mapping
from pathlib import Path

from coordinator.store import home
from coordinator.store.database import sqlite_file
from coordinator.store.errors import LedgerError

PREFIX = "sk-sn-"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY = 43  # base-62 digits of 256 bits
_SUM = 6  # and of 32


# ---- what a key looks like -------------------------------------------------------------------------------------------


def make_key(random: bytes) -> str:
    """32 random bytes -> a key."""
    body = _base62(int.from_bytes(random, "big"), _BODY)
    return PREFIX + body + _checksum(body)


def well_formed(key: str) -> bool:
    body, checksum = key[len(PREFIX) : -_SUM], key[-_SUM:]
    right_size = len(key) == len(PREFIX) + _BODY + _SUM
    return right_size and key.startswith(PREFIX) and key.isascii() and _checksum(body) == checksum


def hash_key(pepper: bytes, key: str) -> str:
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _SUM)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key of a request: `Authorization: Bearer KEY`, or the older `api-key: KEY`."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return headers.get("api-key") or None


# ---- the secret ------------------------------------------------------------------------------------------------------


def pepper_file(db: str | Path) -> Path:
    """Beside a SQLite file; where that file would be when the database is elsewhere. Raises LedgerError."""
    file = sqlite_file(db)
    return home.pepper() if file is None else file.with_name(file.name + ".pepper")


def read_pepper(path: Path, *, make: bool) -> bytes:
    """The secret, which is made if there is none and `make` says so. Losing it makes every key invalid. Raises
    LedgerError."""
    if not make and not path.exists():
        raise LedgerError(
            f"no pepper at {path}, and a key that is hashed under another one than the coordinator's would never work:"
            " name its file with --pepper, or make one with --init before the coordinator's first start"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        pepper = bytes.fromhex(path.read_text().strip())
        if len(pepper) != 32:
            raise LedgerError(f"{path} is damaged: restore it from a backup") from None
        return pepper
    except OSError as error:
        raise LedgerError(f"cannot write {path}: {error.strerror}") from None
    with os.fdopen(made, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    return bytes.fromhex(path.read_text())
