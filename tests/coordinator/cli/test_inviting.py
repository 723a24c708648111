"""`invite create`, `list`, `revoke`."""

import json
from pathlib import Path

import pytest

from coordinator.cli import commands
from coordinator.cli.arguments import parser
from coordinator.config import Config
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
