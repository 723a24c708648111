"""The commands that work on the database: keys and accounts. Results on stdout, everything else on stderr."""

import json
import sys
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coordinator.accounts import Wish, create_account, create_key, read_pepper
from coordinator.ledger.database import Database
from coordinator.ledger.keys import list_accounts, list_keys, revoke_key


def run(arguments: Namespace, db: Path) -> None:
    """Raises LedgerError."""
    database = Database(db)
    try:
        _COMMANDS[arguments.command, arguments.action](arguments, database, db)
    finally:
        database.close()


def _key_create(arguments: Namespace, database: Database, db: Path) -> None:
    scopes = tuple(scope.strip() for scope in arguments.scope.split(",") if scope.strip())
    wish = Wish(arguments.name, arguments.account, scopes)
    key, row = create_key(database, read_pepper(db), wish, _now_ms())
    if arguments.json:
        print(json.dumps({"key": key, "id": row.id, "account": row.account, "scopes": row.scopes}))
    else:
        print(key)
        print("This is the only time that the key is shown.", file=sys.stderr)


def _key_list(arguments: Namespace, database: Database, db: Path) -> None:
    names = {account.id: account.name for account in list_accounts(database)}
    rows = [
        {**asdict(key), "account": names[key.account], "scopes": ",".join(key.scopes)} for key in list_keys(database)
    ]
    _table(arguments, rows, ("id", "name", "account", "scopes", "hint", "revoked_ms"))


def _key_revoke(arguments: Namespace, database: Database, db: Path) -> None:
    revoke_key(database, arguments.id, _now_ms())
    print(f"{arguments.id} is revoked; a running coordinator knows within a second", file=sys.stderr)


def _account_create(arguments: Namespace, database: Database, db: Path) -> None:
    account = create_account(database, arguments.name, _now_ms())
    print(json.dumps(asdict(account)) if arguments.json else account.id)


def _account_list(arguments: Namespace, database: Database, db: Path) -> None:
    _table(arguments, [asdict(account) for account in list_accounts(database)], ("id", "name", "created_ms"))


_COMMANDS = {
    ("key", "create"): _key_create,
    ("key", "list"): _key_list,
    ("key", "revoke"): _key_revoke,
    ("account", "create"): _account_create,
    ("account", "list"): _account_list,
}


def _table(arguments: Namespace, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    if arguments.json:
        print(json.dumps([{name: row[name] for name in columns} for row in rows]))
        return
    cells = [columns, *(tuple("-" if row[name] is None else str(row[name]) for name in columns) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
