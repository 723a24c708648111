"""`worker ...`: what workers have earned, what those of a coordinator that runs do now, and orders to them."""

import json
import os
import sys
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from coordinator.accounts.rows import list_accounts
from coordinator.cli.running import KEY_VARIABLE, everyone
from coordinator.cli.tables import print_table
from coordinator.clock import now_ms
from coordinator.ledger.escrow import workers
from coordinator.operating.errors import CannotBeDone
from coordinator.operating.worker_orders import OrderRow, end, order, standing
from coordinator.store.audit_log import COMMAND_LINE
from coordinator.store.database import Database
from program.printable import printable

KNOWN = ("worker", "account", "jobs", "earned_nano", "escrow_nano", "last_ms", "order")
NOW = (
    "worker",
    "name",
    "account",
    "state",
    "models",
    "tokens_per_second",
    "jobs",
    "earned_nano",
    "last_ms",
    "problems",
    "order",
)


def run(database: Database, asked: Namespace) -> None:
    """Carry out one of `list`, `rest`, `away` and `end`. Raises StoreError."""
    if asked.action == "list":
        _list(database, asked)
        return
    if "/" not in asked.worker:
        raise CannotBeDone(f"{asked.worker!r} is no worker: give ACCOUNT/WORKER, as `worker list` has it")
    at_ms = now_ms()
    if asked.action == "end":
        end(database, asked.worker, COMMAND_LINE, at_ms)
        shown: dict[str, Any] = {"worker": asked.worker, "order": None}
    else:
        row = OrderRow(asked.worker, asked.action, at_ms, at_ms + asked.time, printable(asked.note).strip())
        order(database, row, COMMAND_LINE)
        shown = {"worker": row.worker, "order": row.kind, "until_ms": row.until_ms, "note": row.note}
    if asked.json:
        print(json.dumps(shown))
    print(f"{asked.worker}: a running coordinator knows within a second", file=sys.stderr)


def _list(database: Database, asked: Namespace) -> None:
    names = {account.id: account.name for account in list_accounts(database)}
    orders = {key: row.kind for key, row in standing(database, now_ms()).items()}
    rows = {
        row.worker: {
            **asdict(row),
            "account": names.get(row.account, row.account),
            "order": orders.get(row.worker),
            **dict.fromkeys(("name", "state", "models", "tokens_per_second", "problems")),
        }
        for row in workers(database)
    }
    if asked.coordinator is None:
        print_table(list(rows.values()), KNOWN, as_json=asked.json)
        return
    empty = dict.fromkeys(NOW)
    for worker in everyone(asked.coordinator, os.environ.get(KEY_VARIABLE, "")):
        key = str(worker["key"])
        rows[key] = {
            **empty,
            "worker": key,
            "account": names.get(key.partition("/")[0], ""),
            "order": orders.get(key),
            **rows.get(key, {}),
            "name": printable(worker["name"]),
            "state": worker["state"],
            "models": " ".join(worker["models"]),
            "tokens_per_second": worker["tokens_per_second"],
            "problems": " ".join(problem["code"] for problem in worker["problems"]) or None,
        }
    print_table(list(rows.values()), NOW, as_json=asked.json)
