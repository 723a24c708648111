"""All that is stored of one account, for its owner: as JSON, read and written piece by piece.

Of an account with millions of requests a coordinator holds one piece at a time. Who gets only some of the pieces sees
it: without the last one it is no JSON.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Column, Select, select, tuple_

from coordinator.accounts.rows import AccountRow, list_keys
from coordinator.alerts.address_rows import Address, addresses_of
from coordinator.alerts.outbox_rows import MOST_LISTED, deliveries_of
from coordinator.artefacts.rows import page
from coordinator.clock import DAY_MS
from coordinator.identity.links import links_of
from coordinator.identity.rows import list_invites, passkeys_of
from coordinator.ledger import energy_days
from coordinator.ledger.escrow import workers
from coordinator.ledger.grants import balances_of
from coordinator.ledger.payouts import of_account
from coordinator.ledger.usage import sums
from coordinator.store.database import Database
from coordinator.store.history_tables import history_workers
from coordinator.store.media_tables import reports
from coordinator.store.tables import entries, holds, journals
from coordinator.videos.rows import page as films

AT_MOST = {  # of each of these lists, the latest
    "workers_by_day": 10_000,  # of 300 workers a month
    "payouts": 10_000,  # of 20 a day, those of more than a year
    "messages": MOST_LISTED,
    "files": 10_000,  # an account has some 2,000 at a time, and ended ones stay for a month
    "media_reports": 10_000,  # at most 50 a day are made by an account
    "films": 10_000,  # they are forgotten with their files
}
CHUNK = 500  # requests, or bookings, that are read at once: in between others ask the database
_SECRET = ("hash", "public_key")
# Of a request: no text of it is stored. Which worker served it is somebody else's.
_REQUEST = ("job", "request_id", "key", "model", "kind", "streamed", "at_ms", "ended_ms", "state", "charge", "failure")

Work = Callable[[Database], bytes]


def pieces(account: AccountRow, since_ms: int) -> Iterator[Work]:
    """What reads the pieces from the database, in their order; each is carried out before the next is asked for.

    Plain values, times in Unix milliseconds, money in nano-dollars. `since_ms`: of the use by day, model and key.
    """
    yield lambda _: b'{"object":"account.export"'
    for name, read in _short(account, since_ms).items():
        yield _whole(name, read)
    c, e = holds.c, entries.c
    asked = select(*(c[name] for name in _REQUEST)).where(c.account == account.id)
    yield from _long("requests", asked.order_by(c.at_ms.desc(), c.job.desc()), (c.at_ms, c.job))
    booked = select(e.id, e.journal, journals.c.at_ms, journals.c.note, e.currency, e.kind, e.nano)
    booked = booked.join(journals, journals.c.id == e.journal).where(e.owner == account.id)
    yield from _long("bookings", booked.order_by(e.id.desc()), (e.id,))
    yield lambda _: _named("at_most") + _json(AT_MOST) + b"}"


def _short(account: AccountRow, since_ms: int) -> dict[str, Callable[[Database], Any]]:
    """What is small enough to be read at once."""
    mine, worked = account.id, history_workers.c
    days = select(history_workers).where(worked.account == mine).order_by(worked.day.desc(), worked.worker)
    said = (reports.c.artefact, reports.c.reason, reports.c.at_ms)
    reported = select(*said).where(reports.c.account == mine).order_by(reports.c.at_ms.desc())
    return {
        "account": lambda _: asdict(account),
        "balances": lambda db: {currency: asdict(balance) for currency, balance in balances_of(db, mine).items()},
        "keys_and_sessions": lambda db: [_told(row) for row in list_keys(db, mine)],
        "passkeys": lambda db: [_told(row) for row in passkeys_of(db, mine)],
        "links": lambda db: [_told(row) for row in links_of(db, mine)],
        "invites": lambda db: [_told(row) for row in list_invites(db, mine)],
        "usage": lambda db: [asdict(row) for row in sums(db, mine, since_ms)],
        "workers": lambda db: [asdict(row) for row in workers(db, mine)],
        "workers_by_day": lambda db: _rows(db, days.limit(AT_MOST["workers_by_day"])),
        "energy": lambda db: [asdict(row) for row in energy_days.read(db, mine, since_ms // DAY_MS)],
        "electricity_nano_kwh": lambda db: energy_days.price(db, mine),
        "payouts": lambda db: [asdict(row) for row in of_account(db, mine, AT_MOST["payouts"])],
        "alerts": lambda db: [_without_url(row) for row in addresses_of(db, mine)],
        "messages": lambda db: [asdict(row) for row in deliveries_of(db, mine)],
        "files": lambda db: [asdict(row) for row in page(db, mine, None, AT_MOST["files"], 0)],
        "media_reports": lambda db: _rows(db, reported.limit(AT_MOST["media_reports"])),
        "films": lambda db: [asdict(row) for row in films(db, mine, None, AT_MOST["films"], ascending=False)],
    }


def _whole(name: str, read: Callable[[Database], Any]) -> Work:
    return lambda database: _named(name) + _json(read(database))


def _long(name: str, rows: Select[Any], order: Sequence[Column[Any]]) -> Iterator[Work]:
    """A list of any length, the latest first. `order`: what its rows are ordered by, along an index."""
    yield lambda _: _named(name) + b"["
    last: dict[str, Any] | None = None
    found: list[dict[str, Any]] = []

    def work(database: Database) -> bytes:
        nonlocal found, last
        place = [] if last is None else [tuple_(*order) < tuple_(*(last[column.name] for column in order))]
        found = _rows(database, rows.where(*place).limit(CHUNK))
        comma = b"," if last is not None and found else b""
        last = found[-1] if found else last
        return comma + _json(found)[1:-1]

    yield work
    while len(found) == CHUNK:
        yield work
    yield lambda _: b"]"


def _rows(database: Database, rows: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in database.query(rows)]


def _named(name: str) -> bytes:
    return b"," + _json(name) + b":"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _told(row: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in _SECRET}


def _without_url(row: Address) -> dict[str, Any]:
    """As it is shown everywhere: the rest of the address is as good as a password."""
    return {**asdict(row), "url": row.shown}
