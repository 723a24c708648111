"""Keys: how they look, how they are checked, who they belong to, and that revoking one works within a second.

A key is `sk-sn-`, 256 random bits in base 62, and a checksum: garbage is refused without looking anything up. What is
stored is an HMAC-SHA256 under a secret that lies in a file beside the database, so that a stolen copy of the database
is of no use. All keys in use are held in memory: checking one costs no query and works while the disk does not.
"""

import asyncio
import hashlib
import hmac
import logging
import os
import secrets
import string
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from coordinator.ledger.database import Database, LedgerError
from coordinator.ledger.keys import AccountRow, KeyRow, add_account, add_key, find_account, list_keys
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.accounts")

PREFIX = "sk-sn-"
SCOPES = ("admin", "client", "worker")
DEFAULT_SCOPES = ("client", "worker")
DEFAULT_ACCOUNT = "default"
REFRESH_S = 1.0
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY = 43  # base-62 digits of 256 bits
_SUM = 6  # and of 32


@dataclass(frozen=True)
class Principal:
    """Whom a request comes from."""

    key: str
    account: str
    scopes: tuple[str, ...]


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


def read_pepper(database: Path) -> bytes:
    """The secret beside the database, made at first use. Losing it makes every key invalid. Raises LedgerError."""
    path = database.with_name(database.name + ".pepper")
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


# ---- making keys -----------------------------------------------------------------------------------------------------


def create_account(database: Database, name: str, at_ms: int) -> AccountRow:
    account = AccountRow(f"acc_{secrets.token_hex(8)}", name, at_ms)
    add_account(database, account)
    return account


@dataclass(frozen=True)
class Wish:
    """A key to make. The account `default` is made when it is first asked for."""

    name: str
    account: str = DEFAULT_ACCOUNT
    scopes: tuple[str, ...] = DEFAULT_SCOPES


def create_key(database: Database, pepper: bytes, wish: Wish, at_ms: int) -> tuple[str, KeyRow]:
    """The key, which is not to be had again, and what is stored of it. Raises LedgerError."""
    unknown = sorted(set(wish.scopes) - set(SCOPES))
    if unknown or not wish.scopes:
        raise LedgerError(f"unknown scope {', '.join(unknown) or 'nothing'}: use some of {', '.join(SCOPES)}")
    account = find_account(database, wish.account)
    if account is None and wish.account == DEFAULT_ACCOUNT:
        account = create_account(database, DEFAULT_ACCOUNT, at_ms)
    if account is None:
        raise LedgerError(f"there is no account named {wish.account!r}: make it with `account create`")
    key = make_key(secrets.token_bytes(32))
    row = KeyRow(
        id=f"key_{secrets.token_hex(8)}",
        account=account.id,
        name=wish.name,
        hash=hash_key(pepper, key),
        hint=f"{key[:10]}...{key[-4:]}",
        scopes=tuple(sorted(set(wish.scopes))),
        created_ms=at_ms,
    )
    add_key(database, row)
    return key, row


# ---- checking keys ---------------------------------------------------------------------------------------------------


class Accounts:
    """All keys in use, in memory. `run` looks each second whether another process has changed them."""

    def __init__(self, database: Database, pepper: bytes, thread: Executor) -> None:
        self._database = database
        self._pepper = pepper
        self._thread = thread
        self._version = database.version()
        self._keys = self._load()
        self.healthy = True
        self._fresh: dict[str, Principal] | None = None
        self.revoked: Callable[[frozenset[str]], None] = lambda keys: None  # told the ids of keys that have ended

    def authenticate(self, headers: Mapping[str, str], scope: str) -> Principal:
        """Raises SupernetError: invalid_api_key, or permission_denied when the key may not do this."""
        key = bearer(headers)
        if key is None:
            message = "You did not provide an API key: send it as 'Authorization: Bearer KEY'."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        principal = self._keys.get(hash_key(self._pepper, key)) if well_formed(key) else None
        if principal is None:
            message = "Incorrect API key provided: it is mistyped, unknown or revoked."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        if scope not in principal.scopes:
            message = f"This API key lacks the scope {scope!r}; it has {', '.join(principal.scopes)}."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        return principal

    def in_use(self, key_id: str) -> bool:
        return any(principal.key == key_id for principal in self._keys.values())

    async def run(self) -> None:
        """Until cancelled. A disk that fails leaves the keys as they were last seen."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._look)
            except LedgerError as error:
                self.healthy = False
                log.error("keys cannot be read: %s", error)
                continue
            self.healthy = True
            fresh = self._fresh
            if fresh is not None:
                before, self._keys, self._fresh = self._keys, fresh, None
                ended = {principal.key for principal in before.values()} - {each.key for each in fresh.values()}
                if ended:
                    self.revoked(frozenset(ended))

    def _look(self) -> None:
        version = self._database.version()
        if version != self._version:
            self._fresh = self._load()
            self._version = version

    def _load(self) -> dict[str, Principal]:
        return {
            row.hash: Principal(row.id, row.account, row.scopes)
            for row in list_keys(self._database)
            if row.revoked_ms is None
        }
