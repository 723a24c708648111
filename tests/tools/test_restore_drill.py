"""A drill says of a good backup that it serves, and of a bad one what is wrong, and changes neither."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.store.database import Database
from tests.coordinator.conftest import postgres as postgres
from tests.coordinator.ledger.builders import do, hold, payer, settle
from tools.local_network import Network

pytestmark = pytest.mark.process


def drilled(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "tools.restore_drill", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a database with a key and a booking."""
    network = Network(tmp_path, tmp_path, db="backup.db")
    network.create_key("laptop")
    with closing(Database(tmp_path / "backup.db")) as database:
        alice = payer(database)
        do(database, hold(alice), settle(alice))
    return tmp_path / "backup.db"


def test_a_good_backup_serves_and_stays_as_it_is(backup: Path) -> None:
    before = backup.read_bytes()
    code, out, _ = drilled(backup, "--json")
    found = json.loads(out)
    assert (code, found["serves"], found["wrong"], found["accounts"], found["keys"]) == (0, True, [], 2, 2)
    assert found["last_ms"] > 10**12
    assert backup.read_bytes() == before
    code, out, _ = drilled(backup)
    assert (code, "all money adds up" in out, "serves with it" in out) == (0, True, True)


def test_books_that_do_not_add_up_are_told(backup: Path) -> None:
    with closing(sqlite3.connect(backup)) as database:
        database.execute("UPDATE balances SET nano = nano + 1 WHERE kind = 'funded'")
        database.commit()
    code, out, _ = drilled(backup)
    assert (code, "its entries say" in out) == (1, True)


def test_a_backup_that_is_torn_or_without_its_pepper_is_told_in_words(backup: Path) -> None:
    pepper = backup.with_name("backup.db.pepper")
    right = pepper.read_text()
    pepper.write_text("0" * 64)
    code, _, err = drilled(backup)
    assert (code, "another database's pepper" in err, "Traceback" in err) == (1, True, False)
    pepper.unlink()
    code, _, err = drilled(backup)
    assert (code, "there is no file" in err) == (2, True)
    pepper.write_text(right)
    backup.write_bytes(backup.read_bytes()[:9000] + b"torn")
    code, _, err = drilled(backup)
    assert (code, "Traceback" in err) == (1, False), err


def test_what_was_restored_on_a_server_is_drilled_there(postgres: Callable[[], str], tmp_path: Path) -> None:
    url = postgres()
    network = Network(tmp_path, tmp_path, db=url)
    network.create_key("laptop")
    code, out, err = drilled("--db", url, "--pepper", tmp_path / "pepper", "--json")
    assert (code, json.loads(out)["serves"]) == (0, True), err
