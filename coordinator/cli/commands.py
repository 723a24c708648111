"""The commands that work on the database: keys, accounts, money. Results on stdout, everything else on stderr."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, dataclass

from coordinator.accounts.pepper import open_pepper, pepper_file
from coordinator.accounts.rows import get_account, list_accounts, list_keys
from coordinator.artefacts.rows import block, end_all, list_reports
from coordinator.cli import accounts, decisions, inviting, keys, workers
from coordinator.cli.alerting import send_test
from coordinator.cli.moving import move_database, move_media
from coordinator.cli.tables import day, print_table
from coordinator.clock import day_start_ms, now_ms
from coordinator.config import Config
from coordinator.ledger.audit import check
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.grants import grant
from coordinator.ledger.pricing import SPARK_NANO, Units, decimal
from coordinator.ledger.usage import sums
from coordinator.operating.changes import give
from coordinator.store.audit_log import COMMAND_LINE, Act, audited
from coordinator.store.database import Database
from coordinator.store.engines import sqlite_file
from coordinator.store.errors import StoreError
from program.printable import printable

MOST_REPORTS = 1000


@dataclass(frozen=True)
class _Call:
    """One command: its arguments, the settings, and the open database."""

    arguments: Namespace
    config: Config
    database: Database

    @property
    def pepper(self) -> bytes:
        return _pepper(self.database, self.config, make=False)

    @property
    def starter_nano(self) -> int:
        return self.config.starter_spark * SPARK_NANO


def run(arguments: Namespace, config: Config) -> None:
    """Carry out one command and print its result. Raises StoreError, also if there is no database: without `--init`
    none is made, as one in the wrong place would be new and empty."""
    file = sqlite_file(config.db)
    init = getattr(arguments, "init", False)
    if file is not None and not init and not file.exists():
        raise StoreError(
            f"no database at {file}: give the coordinator's with --db (its log names it at the start), or make one:"
            " `serve` does, and --init with `key create` or `account create`"
        )
    database = Database(config.db)
    try:
        if init:
            _pepper(database, config, make=True)
        command = arguments.command, getattr(arguments, "action", None)
        audited(database, decisions.act_of(command, arguments), now_ms(), _run, arguments, config)
    finally:
        database.close()


def _run(database: Database, arguments: Namespace, config: Config) -> None:
    _COMMANDS[arguments.command, getattr(arguments, "action", None)](_Call(arguments, config, database))


def _pepper(database: Database, config: Config, *, make: bool) -> bytes:
    return open_pepper(database, config.pepper or pepper_file(config.db), make=make)


# ---- keys ------------------------------------------------------------------------------------------------------------


def _key_create(call: _Call) -> None:
    keys.create(call.database, call.pepper, call.arguments, call.starter_nano)


def _key_regenerate(call: _Call) -> None:
    keys.regenerate(call.database, call.pepper, call.arguments)


def _key_list(call: _Call) -> None:
    print_table(keys.rows(call.database), keys.COLUMNS, as_json=call.arguments.json)


def _key_set(call: _Call) -> None:
    keys.change(call.database, call.arguments)


def _key_revoke(call: _Call) -> None:
    keys.revoke(call.database, call.arguments)


def _changed(call: _Call, **values: object) -> None:
    """For programs, what has been changed about the thing of this id."""
    if call.arguments.json:
        print(json.dumps({"id": call.arguments.id, **values}))


# ---- accounts --------------------------------------------------------------------------------------------------------


def _account_create(call: _Call) -> None:
    accounts.create(call.database, call.arguments, call.starter_nano)


def _account_list(call: _Call) -> None:
    accounts.show(call.database, as_json=call.arguments.json)


def _account_change(call: _Call) -> None:
    accounts.change(call.database, call.arguments)


# ---- invites ---------------------------------------------------------------------------------------------------------


def _invite_create(call: _Call) -> None:
    inviting.create(call.database, call.pepper, call.arguments, call.config.public_url)


def _invite_list(call: _Call) -> None:
    print_table(inviting.rows(call.database), inviting.COLUMNS, as_json=call.arguments.json)


def _invite_revoke(call: _Call) -> None:
    inviting.revoke(call.database, call.arguments.id)
    _changed(call, revoked=True)
    print(f"{call.arguments.id} is revoked", file=sys.stderr)


# ---- money -----------------------------------------------------------------------------------------------------------


def _grant(call: _Call) -> None:
    asked = call.arguments
    account = get_account(call.database, asked.account)
    nano = asked.amount * Units(call.config.sogni_nano).of(asked.currency)
    if nano.denominator != 1:
        raise LedgerError(f"{asked.amount} {asked.currency} is no whole number of nano-dollars")
    order = grant(account.id, asked.currency, int(nano), now_ms(), asked.reason, asked.note)
    said = f"{asked.reason} {asked.amount} {asked.currency} {printable(asked.note)}".strip()
    give(call.database, order, (), Act(COMMAND_LINE, "grant", account.id, said), now_ms())
    if call.arguments.json:
        print(json.dumps({"id": order.id, "account": account.id, "currency": asked.currency, "nano_usd": order.nano}))
    print(f"booked: {asked.reason} of ${decimal(order.nano)} in {asked.currency}, {account.name}", file=sys.stderr)


def _usage(call: _Call) -> None:
    asked = call.arguments
    account = get_account(call.database, asked.account)
    names = {key.id: key.name for key in list_keys(call.database, account.id)}
    since_ms = day_start_ms(now_ms(), asked.days - 1)
    rows = [
        {**asdict(row), "day": day(row.day), "key": names.get(row.key, row.key)}
        for row in sums(call.database, account.id, since_ms)
    ]
    columns = ("day", "model", "key", "requests", "prompt", "cached", "completion", "reasoning", "units", "cost_nano")
    print_table(rows, columns, as_json=call.arguments.json)


def _worker(call: _Call) -> None:
    workers.run(call.database, call.arguments)


def _ledger_check(call: _Call) -> None:
    found = check(call.database)
    if call.arguments.json:
        print(json.dumps({"ok": not found, "found": found}))
    else:
        print("\n".join(found) if found else "all money adds up")
    if found:
        sys.exit(1)


def _media_reports(call: _Call) -> None:
    name = {account.id: account.name for account in list_accounts(call.database)}.get
    rows = [
        {**asdict(one), "account": name(one.account), "owner": name(one.owner), "reason": printable(one.reason)}
        for one in list_reports(call.database, MOST_REPORTS)
    ]
    print_table(rows, ("at_ms", "artefact", "owner", "job", "account", "reason"), as_json=call.arguments.json)


def _media_block(call: _Call) -> None:
    block(call.database, call.arguments.id, True)
    _changed(call, blocked=True)
    print(f"{call.arguments.id} is blocked", file=sys.stderr)


def _media_unblock(call: _Call) -> None:
    block(call.database, call.arguments.id, False)
    _changed(call, blocked=False)
    print(f"{call.arguments.id} is no longer blocked", file=sys.stderr)


def _media_delete(call: _Call) -> None:
    account = get_account(call.database, call.arguments.account)
    count = end_all(call.database, account.id, now_ms())
    if call.arguments.json:
        print(json.dumps({"account": account.id, "ended": count}))
    print(
        f"{count} files of {account.name} have ended; a running coordinator deletes them in a minute", file=sys.stderr
    )


def _media_move(call: _Call) -> None:
    if not move_media(call.database, call.config, call.arguments.to, as_json=call.arguments.json):
        sys.exit(1)


def _database_move(call: _Call) -> None:
    move_database(call.database, call.config, call.arguments.to, as_json=call.arguments.json)


def _decision(call: _Call) -> None:
    decisions.run(call.database, call.arguments, now_ms())


_COMMANDS: dict[tuple[str, str | None], Callable[[_Call], None]] = {
    ("grant", None): _grant,
    ("usage", None): _usage,
    **{("worker", action): _worker for action in ("list", "rest", "away", "end")},
    ("ledger", "check"): _ledger_check,
    **dict.fromkeys(decisions.COMMANDS, _decision),
    ("database", "move"): _database_move,
    ("alert", "test"): lambda call: print(send_test(call.config)),
    ("key", "create"): _key_create,
    ("key", "list"): _key_list,
    ("key", "set"): _key_set,
    ("key", "revoke"): _key_revoke,
    ("key", "regenerate"): _key_regenerate,
    ("invite", "create"): _invite_create,
    ("invite", "list"): _invite_list,
    ("invite", "revoke"): _invite_revoke,
    ("media", "reports"): _media_reports,
    ("media", "block"): _media_block,
    ("media", "unblock"): _media_unblock,
    ("media", "delete"): _media_delete,
    ("media", "move"): _media_move,
    ("account", "create"): _account_create,
    ("account", "list"): _account_list,
    **{("account", action): _account_change for action in ("set", "disable", "enable")},
}
