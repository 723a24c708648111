"""Where accounts want to be told, in the database."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, false, func, insert, select, update

from coordinator.accounts.errors import AccountError, NotFound
from coordinator.store.account_lock import lock_account
from coordinator.store.alert_tables import alert_addresses, alert_outbox, alert_subjects
from coordinator.store.database import Database
from coordinator.store.tables import accounts
from program.alert_formats import Service

MOST_ADDRESSES = 5  # of one account
REMOVED = "its address was removed"
PAUSED = "its address is paused, as nothing arrived there"
MOST_FAILURES = 10  # messages in a row that did not arrive: then it is paused
_T = alert_addresses


@dataclass(frozen=True)
class Address:
    """One address of an account. `alerts`: kinds of kinds.py. `status`: of the last delivery, at `tried_ms`."""

    id: str
    account: str
    service: Service
    url: str
    alerts: tuple[str, ...]
    below_nano: int
    made_ms: int
    tried_ms: int | None = None
    status: str | None = None
    failures: int = 0

    @property
    def paused(self) -> bool:
        return self.failures >= MOST_FAILURES

    @property
    def shown(self) -> str:
        """What may be shown of the URL: the rest is as good as a password."""
        scheme, _, rest = self.url.partition("://")
        host, slash, path = rest.partition("/")
        host = host.partition("?")[0]
        return f"{scheme}://{host}/…{path[-4:] if slash and len(path) > 12 else ''}"


def new_id() -> str:
    return f"alert_{secrets.token_hex(8)}"


def add_address(database: Database, address: Address) -> None:
    """Raises AccountError when the account has too many."""

    def work(connection: Connection) -> None:
        lock_account(connection, address.account)
        mine = select(func.count()).select_from(_T).where(_T.c.account == address.account)
        if connection.execute(mine).scalar_one() >= MOST_ADDRESSES:
            raise AccountError(f"an account has at most {MOST_ADDRESSES} addresses for messages: remove one")
        connection.execute(insert(_T).values(**{**asdict(address), "alerts": ",".join(address.alerts)}))

    database.transact(work)


def addresses_of(database: Database, account: str) -> list[Address]:
    """Those of an account, the oldest first."""
    mine = select(_T).where(_T.c.account == account).order_by(_T.c.made_ms, _T.c.id)
    return [_address(row) for row in database.query(mine)]


def get_address(database: Database, account: str, name: str) -> Address:
    """Raises NotFound."""
    rows = database.query(select(_T).where(_T.c.id == name, _T.c.account == account))
    if not rows:
        raise NotFound("this account has no such address for messages")
    return _address(rows[0])


def remove_address(database: Database, account: str, name: str) -> None:
    """Remove it: what waits to be sent there is not, and with the last one what is known of the account is forgotten.
    What was sent stays, as it counts for the day: else who removes and adds addresses could send without end. Raises
    NotFound."""
    there = (alert_outbox.c.account == account, alert_outbox.c.address == name, alert_outbox.c.state == "waiting")

    def work(connection: Connection) -> None:
        if not connection.execute(delete(_T).where(_T.c.id == name, _T.c.account == account)).rowcount:
            raise NotFound("this account has no such address for messages")
        connection.execute(update(alert_outbox).where(*there).values(state="failed", status=REMOVED))
        if not connection.execute(select(_T.c.id).where(_T.c.account == account)).all():
            connection.execute(delete(alert_subjects).where(alert_subjects.c.account == account))

    database.transact(work)


def all_addresses(connection: Connection) -> list[Address]:
    """Those that messages may be sent to: of accounts that are not disabled."""
    live = select(_T).join(accounts, accounts.c.id == _T.c.account).where(accounts.c.disabled == false())
    return [_address(row) for row in connection.execute(live)]


def by_ids(connection: Connection, names: Sequence[str]) -> dict[str, Address]:
    found = connection.execute(select(_T).where(_T.c.id.in_(names))) if names else ()
    return {row.id: _address(row) for row in found}


def tried(connection: Connection, name: str, status: str, delivered: bool | None, at_ms: int) -> None:
    """How the last try went. `delivered`: None: it is to be tried again."""
    values: dict[str, Any] = {"tried_ms": at_ms, "status": status}
    if delivered is not None:
        values["failures"] = 0 if delivered else _T.c.failures + 1
    connection.execute(update(_T).where(_T.c.id == name).values(**values))


def note_test(database: Database, name: str, status: str, delivered: bool, at_ms: int) -> None:
    """How a test went. One that arrives ends a pause; one that does not begins none."""
    database.transact(lambda connection: tried(connection, name, status, True if delivered else None, at_ms))


def forget_account(connection: Connection, account: str) -> None:
    """Nothing is left of what an account was told, and where."""
    for table in (alert_addresses, alert_subjects, alert_outbox):
        connection.execute(delete(table).where(table.c.account == account))


def _address(row: Any) -> Address:
    return Address(**{**row._mapping, "alerts": tuple(filter(None, row.alerts.split(",")))})
