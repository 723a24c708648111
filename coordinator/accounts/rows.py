"""Accounts and keys in the database."""

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from coordinator.store.database import Database
from coordinator.store.errors import LedgerError, NotThere
from coordinator.store.tables import accounts, keys, revision


@dataclass(frozen=True)
class AccountRow:
    """`weight`: of its share where accounts compete."""

    id: str
    name: str
    created_ms: int
    weight: float = 1.0
    disabled: bool = False


@dataclass(frozen=True)
class KeyLimits:
    """None: the operator's defaults. Requests and tokens a minute, requests at a time."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True)
class KeyRow:
    """`hash` is the keyed hash in hex, `account` an id, `scopes` in alphabetical order."""

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


def changed(connection: Connection) -> None:
    """Whoever holds accounts and keys in memory has to read them again."""
    connection.execute(update(revision).values(number=revision.c.number + 1))


def revision_of(database: Database) -> int:
    """Grows with every change of an account or a key, whichever process makes it."""
    return int(database.query(select(revision.c.number))[0][0])


# ---- accounts --------------------------------------------------------------------------------------------------------


def add_account(connection: Connection, account: AccountRow) -> None:
    """Raises LedgerError if the name is taken; the transaction is lost then."""
    try:
        connection.execute(insert(accounts).values(**asdict(account)))
    except IntegrityError:
        raise LedgerError(f"there is an account named {account.name!r} already") from None
    changed(connection)


def list_accounts(database: Database) -> list[AccountRow]:
    rows = database.query(select(accounts).order_by(accounts.c.created_ms, accounts.c.name))
    return [AccountRow(**row._mapping) for row in rows]


def find_account(database: Database, name: str) -> AccountRow | None:
    """By its name or its id."""
    found = (accounts.c.name == name) | (accounts.c.id == name)
    rows = database.query(select(accounts).where(found).order_by(accounts.c.name != name))
    return AccountRow(**rows[0]._mapping) if rows else None


def get_account(database: Database, name: str) -> AccountRow:
    """Raises LedgerError if there is none of this name or id."""
    account = find_account(database, name)
    if account is None:
        raise NotThere(f"there is no account named {name!r}: make it with `account create`")
    return account


def set_account(database: Database, account_id: str, **values: Any) -> None:
    with database.transaction() as connection:
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))
        changed(connection)


# ---- keys ------------------------------------------------------------------------------------------------------------


def add_key(connection: Connection, key: KeyRow) -> None:
    values = {**asdict(key), "scopes": ",".join(key.scopes), **asdict(key.limits)}
    del values["limits"]
    connection.execute(insert(keys).values(**values))
    changed(connection)


def list_keys(database: Database, account: str | None = None) -> list[KeyRow]:
    """All keys, revoked ones too, oldest first; of one account (its id), or of all."""
    statement = select(keys).order_by(keys.c.created_ms, keys.c.id)
    if account is not None:
        statement = statement.where(keys.c.account == account)
    return [_key(row._mapping) for row in database.query(statement)]


def get_key(database: Database, key_id: str) -> KeyRow:
    """Raises LedgerError if no such key is in use."""
    rows = database.query(select(keys).where(keys.c.id == key_id, keys.c.revoked_ms.is_(None)))
    if not rows:
        raise _no_key(key_id)
    return _key(rows[0]._mapping)


def end_key(connection: Connection, key_id: str, at_ms: int) -> None:
    """Raises LedgerError if no such key is in use."""
    active = keys.c.revoked_ms.is_(None)
    done = connection.execute(update(keys).where(keys.c.id == key_id, active).values(revoked_ms=at_ms))
    if done.rowcount != 1:
        raise _no_key(key_id)
    changed(connection)


def revoke_key(database: Database, key_id: str, at_ms: int) -> None:
    """Raises LedgerError if no such key is in use."""
    with database.transaction() as connection:
        end_key(connection, key_id, at_ms)


def _no_key(key_id: str) -> NotThere:
    return NotThere(f"no key {key_id!r} is in use: see `key list`")


def _key(row: Any) -> KeyRow:
    values = dict(row)
    limits = KeyLimits(values.pop("rpm"), values.pop("tpm"), values.pop("concurrency"))
    return KeyRow(**{**values, "scopes": tuple(values["scopes"].split(",")), "limits": limits})
