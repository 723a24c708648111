"""`invite ...`: links by which people make an account in a browser, or come into theirs again."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from coordinator.accounts.rows import get_account, list_accounts
from coordinator.clock import now_ms
from coordinator.identity.rows import add_invite, list_invites, new_invite, revoke_invite
from coordinator.identity.tokens import Tokens
from coordinator.store.database import Database
from program.printable import printable

COLUMNS = ("id", "note", "made_by", "account", "state", "used_by", "made_ms", "expires_ms")


def create(database: Database, pepper: bytes, asked: Namespace, public_url: str | None) -> None:
    """Make one, and show its code, which nobody can look up later. Raises StoreError."""
    account = get_account(database, asked.account).id if asked.account else None
    code, row = new_invite(Tokens(pepper), now_ms(), asked.days, asked.note, account=account)
    add_invite(database, row)
    if asked.json:
        print(json.dumps({"id": row.id, "code": code, "expires_ms": row.expires_ms}))
        return
    print(code)
    where = f"{public_url or 'http://localhost:PORT'}/account#invite={code}"
    print(f"one person may use it, at {where}; it is not shown again", file=sys.stderr)


def rows(database: Database) -> list[dict[str, Any]]:
    """All of them, with the names of accounts, None for the operator and for nobody."""
    names = {account.id: account.name for account in list_accounts(database)}
    told = []
    for row in list_invites(database):
        named = {name: names.get(getattr(row, name) or "") for name in ("made_by", "account", "used_by")}
        told.append({**asdict(row), **named, "note": printable(row.note), "state": row.state(now_ms())})
    return told


def revoke(database: Database, invite: str) -> None:
    """Raises StoreError if it is none that could be used."""
    revoke_invite(database, invite, now_ms())
