"""`account ...`: accounts with their money and their use."""

import json
import sys
from argparse import Namespace
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import get_account, list_accounts
from coordinator.cli.tables import print_table
from coordinator.clock import day_start_ms, now_ms
from coordinator.ledger.grants import Balance, totals
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.operating.changes import change_account
from coordinator.operating.uses import last_seen, used_since, worker_keys
from coordinator.store.audit_log import COMMAND_LINE
from coordinator.store.database import Database

DAYS = 30
AMOUNTS = ("available_nano", "owed_nano", "earned_nano", "escrow_nano", "credit_nano")
COLUMNS = (
    "id",
    "name",
    "weight",
    "disabled",
    *AMOUNTS,
    "requests_30d",
    "used_30d_nano",
    "workers",
    "seen_ms",
    "created_ms",
)


def create(database: Database, asked: Namespace, starter_nano: int) -> None:
    account = create_account(database, asked.name, now_ms(), starter_nano)
    print(json.dumps(asdict(account)) if asked.json else account.id)


def show(database: Database, *, as_json: bool) -> None:
    """All of them: what each has, what it used in DAYS days, how many workers it has had, and its last request."""
    have = totals(database)
    used, seen = used_since(database, day_start_ms(now_ms(), DAYS - 1)), last_seen(database)
    has_workers = Counter(key.partition("/")[0] for key in worker_keys(database))
    rows: list[dict[str, Any]] = []
    for account in list_accounts(database):
        money = have.get(account.id, Balance())
        requests, cost = used.get(account.id, (0, 0))
        rows.append(
            asdict(account)
            | {f"{kind}_nano": amount for kind, amount in asdict(money).items()}
            | {"owed_nano": money.earned + money.escrow, "requests_30d": requests, "used_30d_nano": cost}
            | {"workers": has_workers[account.id], "seen_ms": seen.get(account.id)}
        )
    print_table(rows, COLUMNS, as_json=as_json)
    if until := USAGE_DAYS.counted_until(database):
        at = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
        print(f"what was used is still being added up: the table has what was booked up to {at}", file=sys.stderr)


def change(database: Database, asked: Namespace) -> None:
    """`set`, `disable`, `enable`. Raises StoreError."""
    account = get_account(database, asked.account)
    values = {"weight": asked.weight} if asked.action == "set" else {"disabled": asked.action == "disable"}
    changed = change_account(database, account.id, values, COMMAND_LINE, now_ms())
    if asked.json:
        print(json.dumps(asdict(changed)))
    print(f"{account.name} is changed; a running coordinator knows within a second", file=sys.stderr)
