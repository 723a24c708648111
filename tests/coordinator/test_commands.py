import json
from argparse import Namespace
from pathlib import Path

import pytest

from coordinator import commands
from coordinator.accounts import well_formed
from coordinator.ledger.database import LedgerError


def run(db: Path, command: str, action: str, **arguments: object) -> None:
    defaults = {"json": True, "account": "default", "scope": "client,worker"}
    commands.run(Namespace(command=command, action=action, **(defaults | arguments)), db)


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
    assert head.split() == ["id", "name", "account", "scopes", "hint", "revoked_ms"]
    assert row.split()[1:4] == ["laptop", "alice", "client,worker"]


def test_what_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        run(tmp_path / "c.db", "key", "revoke", id="key_ghost")
