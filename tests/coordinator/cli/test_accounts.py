"""`account list` says of each account what the ledger says."""

import json
import time
from pathlib import Path

import pytest

from coordinator.identity.joining import delete_account
from coordinator.ledger.pricing import Payee
from coordinator.operating.errors import CannotBeDone
from coordinator.store.database import Database
from tests.coordinator.cli.test_commands import run
from tests.coordinator.ledger.builders import client, do, hold, settle


def test_money_use_workers_and_last_request_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db, at_ms = tmp_path / "c.db", time.time_ns() // 1_000_000
    database = Database(db)
    alice, bob = client(database), client(database, "bob", 0)
    do(database, hold(alice), settle(alice, "j", 60, (Payee(f"{bob.account}/w-1", bob.account, 6),), at_ms))
    database.close()
    run(db, "account", "list")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["bob"]["owed_nano"], rows["bob"]["workers"], rows["bob"]["seen_ms"]) == (6, 1, None)
    assert rows["alice"]["available_nano"] == 940


def test_a_deleted_account_is_not_enabled(tmp_path: Path) -> None:
    db = tmp_path / "c.db"
    database = Database(db)
    alice = client(database)
    delete_account(database, alice.account, 5)
    database.close()
    with pytest.raises(CannotBeDone, match="deleted"):
        run(db, "account", "enable", account=alice.account)
