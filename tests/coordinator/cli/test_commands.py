import json
import sqlite3
import time
from argparse import Namespace
from fractions import Fraction
from pathlib import Path

import pytest

from coordinator.accounts.api_keys import well_formed
from coordinator.accounts.errors import NotFound
from coordinator.artefact import Artefact
from coordinator.artefacts import rows as media
from coordinator.cli import commands
from coordinator.config import Config
from coordinator.ledger.orders import Settle
from coordinator.ledger.pricing import SPARK_NANO, Payee
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from tests.coordinator.ledger.builders import client, do, hold, usage

LIMITS = ("rpm", "tpm", "concurrency")


def run(db: Path, command: str, action: str | None, **arguments: object) -> None:
    defaults = {"json": True, "account": "default", "scope": "client,worker", "expires": None}
    defaults |= {"rpm": None, "tpm": None, "concurrency": None, "init": action == "create", "platform_tools": "on"}
    defaults |= dict.fromkeys(
        ("cap_day", "cap_month", "state", "coordinator", "before", "actor", "act", "target", "days")
    )
    commands.run(Namespace(command=command, action=action, **(defaults | arguments)), Config(db=db))


def test_a_key_is_shown_once_with_its_scopes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "c.db", "key", "create", name="x", scope="worker, client")
    made = json.loads(capsys.readouterr().out)
    assert well_formed(made["key"])
    assert made["scopes"] == ["client", "worker"]
    run(tmp_path / "c.db", "key", "list")
    listed = capsys.readouterr().out
    assert made["id"] in listed
    assert made["key"] not in listed


def test_the_plain_key_is_all_that_stands_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "c.db", "key", "create", name="x", json=False)
    out, err = capsys.readouterr()
    assert well_formed(out.strip())
    assert "only time" in err


def test_lists_are_tables_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "c.db", "account", "create", name="alice")
    run(tmp_path / "c.db", "key", "create", name="laptop", account="alice")
    capsys.readouterr()
    run(tmp_path / "c.db", "account", "list", json=False)
    assert "alice" in capsys.readouterr().out
    run(tmp_path / "c.db", "key", "list", json=False)
    head, row = capsys.readouterr().out.splitlines()
    new = ("cap_day", "cap_month", "platform_tools", "disabled", "used", "expires", "revoked")
    assert head.split() == ["id", "name", "account", "scopes", "hint", *LIMITS, *new]
    assert row.split()[1:4] == ["laptop", "alice", "client,worker"]


@pytest.mark.parametrize(
    ("action", "asked"), [("create", {"name": "laptop", "init": False}), ("list", {}), ("revoke", {"id": "key_1"})]
)
def test_a_database_that_is_not_there_is_named_and_not_made(
    tmp_path: Path, action: str, asked: dict[str, object]
) -> None:
    with pytest.raises(StoreError, match=f"no database at {tmp_path}/folder/c.db: .*--db.*serve.*--init"):
        run(tmp_path / "folder" / "c.db", "key", action, **asked)
    assert not list(tmp_path.iterdir())


def test_a_key_is_not_made_under_a_pepper_of_its_own(tmp_path: Path) -> None:
    run(tmp_path / "c.db", "key", "create", name="x")
    (tmp_path / "c.db.pepper").rename(tmp_path / "moved")
    with pytest.raises(StoreError, match=r"the pepper of .* is not at"):
        run(tmp_path / "c.db", "key", "create", name="y", init=False)
    assert not (tmp_path / "c.db.pepper").exists()


def test_the_first_command_makes_all_that_the_next_ones_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "c.db", "account", "create", name="alice", init=True)
    capsys.readouterr()
    run(tmp_path / "c.db", "key", "create", name="x", init=False, json=False)
    assert f"made in {tmp_path}/c.db" in capsys.readouterr().err


def test_what_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    run(tmp_path / "c.db", "account", "create", name="alice")
    with pytest.raises(StoreError, match="key_ghost"):
        run(tmp_path / "c.db", "key", "revoke", id="key_ghost")


def test_accounts_are_listed_with_what_they_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    run(db, "account", "create", name="alice")
    money: dict[str, object] = {"account": "alice", "currency": "sogni", "note": "", "amount": Fraction("2.5")}
    run(db, "grant", None, reason="deposit", **money)
    capsys.readouterr()
    run(db, "account", "list")
    (alice,) = json.loads(capsys.readouterr().out)
    starter = Config(db=db).starter_spark * SPARK_NANO
    assert (alice["available_nano"], alice["earned_nano"], alice["escrow_nano"]) == (starter + 25_000_000, 0, 0)
    run(db, "account", "list", json=False)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[4:7] == ["available", "owed", "earned"]
    assert row.split()[4:7] == ["$5.025", "$0", "$0"]


def test_usage_and_the_workers_that_earned_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db, now_ms = tmp_path / "c.db", time.time_ns() // 1_000_000
    database = Database(db)
    alice, bob = client(database), client(database, "bob", 0)
    paid = Settle("j", 60, (Payee(f"{bob.account}/w-1", bob.account, 6),), (usage(alice, "j", 60, now_ms),), now_ms)
    do(database, hold(alice), paid)
    database.close()
    run(db, "usage", None, account="alice", days=2)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["model"], row["key"], row["requests"], row["prompt"], row["cost_nano"]) == ("m", "k", 1, 10, 60)
    assert row["day"] == time.strftime("%Y-%m-%d", time.gmtime(now_ms / 1000))
    run(db, "usage", None, account="bob", days=2)
    assert json.loads(capsys.readouterr().out) == []
    run(db, "worker", "list")
    (worker,) = json.loads(capsys.readouterr().out)
    assert (worker["worker"], worker["account"], worker["jobs"]) == (f"{bob.account}/w-1", "bob", 1)
    assert (worker["earned_nano"], worker["escrow_nano"], worker["last_ms"]) == (6, 6, now_ms)


def test_a_key_has_limits_and_an_end_and_people_read_it_as_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {"rpm": 10, "tpm": 2000, "concurrency": 3, "expires": 4102444800000}
    run(tmp_path / "c.db", "key", "create", name="x", **limits)
    capsys.readouterr()
    run(tmp_path / "c.db", "key", "list")
    (key,) = json.loads(capsys.readouterr().out)
    assert {name: key[name] for name in LIMITS} == {name: limits[name] for name in LIMITS}
    assert key["expires_ms"] == limits["expires"]
    run(tmp_path / "c.db", "key", "list", json=False)
    assert "2100-01-01T00:00:00Z" in capsys.readouterr().out


def test_the_platform_tools_of_a_key_are_switched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    run(db, "key", "create", name="on")
    run(db, "key", "create", name="off", platform_tools="off")
    on, off = (json.loads(line)["id"] for line in capsys.readouterr().out.splitlines())

    def switches() -> dict[str, bool]:
        run(db, "key", "list")
        return {key["id"]: key["platform_tools"] for key in json.loads(capsys.readouterr().out)}

    assert switches() == {on: True, off: False}
    run(db, "key", "set", id=on, platform_tools="off")
    run(db, "key", "set", id=off, platform_tools="on")
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [on, off]
    assert switches() == {on: False, off: True}
    run(db, "key", "revoke", id=on)
    with pytest.raises(NotFound):
        run(db, "key", "set", id=on, platform_tools="on")


def test_a_key_is_regenerated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "c.db", "key", "create", name="x")
    old = json.loads(capsys.readouterr().out)
    run(tmp_path / "c.db", "key", "regenerate", id=old["id"])
    new = json.loads(capsys.readouterr().out)
    assert well_formed(new["key"]) and new["key"] != old["key"]
    run(tmp_path / "c.db", "key", "list")
    ends = {key["id"]: key["revoked_ms"] for key in json.loads(capsys.readouterr().out)}
    assert ends[old["id"]] is not None and ends[new["id"]] is None


def test_an_account_is_weighed_disabled_and_enabled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    run(db, "account", "create", name="alice")
    run(db, "account", "set", account="alice", weight=2.5)
    run(db, "account", "disable", account="alice")
    capsys.readouterr()
    run(db, "account", "list")
    (alice,) = json.loads(capsys.readouterr().out)
    assert (alice["weight"], alice["disabled"]) == (2.5, True)
    run(db, "account", "enable", account=alice["id"])
    capsys.readouterr()
    run(db, "account", "list")
    assert json.loads(capsys.readouterr().out)[0]["disabled"] is False
    with pytest.raises(StoreError, match="no account named 'bob'"):
        run(db, "account", "disable", account="bob")


def test_money_is_granted_paid_in_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    run(db, "account", "create", name="alice")
    capsys.readouterr()
    money: dict[str, object] = {"account": "alice", "currency": "sogni", "note": "", "amount": Fraction("2.5")}
    run(db, "grant", None, reason="deposit", **money)
    assert json.loads(capsys.readouterr().out)["nano_usd"] == 25_000_000
    with pytest.raises(StoreError, match="has earned \\$0"):
        run(db, "grant", None, reason="payout", **money)
    with pytest.raises(StoreError, match="no whole number"):
        run(db, "grant", None, reason="grant", **(money | {"amount": Fraction(1, 3 * 10**7)}))
    run(db, "ledger", "check")
    assert json.loads(capsys.readouterr().out) == {"ok": True, "found": []}
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE balances SET nano = nano + 1")
    connection.close()
    with pytest.raises(SystemExit) as caught:
        run(db, "ledger", "check", json=False)
    assert caught.value.code == 1
    assert "its entries say" in capsys.readouterr().out


def test_what_was_reported_is_listed_blocked_and_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "c.db", "account", "create", name="alice")
    owner = json.loads(capsys.readouterr().out)["id"]
    made = Artefact("A" * 22, "0" * 64, "image/png", 1, 0, 2**60)
    database = Database(tmp_path / "c.db")
    media.add(database, media.Row(made, owner, "made", "0" * 64, "j.0/1"), media.Room())
    media.report(database, made.id, owner, "it shows\x1b[31m me", 5)
    database.close()
    run(tmp_path / "c.db", "media", "reports", json=False)
    told = capsys.readouterr().out
    assert made.id in told and "it shows [31m me" in told and "\x1b" not in told
    for action, blocked in (("block", True), ("unblock", False)):
        run(tmp_path / "c.db", "media", action, id=made.id)
        database = Database(tmp_path / "c.db")
        found = media.find(database, made.id)
        assert found is not None and found.blocked == blocked
        database.close()
    run(tmp_path / "c.db", "media", "delete", account="alice")
    assert "1 files of alice" in capsys.readouterr().err
    with pytest.raises(StoreError, match="no artefact"):
        run(tmp_path / "c.db", "media", "block", id="B" * 22)
