"""A program that would misread the money of a database of this one does not start on it, and changes nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.older_programs import checkout

BEFORE = "dced76d"  # the last commit that knows the steps up to 0003 alone, and one kind of money to spend


@pytest.fixture
def before(tmp_path: Path) -> Path:
    try:
        return checkout(BEFORE, tmp_path / "before")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no older program to run: {error}. A full clone has it (git fetch --unshallow)")


def test_the_version_before_refuses_the_database_of_this_one_and_this_one_goes_on(before: Path, tmp_path: Path) -> None:
    database, here = tmp_path / "c.db", Path(__file__).parents[2]

    def run(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "coordinator", *arguments, "--db", str(database)]
        return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60)

    # A database that it has made itself is brought here, with its money.
    assert run(before, "account", "create", "--init", "--name", "alice").returncode == 0
    assert run(here, "grant", "alice", "3", "--reason", "deposit").returncode == 0
    listed = run(here, "account", "list", "--json").stdout
    assert json.loads(listed)[0]["available_nano"] > 5 * 10**9
    for command in (["account", "list"], ["key", "create", "--name", "k", "--account", "alice"], ["serve"]):
        refused = run(before, *command)
        assert refused.returncode != 0, command
        assert "newer version" in refused.stderr and "Traceback" not in refused.stderr, refused.stderr
    assert run(here, "account", "list", "--json").stdout == listed
    assert json.loads(run(here, "ledger", "check", "--json").stdout) == {"ok": True, "found": []}
