"""Accounts and their keys: made, changed, checked; and that the end of one works within a second.

All keys in use are held in memory: checking one costs no query and works while the disk does not.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from coordinator.accounts.api_keys import bearer, hash_key, make_key, well_formed
from coordinator.accounts.rows import (
    AccountRow,
    KeyLimits,
    KeyRow,
    add_account,
    add_key,
    end_key,
    find_account,
    get_account,
    get_key,
    list_accounts,
    list_keys,
    revision_of,
)
from coordinator.accounts.scopes import DEFAULT_ACCOUNT, DEFAULT_SCOPES, SCOPES
from coordinator.ledger.commit import apply
from coordinator.ledger.grants import starter
from coordinator.ledger.pricing import SPARK_NANO, STARTER_SPARK
from coordinator.store.database import Database
from coordinator.store.errors import LedgerError
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.accounts")

REFRESH_S = 1.0
MAX_NAME = 128
ACCOUNT_PREFIX = "acc_"
STARTER_NANO = STARTER_SPARK * SPARK_NANO


@dataclass(frozen=True)
class Principal:
    """Whom a request comes from. Limits that are None are the operator's defaults."""

    key: str
    account: str
    scopes: tuple[str, ...]
    weight: float = 1.0
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    expires_ms: int | None = None

    def expired(self, now_ms: int) -> bool:
        return self.expires_ms is not None and self.expires_ms <= now_ms


# ---- making them -----------------------------------------------------------------------------------------------------


def create_account(database: Database, name: str, at_ms: int, starter_nano: int = STARTER_NANO) -> AccountRow:
    """With its starter tokens. Raises LedgerError if the name is taken, or is none."""
    if name.startswith(ACCOUNT_PREFIX):
        raise LedgerError(f"a name that begins with {ACCOUNT_PREFIX} could be taken for an account's id")
    account = AccountRow(f"{ACCOUNT_PREFIX}{secrets.token_hex(8)}", _checked(name), at_ms)
    with database.transaction() as connection:
        add_account(connection, account)
        apply(connection, [starter(account.id, starter_nano, at_ms)])
    return account


@dataclass(frozen=True)
class Wish:
    """A key to make. The account `default` is made when it is first asked for."""

    name: str
    account: str = DEFAULT_ACCOUNT
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    limits: KeyLimits = field(default_factory=KeyLimits)
    expires_ms: int | None = None


def create_key(
    database: Database, pepper: bytes, wish: Wish, at_ms: int, starter_nano: int = STARTER_NANO
) -> tuple[str, KeyRow]:
    """The key, which is not to be had again, and what is stored of it. Raises LedgerError."""
    unknown = sorted(set(wish.scopes) - set(SCOPES))
    if unknown or not wish.scopes:
        raise LedgerError(f"unknown scope {', '.join(unknown) or 'nothing'}: use some of {', '.join(SCOPES)}")
    if any(limit is not None and limit < 1 for limit in (wish.limits.rpm, wish.limits.tpm, wish.limits.concurrency)):
        raise LedgerError("a limit is at least 1: leave it out for the operator's default")
    if wish.expires_ms is not None and wish.expires_ms <= at_ms:
        raise LedgerError("the key would have expired already: give a time to come")
    _checked(wish.name)
    if wish.account == DEFAULT_ACCOUNT and find_account(database, DEFAULT_ACCOUNT) is None:
        create_account(database, DEFAULT_ACCOUNT, at_ms, starter_nano)
    key, row = _made(pepper, wish, get_account(database, wish.account).id, at_ms)
    with database.transaction() as connection:
        add_key(connection, row)
    return key, row


def regenerate_key(database: Database, pepper: bytes, key_id: str, at_ms: int) -> tuple[str, KeyRow]:
    """A new key in the place of an old one, which dies in the same transaction. Raises LedgerError."""
    old = get_key(database, key_id)
    wish = Wish(old.name, old.account, old.scopes, old.limits, old.expires_ms)
    key, row = _made(pepper, wish, old.account, at_ms)
    with database.transaction() as connection:
        end_key(connection, key_id, at_ms)
        add_key(connection, row)
    return key, row


def _made(pepper: bytes, wish: Wish, account: str, at_ms: int) -> tuple[str, KeyRow]:
    key = make_key(secrets.token_bytes(32))
    row = KeyRow(
        id=f"key_{secrets.token_hex(8)}",
        account=account,
        name=wish.name,
        hash=hash_key(pepper, key),
        hint=f"{key[:10]}...{key[-4:]}",
        scopes=tuple(sorted(set(wish.scopes))),
        created_ms=at_ms,
        limits=wish.limits,
        expires_ms=wish.expires_ms,
    )
    return key, row


def _checked(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise LedgerError(f"a name has 1 to {MAX_NAME} printable characters")
    return name


# ---- checking keys ---------------------------------------------------------------------------------------------------


class Accounts:
    """All keys in use, in memory. `run` looks each second whether another process has changed them."""

    def __init__(self, database: Database, pepper: bytes, thread: Executor) -> None:
        self._database = database
        self._pepper = pepper
        self._thread = thread
        self._revision = revision_of(database)
        self._keys = self._load()
        self.healthy = True
        self.revoked: Callable[[frozenset[str]], None] = lambda keys: None  # told the ids of keys that have ended

    def authenticate(self, headers: Mapping[str, str], *scopes: str) -> Principal:
        """Who has one of the scopes. Raises SupernetError: invalid_api_key, or permission_denied without them."""
        key = bearer(headers)
        if key is None:
            message = "You did not provide an API key: send it as 'Authorization: Bearer KEY'."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        if not well_formed(key):
            message = "Incorrect API key provided: it is mistyped, cut short, or no key of a Supernet."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        principal = self._keys.get(hash_key(self._pepper, key))
        if principal is None or principal.expired(_now_ms()):
            message = (
                "Incorrect API key provided: it is whole, but not in use here: expired, revoked, or made in another"
                " coordinator's database (`key create` and the coordinator's log both name theirs)."
            )
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        if not set(scopes) & set(principal.scopes):
            wanted = " or ".join(map(repr, scopes))
            message = f"This API key lacks the scope {wanted}; it has {', '.join(principal.scopes)}."
            raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
        return principal

    def in_use(self, key_id: str) -> bool:
        now_ms = _now_ms()
        return any(principal.key == key_id and not principal.expired(now_ms) for principal in self._keys.values())

    async def run(self) -> None:
        """Until cancelled. A disk that fails leaves the keys as they were last seen."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except LedgerError as error:
                self.healthy = False
                log.error("keys cannot be read: %s", error)
                continue
            self.healthy = True

    async def refresh(self) -> None:
        """What has changed counts from here on, and what has ended is told. Raises LedgerError."""
        fresh = await asyncio.get_running_loop().run_in_executor(self._thread, self._look)
        before, now_ms = self._keys, _now_ms()
        after = before if fresh is None else fresh
        self._keys = {name: principal for name, principal in after.items() if not principal.expired(now_ms)}
        ended = {principal.key for principal in before.values()} - {each.key for each in self._keys.values()}
        if ended:
            self.revoked(frozenset(ended))

    def _look(self) -> dict[str, Principal] | None:
        """None: nothing has changed."""
        number = revision_of(self._database)
        if number == self._revision:
            return None
        fresh = self._load()
        self._revision = number
        return fresh

    def _load(self) -> dict[str, Principal]:
        owners = {account.id: account for account in list_accounts(self._database) if not account.disabled}
        return {
            row.hash: _principal(row, owners[row.account])
            for row in list_keys(self._database)
            if row.revoked_ms is None and row.account in owners
        }


def _principal(row: KeyRow, owner: AccountRow) -> Principal:
    limits = row.limits
    return Principal(
        row.id, owner.id, row.scopes, owner.weight, limits.rpm, limits.tpm, limits.concurrency, row.expires_ms
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
