"""Accounts and their keys: made, changed, checked; and that the end of one works within a second.

All keys in use are held in memory: checking one costs no query and works while the disk does not.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from coordinator.accounts.api_keys import bearer, hash_key, make_key, well_formed
from coordinator.accounts.asking import By, done_by
from coordinator.accounts.chains import Counter, heirs_place
from coordinator.accounts.errors import AccountError
from coordinator.accounts.keys_in_use import KeysInUse, Principal
from coordinator.accounts.last_use import LastUse
from coordinator.accounts.loading import Loaded, load
from coordinator.accounts.rows import (
    ACCOUNT_PREFIX,
    AccountRow,
    KeyLimits,
    KeyRow,
    add_account,
    add_within,
    find_account,
    get_account,
    get_key,
    list_keys,
    new_account_id,
    replace_key,
    revision_of,
    revoke_key,
    set_key,
)
from coordinator.accounts.scopes import DEFAULT_ACCOUNT, DEFAULT_SCOPES, SCOPES
from coordinator.clock import now_ms
from coordinator.ledger.commit import apply
from coordinator.ledger.grants import starter
from coordinator.ledger.pricing import SPARK_NANO, STARTER_SPARK
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.store import Store
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.accounts")

REFRESH_S = 1.0
MAX_NAME = 128
MADE_A_DAY = 200  # keys of one account, by keys of its own; the operator may make more
STARTER_NANO = STARTER_SPARK * SPARK_NANO
SESSION_HEADER = "x-supernet-session"  # api/session_gate.py alone writes it, and takes it off what comes from outside

P = ParamSpec("P")
T = TypeVar("T")


# ---- making them -----------------------------------------------------------------------------------------------------


def create_account(database: Database, name: str, at_ms: int, starter_nano: int = STARTER_NANO) -> AccountRow:
    """Make an account, with its starter tokens. Raises AccountError if the name is taken, or cannot be one."""
    if name.startswith(ACCOUNT_PREFIX):
        raise AccountError(f"a name that begins with {ACCOUNT_PREFIX} could be taken for an account's id")
    account = AccountRow(new_account_id(), _checked(name), at_ms)
    with database.transaction() as connection:
        add_account(connection, account)
        apply(connection, [starter(account.id, starter_nano, at_ms)])
    return account


@dataclass(frozen=True)
class KeyRequest:
    """A key to make. The account `default` is made when it is first asked for. `parent`: the name of the counters of
    the key that asks, None for the operator's; `by_person`: it is a browser's session that asks. `most`: keys that the
    account may have in use, this one included."""

    name: str
    account: str = DEFAULT_ACCOUNT
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    limits: KeyLimits = field(default_factory=KeyLimits)
    expires_ms: int | None = None
    parent: str | None = None
    most: int | None = None
    platform_tools: bool = True
    by_person: bool = False


def create_key(
    database: Database, pepper: bytes, request: KeyRequest, at_ms: int, starter_nano: int = STARTER_NANO
) -> tuple[str, KeyRow]:
    """Make a key. Returns the key, which nobody can look up later, and what is stored of it. Raises AccountError."""
    unknown = sorted(set(request.scopes) - set(SCOPES))
    if unknown or not request.scopes:
        raise AccountError(f"unknown scope {', '.join(unknown) or 'nothing'}: use some of {', '.join(SCOPES)}")
    if any(limit is not None and limit < 1 for limit in astuple(request.limits)):
        raise AccountError("a limit is at least 1: leave it out for the operator's default, a cap for none")
    if request.expires_ms is not None and request.expires_ms <= at_ms:
        raise AccountError("the key would have expired already: give a time to come")
    _checked(request.name)
    if request.account == DEFAULT_ACCOUNT and find_account(database, DEFAULT_ACCOUNT) is None:
        create_account(database, DEFAULT_ACCOUNT, at_ms, starter_nano)
    key, row = made_key(pepper, request, get_account(database, request.account).id, at_ms)
    database.transact(lambda connection: add_within(connection, row, request.most, MADE_A_DAY))
    return key, row


def regenerate_key(
    database: Database, pepper: bytes, key_id: str, at_ms: int, by: tuple[Counter, ...] = ()
) -> tuple[str, KeyRow]:
    """Replace a key by a new one that may do the same; the old one ends in the same transaction. Returns what
    `create_key` does. `by`: the counters of the key that asks, none for the operator."""
    old = get_key(database, key_id)
    parent, by_person = heirs_place(old, list_keys(database, old.account), by) if by else (old.parent, old.by_person)
    request = KeyRequest(old.name, old.account, old.scopes, old.limits, old.expires_ms)
    key, row = made_key(pepper, request, old.account, at_ms)
    row = replace(row, counted_as=old.counters, parent=parent, by_person=by_person, platform_tools=old.platform_tools)
    database.transact(lambda connection: replace_key(connection, key_id, row, MADE_A_DAY if by else None))
    return key, row


def made_key(pepper: bytes, request: KeyRequest, account: str, at_ms: int) -> tuple[str, KeyRow]:
    """A new key for the account (its id), and its row, which is not stored yet."""
    key = make_key(secrets.token_bytes(32))
    return key, KeyRow(
        id=f"key_{secrets.token_hex(8)}",
        account=account,
        name=request.name,
        hash=hash_key(pepper, key),
        hint=f"{key[:10]}...{key[-4:]}",
        scopes=tuple(sorted(set(request.scopes))),
        created_ms=at_ms,
        limits=request.limits,
        expires_ms=request.expires_ms,
        parent=request.parent,
        platform_tools=request.platform_tools,
        by_person=request.by_person,
    )


def _checked(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise AccountError(f"a name has 1 to {MAX_NAME} printable characters")
    return name


# ---- checking keys ---------------------------------------------------------------------------------------------------


class Accounts:
    """All keys in use, in memory. `run` looks each second whether another process has changed them."""

    def __init__(self, store: Store, pepper: bytes) -> None:
        self._store = store
        self._pepper = pepper
        self._revision = revision_of(store.database)
        loaded = load(store.database, now_ms())
        self._keys, self._disabled = KeysInUse(loaded.in_use, now_ms()), loaded.disabled
        self.last_use = LastUse(store)
        self.healthy = True
        self.revoked: Callable[[frozenset[str]], None] = lambda keys: None  # told the ids of keys that have ended
        self.changed: Callable[[], None] = lambda: None  # told that this process has changed keys: others may look now
        self._look_now = asyncio.Event()

    def authenticate(self, headers: Mapping[str, str], *scopes: str) -> Principal:
        """The principal of a request. Raises invalid_api_key; permission_denied if the key has none of the scopes."""
        if session := headers.get(SESSION_HEADER):
            return self._in_session(session, scopes)
        key = bearer(headers)
        if key is None:
            message = "You did not provide an API key: send it as 'Authorization: Bearer KEY'."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        if not well_formed(key):
            message = "Incorrect API key provided: it is mistyped, cut short, or no key of a Supernet."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        hashed = hash_key(self._pepper, key)
        principal = self._keys.by_hash(hashed)
        if hashed in self._disabled:
            message = "This API key is disabled: its owner enables it again on the account page, or the operator does."
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        if principal is None or principal.expired(now_ms()):
            message = (
                "Incorrect API key provided: it is whole, but not in use here: expired, revoked, or made in another"
                " coordinator's database (`key create` and the coordinator's log both name theirs)."
            )
            raise SupernetError(ErrorCode.INVALID_API_KEY, message)
        self.last_use.mark(principal.key, now_ms())
        return _allowed(principal, scopes)

    def session(self, hashed: str) -> Principal | None:
        """The session of a browser, by the hash of its token; None: it has ended, or is none."""
        found = self._keys.by_hash(hashed)
        return found if found is not None and found.session_ends_ms and not found.expired(now_ms()) else None

    def _in_session(self, hashed: str, scopes: tuple[str, ...]) -> Principal:
        principal = self.session(hashed)
        if principal is None:
            raise SupernetError(ErrorCode.INVALID_API_KEY, "Your session has ended: sign in again.")
        return _allowed(principal, scopes)

    def in_use(self, key_id: str) -> bool:
        """Whether the key still works: neither revoked nor expired, it and its account not disabled."""
        principal = self._keys.by_id(key_id)
        return principal is not None and not principal.expired(now_ms())

    async def create(self, by: By | None, request: KeyRequest) -> tuple[str, KeyRow]:
        """Make a key, which works when this returns. As `create_key`. Raises StoreError."""
        return await self.done(by, create_key, self._pepper, request, now_ms())

    async def regenerate(self, by: By | None, key_id: str, counted: tuple[Counter, ...]) -> tuple[str, KeyRow]:
        """Replace a key; the old one has ended when this returns. Returns what `create_key` does. Raises StoreError."""
        return await self.done(by, regenerate_key, self._pepper, key_id, now_ms(), counted)

    async def set(self, by: By | None, key_id: str, **values: Any) -> KeyRow:
        """Change a key; the change holds when this returns. Returns what the key is then. Raises StoreError."""
        return await self.done(by, lambda database: set_key(database, key_id, **values))

    async def revoke(self, by: By | None, key_id: str) -> None:
        """End a key, which works no more when this returns. Raises StoreError."""
        await self.done(by, revoke_key, key_id, now_ms())

    async def done(
        self, by: By | None, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`change` for somebody who may have ended meanwhile. Raises Ended."""
        return await self.change(done_by, by, now_ms(), work, *args, **kwargs)

    async def change(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what changes accounts, keys or sessions, and take it over. Returns and raises what it does."""
        changed = await self._store.run(work, *args, **kwargs)
        self.changed()
        await self.refresh()
        return changed

    def look_now(self) -> None:
        """Another process says that it has changed keys: `run` looks at once, and does not wait for its second."""
        self._look_now.set()

    async def run(self) -> None:
        """Look for changes by other processes every REFRESH_S seconds, until cancelled. When the database fails the
        keys stay as they were last seen."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), REFRESH_S)
            self._look_now.clear()
            try:
                await self.refresh()
            except StoreError as error:
                self.healthy = False
                log.error("keys cannot be read: %s", error)
                continue
            self.healthy = True

    async def refresh(self) -> None:
        """Take changes over from the database, and tell `revoked` of keys that have ended. Raises StoreError."""
        fresh = await self._store.run(self._look)
        ended = set() if fresh is None else self._keys.replace(fresh.in_use, now_ms())
        self._disabled = self._disabled if fresh is None else fresh.disabled
        ended |= self._keys.expire(now_ms())
        if ended:
            self.revoked(frozenset(ended))

    def _look(self, database: Database) -> Loaded | None:
        """Read the keys anew if a process has changed any; None if none has."""
        number = revision_of(database)
        if number == self._revision:
            return None
        fresh = load(database, now_ms())
        self._revision = number
        return fresh


def _allowed(principal: Principal, scopes: tuple[str, ...]) -> Principal:
    if not set(scopes) & set(principal.scopes):
        wanted = " or ".join(map(repr, scopes))
        message = f"This API key lacks the scope {wanted}; it has {', '.join(principal.scopes)}."
        raise SupernetError(ErrorCode.PERMISSION_DENIED, message)
    return principal
