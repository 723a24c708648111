"""Accounts and keys in the database."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, false, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from coordinator.accounts.errors import AccountError, Ended, NotFound
from coordinator.clock import DAY_MS
from coordinator.store.account_lock import lock_account
from coordinator.store.advisory import Lock, wait
from coordinator.store.database import Database
from coordinator.store.tables import accounts, keys, revision, settings

ACCOUNT_PREFIX = "acc_"  # of ids


@dataclass(frozen=True)
class AccountRow:
    """One account. `weight`: of its share where accounts compete."""

    id: str
    name: str
    created_ms: int
    weight: float = 1.0
    disabled: bool = False


def new_account_id() -> str:
    return f"{ACCOUNT_PREFIX}{secrets.token_hex(8)}"


@dataclass(frozen=True)
class KeyLimits:
    """Limits of one key: requests and tokens a minute, requests at a time; None: the operator's default. And its caps,
    the nano-dollars that may be spent with it on a day and in a month (UTC); None: as much as there is."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    cap_day_nano: int | None = None
    cap_month_nano: int | None = None


@dataclass(frozen=True)
class KeyRow:
    """One API key as it is stored.

    `hash` is the keyed hash in hex, `account` an id, `scopes` in alphabetical order.

    `counted_as`: the first of the keys that this one replaces, None: it replaces none. `parent`: the `counters` of the
    key that it was made with, None: the operator made it. `platform_tools`: whether models may be told of them.
    `session_ends_ms`: it is a browser's session, and ends then at the latest; None: it is a key. `by_person`: a person
    who was signed in made it, and no other key's cap holds for it. `used_ms`: last, within a minute.
    """

    id: str
    account: str
    name: str
    hash: str
    hint: str
    scopes: tuple[str, ...]
    created_ms: int
    revoked_ms: int | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)
    expires_ms: int | None = None
    counted_as: str | None = None
    parent: str | None = None
    platform_tools: bool = True
    session_ends_ms: int | None = None
    disabled: bool = False
    by_person: bool = False
    used_ms: int | None = None

    @property
    def counters(self) -> str:
        """The name under which its use is counted; a key that replaces it has the same."""
        return self.counted_as or self.id


def changed(connection: Connection) -> None:
    """Count a change: every process that holds accounts and keys in memory then reads them again."""
    connection.execute(update(revision).values(number=revision.c.number + 1))


def revision_of(database: Database) -> int:
    """The number of changes of accounts and keys so far, whichever process made them."""
    return int(database.query(select(revision.c.number))[0][0])


# ---- accounts --------------------------------------------------------------------------------------------------------


def add_account(connection: Connection, account: AccountRow) -> None:
    """Insert an account. Raises AccountError if the name is taken; the transaction is lost then."""
    try:
        connection.execute(insert(accounts).values(**asdict(account)))
    except IntegrityError:
        raise AccountError(f"there is an account named {account.name!r} already") from None
    changed(connection)


def list_accounts(database: Database) -> list[AccountRow]:
    rows = database.query(select(accounts).order_by(accounts.c.created_ms, accounts.c.name))
    return [AccountRow(**row._mapping) for row in rows]


def find_account(database: Database, name: str) -> AccountRow | None:
    """The account of that name, or with that id."""
    found = (accounts.c.name == name) | (accounts.c.id == name)
    rows = database.query(select(accounts).where(found).order_by(accounts.c.name != name))
    return AccountRow(**rows[0]._mapping) if rows else None


def get_account(database: Database, name: str) -> AccountRow:
    """The account of that name. Raises NotFound."""
    account = find_account(database, name)
    if account is None:
        raise NotFound(f"there is no account named {name!r}: make it with `account create`")
    return account


def set_within(connection: Connection, account_id: str, **values: Any) -> None:
    """Change an account, in the caller's transaction."""
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))
    changed(connection)


# ---- keys ------------------------------------------------------------------------------------------------------------


_OLDEST = (keys.c.created_ms, keys.c.id)


def add_key(connection: Connection, key: KeyRow) -> None:
    values = {**asdict(key), "scopes": ",".join(key.scopes), **asdict(key.limits)}
    del values["limits"]
    connection.execute(insert(keys).values(**values))
    changed(connection)


def add_within(connection: Connection, key: KeyRow, most: int | None, a_day: int) -> None:
    """Add a key to those of its account, which has at most so many in use, and makes at most so many a day. `most`
    None: no bound holds. Raises AccountError."""
    lock_account(connection, key.account)
    if most is not None:
        if count_keys(connection, key.account) >= most:
            raise AccountError(f"An account has at most {most} keys in use: revoke one.")
        check_made(connection, key, a_day)
    add_key(connection, key)


def replace_key(connection: Connection, old: str, key: KeyRow, a_day: int | None) -> None:
    """End a key (its id) for a new one of the same account. Raises AccountError, NotFound."""
    lock_account(connection, key.account)
    if a_day is not None:
        check_made(connection, key, a_day)
    end_key(connection, old, key.created_ms)
    add_key(connection, key)


def list_keys(database: Database, account: str | None = None) -> list[KeyRow]:
    """All keys, revoked ones too, oldest first; of one account (its id), or of all."""
    statement = select(keys).order_by(*_OLDEST)
    if account is not None:
        statement = statement.where(keys.c.account == account)
    return [_key(row._mapping) for row in database.query(statement)]


def list_in_place(database: Database, at_ms: int) -> list[KeyRow]:
    """All keys that are in use or have a place between others, ended ones too, oldest first: all but sessions that are
    over."""
    wanted = select(keys).where(~over(at_ms)).order_by(*_OLDEST)
    return [_key(row._mapping) for row in database.query(wanted)]


def over(at_ms: int) -> ColumnElement[bool]:
    """Of a row of `keys`: it is a session that had ended by then, and that no other is counted with."""
    ended = (keys.c.revoked_ms <= at_ms) | (keys.c.expires_ms <= at_ms)
    session = keys.c.session_ends_ms.is_not(None) & keys.c.counted_as.is_not(None)
    return session & func.coalesce(ended, false())


def count_keys(connection: Connection, account: str) -> int:
    """Keys of the account (its id) that are in use, without the sessions of browsers."""
    in_use = (keys.c.account == account, keys.c.revoked_ms.is_(None), keys.c.session_ends_ms.is_(None))
    return int(connection.execute(select(func.count()).select_from(keys).where(*in_use)).scalar_one())


def check_made(connection: Connection, key: KeyRow, most: int) -> None:
    """Raises AccountError if the account of a new key has made as many within a day, without the sessions of browsers,
    which have a bound of their own. Ended keys are kept, and each change has the thread that books money read them."""
    made = (keys.c.account == key.account, keys.c.created_ms > key.created_ms - DAY_MS)
    is_key = keys.c.session_ends_ms.is_(None)
    if connection.execute(select(func.count()).select_from(keys).where(*made, is_key)).scalar_one() >= most:
        raise AccountError(f"An account makes and renews at most {most} keys a day: keep those that it has.")


def get_key(database: Database, key_id: str) -> KeyRow:
    """The key of that id. Raises NotFound if it is not in use, or is a browser's session."""
    is_key = (keys.c.id == key_id, keys.c.revoked_ms.is_(None), keys.c.session_ends_ms.is_(None))
    rows = database.query(select(keys).where(*is_key))
    if not rows:
        raise _no_key(key_id)
    return _key(rows[0]._mapping)


def set_key(database: Database, key_id: str, **values: Any) -> KeyRow:
    """Change a key, and return what it is now. Raises NotFound if it is revoked, or is a browser's session."""
    is_key = (keys.c.id == key_id, keys.c.revoked_ms.is_(None), keys.c.session_ends_ms.is_(None))

    def work(connection: Connection) -> None:
        if values and connection.execute(update(keys).where(*is_key).values(**values)).rowcount != 1:
            raise _no_key(key_id)
        changed(connection)

    database.transact(work)
    return get_key(database, key_id)


def check_in_use(connection: Connection, account: str, key_id: str, at_ms: int, lock: bool) -> None:
    """Raises Ended unless the key, or the browser's session, of the account works now. `lock`: the account too, as it
    is what is acted on; an operator's own is nothing that others wait for."""
    if lock:
        lock_account(connection, account)
    works = (keys.c.id == key_id, keys.c.account == account, keys.c.revoked_ms.is_(None), keys.c.disabled == false())
    in_time = keys.c.expires_ms.is_(None) | (keys.c.expires_ms > at_ms)
    owner = (accounts.c.id == keys.c.account) & (accounts.c.disabled == false())
    if connection.execute(select(keys.c.id).join(accounts, owner).where(*works, in_time)).first() is None:
        raise Ended("Your session, or your API key, has ended meanwhile: sign in, and begin again.")


def end_key(connection: Connection, key_id: str, at_ms: int) -> None:
    """Mark a key as revoked. Raises NotFound if it is not in use."""
    active = keys.c.revoked_ms.is_(None)
    done = connection.execute(update(keys).where(keys.c.id == key_id, active).values(revoked_ms=at_ms))
    if done.rowcount != 1:
        raise _no_key(key_id)
    changed(connection)


def revoke_key(database: Database, key_id: str, at_ms: int) -> None:
    """Revoke a key, in a transaction of its own. Raises NotFound if it is not in use."""
    database.transact(lambda connection: end_key(connection, key_id, at_ms))


def set_used(database: Database, used: Mapping[str, int]) -> None:
    """Write down when keys (their ids) were used last. Nobody reads all keys anew for that."""
    rows = [{"_id": key_id, "used_ms": at_ms} for key_id, at_ms in sorted(used.items())]
    database.transact(lambda connection: connection.execute(_USED, rows))


def _no_key(key_id: str) -> NotFound:
    return NotFound(f"no key {key_id!r} is in use: see the list of keys (`key list`)")


def _key(row: Any) -> KeyRow:
    values = dict(row)
    limits = KeyLimits(**{name: values.pop(name) for name in _LIMITS})
    return KeyRow(**{**values, "scopes": tuple(values["scopes"].split(",")), "limits": limits})


_LIMITS = tuple(each.name for each in fields(KeyLimits))
_USED = (
    update(keys)
    .where(keys.c.id == bindparam("_id"), func.coalesce(keys.c.used_ms, 0) < bindparam("used_ms"))
    .values(used_ms=bindparam("used_ms"))
)


# ---- the pepper ------------------------------------------------------------------------------------------------------


def has_keys(database: Database) -> bool:
    """Whether a key was ever made, revoked ones too."""
    return bool(database.query(select(keys.c.id).limit(1)))


def pepper_mark(database: Database) -> str | None:
    """The hash by which the database knows its pepper again; None: it has none yet."""
    found = database.query(select(settings.c.value).where(settings.c.name == "pepper"))
    return found[0][0] if found else None


def set_pepper_mark(database: Database, mark: str, known: str | None) -> bool:
    """Write it down in the place of the `known` one; False if another process has written another one meanwhile."""

    def work(connection: Connection) -> bool:
        wait(connection, Lock.PEPPER)
        found = connection.execute(select(settings.c.value).where(settings.c.name == "pepper")).scalar()
        if found != known:
            return bool(found == mark)
        connection.execute(delete(settings).where(settings.c.name == "pepper"))
        connection.execute(insert(settings).values(name="pepper", value=mark))
        return True

    return database.transact(work)
