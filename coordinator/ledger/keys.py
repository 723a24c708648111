"""Accounts and keys in the database."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from coordinator.ledger.database import Database, LedgerError
from coordinator.ledger.tables import accounts, keys


@dataclass(frozen=True)
class AccountRow:
    id: str
    name: str
    created_ms: int


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


def add_account(database: Database, account: AccountRow) -> None:
    """Raises LedgerError if the name is taken."""
    try:
        with database.transaction() as connection:
            connection.execute(insert(accounts).values(**account.__dict__))
    except IntegrityError:
        raise LedgerError(f"there is an account named {account.name!r} already") from None


def list_accounts(database: Database) -> list[AccountRow]:
    rows = database.query(select(accounts).order_by(accounts.c.created_ms, accounts.c.name))
    return [AccountRow(**row._mapping) for row in rows]


def find_account(database: Database, name: str) -> AccountRow | None:
    rows = database.query(select(accounts).where(accounts.c.name == name))
    return AccountRow(**rows[0]._mapping) if rows else None


def add_key(database: Database, key: KeyRow) -> None:
    with database.transaction() as connection:
        connection.execute(insert(keys).values(**(key.__dict__ | {"scopes": ",".join(key.scopes)})))


def list_keys(database: Database) -> list[KeyRow]:
    """All keys, revoked ones too, oldest first."""
    rows = database.query(select(keys).order_by(keys.c.created_ms, keys.c.id))
    return [KeyRow(**{**row._mapping, "scopes": tuple(row.scopes.split(","))}) for row in rows]


def revoke_key(database: Database, key_id: str, at_ms: int) -> None:
    """Raises LedgerError if no such key is in use."""
    with database.transaction() as connection:
        active = keys.c.revoked_ms.is_(None)
        done = connection.execute(update(keys).where(keys.c.id == key_id, active).values(revoked_ms=at_ms))
        if done.rowcount != 1:
            raise LedgerError(f"no key {key_id!r} is in use: see `key list`")
