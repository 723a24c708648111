"""`invite create`, `list`, `revoke`."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.cli import commands
from coordinator.cli.arguments import parser
from coordinator.config import Config
from coordinator.identity.rows import add_invite, new_invite
from coordinator.identity.tokens import Tokens
from coordinator.store.database import Database
from coordinator.store.errors import StoreError


def run(db: Path, *words: str) -> None:
    commands.run(parser().parse_args(words), Config(db=db))


def test_an_invite_is_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    run(db, "key", "create", "--name", "x", "--init")
    capsys.readouterr()
    run(db, "invite", "create", "--note", "Ada", "--json")
    made = json.loads(capsys.readouterr().out)
    run(db, "invite", "create", "--account", "default")
    out, err = capsys.readouterr()
    assert f"/account#invite={out.strip()}" in err
    run(db, "invite", "list", "--json")
    listed = json.loads(capsys.readouterr().out)
    assert made["code"] not in str(listed)
    assert {row["note"]: (row["state"], row["account"]) for row in listed} == {
        "Ada": ("live", None),
        "": ("live", "default"),
    }
    run(db, "invite", "revoke", made["id"])
    with pytest.raises(StoreError, match="no invite"):
        run(db, "invite", "revoke", made["id"])


def test_a_strangers_note_moves_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "c.db"
    with closing(Database(db)) as database:
        add_invite(database, new_invite(Tokens(b"p" * 32), 0, 1, "for\x1b[2J\nAda")[1])
    run(db, "invite", "list")
    out = capsys.readouterr().out
    assert "for [2J Ada" in out and "\x1b" not in out and len(out.splitlines()) == 2
