"""`key ...`: API keys, as an operator makes, changes and ends them."""

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from coordinator.accounts.accounts import KeyRequest, create_key, regenerate_key
from coordinator.accounts.errors import AccountError
from coordinator.accounts.key_rules import RATES
from coordinator.accounts.rows import KeyLimits, KeyRow, list_accounts, list_keys, revoke_key, set_key
from coordinator.clock import now_ms
from coordinator.store.database import Database

COLUMNS = (
    *("id", "name", "account", "scopes", "hint", *RATES, "cap_day_nano", "cap_month_nano", "platform_tools"),
    *("disabled", "used_ms", "expires_ms", "revoked_ms"),
)
KNOWN = "a running coordinator knows within a second"


def create(database: Database, pepper: bytes, asked: Namespace, starter_nano: int) -> None:
    """Raises StoreError."""
    scopes = tuple(scope.strip() for scope in asked.scope.split(",") if scope.strip())
    caps = {name: None if (cap := getattr(asked, name)) is None else nano(cap) for name in ("cap_day", "cap_month")}
    limits = KeyLimits(asked.rpm, asked.tpm, asked.concurrency, caps["cap_day"], caps["cap_month"])
    on = asked.platform_tools == "on"
    request = KeyRequest(asked.name, asked.account, scopes, limits, asked.expires, platform_tools=on)
    _show_once(database, asked, *create_key(database, pepper, request, now_ms(), starter_nano))


def regenerate(database: Database, pepper: bytes, asked: Namespace) -> None:
    """Raises StoreError."""
    _show_once(database, asked, *regenerate_key(database, pepper, asked.id, now_ms()))
    print(f"{asked.id} is revoked; {KNOWN}", file=sys.stderr)


def _show_once(database: Database, asked: Namespace, key: str, row: KeyRow) -> None:
    if asked.json:
        print(json.dumps({"key": key, "id": row.id, "account": row.account, "scopes": row.scopes}))
    else:
        print(key)
        print(f"made in {database.name}; this is the only time that the key is shown", file=sys.stderr)


def rows(database: Database) -> list[dict[str, Any]]:
    """All of them, with the names of their accounts."""
    names = {account.id: account.name for account in list_accounts(database)}
    return [
        {**asdict(key), **asdict(key.limits), "account": names[key.account], "scopes": ",".join(key.scopes)}
        for key in list_keys(database)
    ]


def change(database: Database, asked: Namespace) -> None:
    """Raises StoreError, also if nothing is to be changed."""
    values: dict[str, Any] = {}
    if asked.platform_tools is not None:
        values["platform_tools"] = asked.platform_tools == "on"
    if asked.state is not None:
        values["disabled"] = asked.state == "disabled"
    for name in RATES:
        if (limit := getattr(asked, name)) is not None:
            values[name] = None if limit == "default" else limit
            if limit == 0:
                raise AccountError("a limit is at least 1; `default` is the server's")
    for name in ("cap_day", "cap_month"):
        if (cap := getattr(asked, name)) is not None:
            values[f"{name}_nano"] = None if cap == "none" else nano(cap)
    if not values:
        raise AccountError("nothing to change: `key set --help` lists what can be")
    set_key(database, asked.id, **values)
    if asked.json:
        print(json.dumps({"id": asked.id, **values}))
    print(f"{asked.id} is changed; {KNOWN}", file=sys.stderr)


def revoke(database: Database, asked: Namespace) -> None:
    """Raises StoreError."""
    revoke_key(database, asked.id, now_ms())
    if asked.json:
        print(json.dumps({"id": asked.id, "revoked": True}))
    print(f"{asked.id} is revoked; {KNOWN}", file=sys.stderr)


def nano(dollars: Fraction) -> int:
    """Whole nano-dollars. Raises AccountError for a part of one."""
    whole = dollars * 10**9
    if whole.denominator != 1:
        raise AccountError(f"{float(dollars)} dollars is no whole number of nano-dollars")
    return int(whole)
