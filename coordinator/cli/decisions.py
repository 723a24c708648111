"""`payout ...` and `audit list`: what owners want to have, and what was done by whoever may decide."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict

from coordinator.accounts.rows import list_accounts
from coordinator.cli.tables import print_table
from coordinator.clock import day_start_ms, now_ms
from coordinator.ledger.orders import PayoutState
from coordinator.ledger.payouts import DECISIONS, MOST_LISTED, decide, in_state
from coordinator.ledger.pricing import decimal
from coordinator.store.audit_log import COMMAND_LINE, Act, Sought, read
from coordinator.store.database import Database
from program.printable import printable

# What these commands change is written down with it; payouts, grants, accounts and orders to workers do it themselves.
CHANGES = frozenset(
    {
        *(("key", action) for action in ("create", "set", "revoke", "regenerate")),
        ("account", "create"),
        *(("invite", action) for action in ("create", "revoke")),
        *(("media", action) for action in ("block", "unblock", "delete")),
    }
)
_NO_PART = {"command", "action", "account", "id", "json", "config", "db", "pepper", "init"}
COMMANDS: tuple[tuple[str, str | None], ...] = (
    ("payout", "list"),
    *(("payout", decision) for decision in DECISIONS),
    ("audit", "list"),
)


def act_of(command: tuple[str, str | None], asked: Namespace) -> Act | None:
    """What the audit log says of a command; None: it changes nothing, or writes that down itself."""
    if command not in CHANGES:
        return None
    given = {name: value for name, value in vars(asked).items() if name not in _NO_PART and value is not None}
    detail = " ".join(f"{name}={printable(str(value))}" for name, value in sorted(given.items()))
    what = " ".join(filter(None, (asked.command, getattr(asked, "action", None))))
    target = str(getattr(asked, "id", None) or getattr(asked, "account", None) or "")
    return Act(COMMAND_LINE, what, printable(target), detail)


def run(database: Database, asked: Namespace, at_ms: int) -> None:
    """Carry out one of COMMANDS and print its result. Raises StoreError."""
    if asked.command == "audit":
        _audit_list(database, asked)
    elif asked.action == "list":
        _payout_list(database, asked.state, as_json=asked.json)
    else:
        _payout_decide(database, asked, at_ms)


def _payout_list(database: Database, state: PayoutState | None, *, as_json: bool) -> None:
    names = {account.id: account.name for account in list_accounts(database)}
    rows = [
        {
            **asdict(payout),
            "account": names.get(payout.account, payout.account),
            "address": printable(payout.address),
            "note": printable(payout.note),
            "amount_nano": payout.nano,
        }
        for payout in in_state(database, state, MOST_LISTED)
    ]
    columns = ("id", "state", "account", "currency", "amount_nano", "address", "note", "key", "asked_ms", "changed_ms")
    print_table(rows, columns, as_json=as_json)


def _payout_decide(database: Database, asked: Namespace, at_ms: int) -> None:
    payout = decide(database, asked.id, asked.action, printable(asked.note), COMMAND_LINE, at_ms)
    if asked.json:
        print(json.dumps(asdict(payout)))
    print(f"{payout.id} of ${decimal(payout.nano)} in {payout.currency} is {payout.state}", file=sys.stderr)


def _audit_list(database: Database, asked: Namespace) -> None:
    since_ms = None if asked.days is None else day_start_ms(now_ms(), asked.days - 1)
    found = read(database, asked.limit, asked.before, Sought(asked.actor, asked.act, asked.target, since_ms))
    rows = [{**asdict(deed), "detail": printable(deed.detail)} for deed in found]
    print_table(rows, ("id", "at_ms", "actor", "action", "target", "detail"), as_json=asked.json)
