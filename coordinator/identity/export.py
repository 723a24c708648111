"""All that is stored of one account, for its owner."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import select

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

MOST_BOOKINGS = 10_000  # the latest; `bookings_left_out` says whether there were more
MOST_WORKER_DAYS = 10_000  # the latest: of 300 workers a month
MOST_PAYOUTS = 10_000  # the latest: of 20 a day, those of more than a year
MOST_REPORTS = 10_000  # the latest: at most 50 a day are made by an account
MOST_FILMS = 10_000  # the latest: they are forgotten with their files
MOST_REQUESTS = 10_000  # the latest: all of them are a file of CSV, in parts (api/requests.py)
MOST_FILES = 10_000  # the latest: an account has some 2,000 at a time, and ended ones stay for a month
_SECRET = ("hash", "public_key")
# Of a request: no text of it is stored. Which worker served it is somebody else's.
_REQUEST = ("job", "request_id", "key", "model", "kind", "streamed", "at_ms", "ended_ms", "state", "charge", "failure")


def exported(database: Database, account: AccountRow, since_ms: int) -> dict[str, Any]:
    """Plain values, times in Unix milliseconds, money in nano-dollars. `since_ms`: of the use by day, model and key."""
    booked = (
        select(entries.c.journal, journals.c.at_ms, journals.c.note, entries.c.currency, entries.c.kind, entries.c.nano)
        .join(journals, journals.c.id == entries.c.journal)
        .where(entries.c.owner == account.id)
        .order_by(entries.c.id.desc())
        .limit(MOST_BOOKINGS + 1)
    )
    by_day = select(history_workers).where(history_workers.c.account == account.id)
    by_day = by_day.order_by(history_workers.c.day.desc(), history_workers.c.worker).limit(MOST_WORKER_DAYS)
    said = (reports.c.artefact, reports.c.reason, reports.c.at_ms)
    reported = select(*said).where(reports.c.account == account.id).order_by(reports.c.at_ms.desc())
    wanted = select(*(holds.c[name] for name in _REQUEST)).where(holds.c.account == account.id)
    asked = wanted.order_by(holds.c.at_ms.desc(), holds.c.job.desc()).limit(MOST_REQUESTS + 1)
    requests = [dict(row._mapping) for row in database.query(asked)]
    bookings = [dict(row._mapping) for row in database.query(booked)]
    return {
        "object": "account.export",
        "account": asdict(account),
        "balances": {currency: asdict(balance) for currency, balance in balances_of(database, account.id).items()},
        "keys_and_sessions": [_told(row) for row in list_keys(database, account.id)],
        "passkeys": [_told(row) for row in passkeys_of(database, account.id)],
        "links": [_told(row) for row in links_of(database, account.id)],
        "invites": [_told(row) for row in list_invites(database, account.id)],
        "usage": [asdict(row) for row in sums(database, account.id, since_ms)],
        "workers": [asdict(row) for row in workers(database, account.id)],
        "workers_by_day": [dict(row._mapping) for row in database.query(by_day)],
        "energy": [asdict(row) for row in energy_days.read(database, account.id, since_ms // DAY_MS)],
        "electricity_nano_kwh": energy_days.price(database, account.id),
        "payouts": [asdict(row) for row in of_account(database, account.id, MOST_PAYOUTS)],
        "alerts": [_without_url(row) for row in addresses_of(database, account.id)],
        "messages": [asdict(row) for row in deliveries_of(database, account.id)],
        "files": [asdict(row) for row in page(database, account.id, None, MOST_FILES, 0)],
        "media_reports": [dict(row._mapping) for row in database.query(reported.limit(MOST_REPORTS))],
        "films": [asdict(row) for row in films(database, account.id, None, MOST_FILMS, ascending=False)],
        "requests": requests[:MOST_REQUESTS],
        "requests_left_out": len(requests) > MOST_REQUESTS,
        "bookings": bookings[:MOST_BOOKINGS],
        "bookings_left_out": len(bookings) > MOST_BOOKINGS,
        "at_most": {  # of each list, the latest
            "requests": MOST_REQUESTS,
            "bookings": MOST_BOOKINGS,
            "workers_by_day": MOST_WORKER_DAYS,
            "payouts": MOST_PAYOUTS,
            "messages": MOST_LISTED,
            "files": MOST_FILES,
            "media_reports": MOST_REPORTS,
            "films": MOST_FILMS,
        },
    }


def _told(row: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in _SECRET}


def _without_url(row: Address) -> dict[str, Any]:
    """As it is shown everywhere: the rest of the address is as good as a password."""
    return {**asdict(row), "url": row.shown}
