"""The cluster's database as its operator sees it: keys made, usage read, and whether all money adds up."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.pepper import open_pepper
from coordinator.accounts.rows import find_account
from coordinator.accounts.scopes import DEFAULT_SCOPES
from coordinator.clock import now_ms
from coordinator.ledger.audit import check
from coordinator.ledger.usage import sums
from coordinator.store.database import Database
from coordinator.store.tables import holds


@dataclass(frozen=True)
class Used:
    """What an account is charged for, and how many of its holds have no end yet."""

    requests: int
    tokens: int
    held: int


class Books:
    """Blocking; each call opens the database anew, which a replica's death in between does not harm."""

    def __init__(self, url: str, pepper: Path) -> None:
        self._url, self._pepper = url, pepper

    def make_key(self, name: str, account: str, *scopes: str) -> str:
        """A key of this account, which is made if need be."""
        database = Database(self._url)
        try:
            if find_account(database, account) is None:
                create_account(database, account, now_ms())
            pepper = open_pepper(database, self._pepper, make=True)
            key, _ = create_key(database, pepper, KeyRequest(name, account, scopes or DEFAULT_SCOPES), now_ms())
            return key
        finally:
            database.close()

    def used(self, account: str) -> Used:
        database = Database(self._url)
        try:
            row = find_account(database, account)
            assert row is not None, f"{account} was made"
            open_holds = select(func.count()).where(holds.c.account == row.id, holds.c.state == "held")
            (held,) = next(iter(database.query(open_holds)))
            rows = sums(database, row.id, 0)  # after them: with none open, it is all there
            return Used(sum(each.requests for each in rows), sum(each.completion for each in rows), held)
        finally:
            database.close()

    def wrong(self) -> list[str]:
        """What `ledger check` finds."""
        database = Database(self._url)
        try:
            return list(check(database))
        finally:
            database.close()
