"""Payouts and the audit log at the command line."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from coordinator.ledger.errors import LedgerError
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.payouts import Wanted, ask
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from tests.coordinator.cli.test_commands import run
from tests.coordinator.ledger.builders import do, hold, payer, settle


def test_payouts_are_listed_and_decided_and_every_deed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "c.db", "account", "create", name="bob")
    bob = capsys.readouterr().out.strip()
    database = Database(tmp_path / "c.db")
    alice, bob = payer(database), json.loads(bob)["id"]
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob}/w", bob, 40),)))
    mature(database, Terms(0, 0), 1000)
    payout = ask(database, Wanted(bob, "spark", 30, "bank \x1b[2J7", "key_1"), 5)
    database.close()
    run(tmp_path / "c.db", "payout", "list", state="asked", json=False)
    head, row = capsys.readouterr().out.splitlines()
    assert (head.split()[0], row.split()[:5]) == ("id", [payout.id, "asked", "bob", "spark", "$0.00000003"])
    assert "\x1b" not in row
    run(tmp_path / "c.db", "payout", "approve", id=payout.id, note="")
    assert json.loads(capsys.readouterr().out)["state"] == "approved"
    with pytest.raises(LedgerError, match="is approved"):
        run(tmp_path / "c.db", "payout", "refuse", id=payout.id, note="")
    run(tmp_path / "c.db", "audit", "list", limit=10)
    deed, made = json.loads(capsys.readouterr().out)
    assert (deed["actor"], deed["action"], deed["target"]) == ("command line", "payout approve", bob)
    assert (made["action"], made["detail"]) == ("account create", "name=bob platform_tools=on scope=client,worker")


def test_what_a_command_changes_is_written_down_and_what_it_only_reads_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "c.db", "key", "create", name="x", scope="admin")
    key = json.loads(capsys.readouterr().out)
    run(tmp_path / "c.db", "grant", None, amount=Fraction(5), currency="spark", reason="deposit", note="bank")
    run(tmp_path / "c.db", "key", "list")
    run(tmp_path / "c.db", "key", "revoke", id=key["id"])
    capsys.readouterr()
    run(tmp_path / "c.db", "audit", "list", limit=10)
    out = capsys.readouterr().out
    assert [(deed["action"], deed["target"]) for deed in json.loads(out)] == [
        ("key revoke", key["id"]),
        ("grant", key["account"]),
        ("key create", "default"),
    ]
    assert "deposit 5 spark bank" in out and "scope=admin" in out and key["key"] not in out
