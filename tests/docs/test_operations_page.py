"""The commands of docs/operations.md, run as they stand there, on a coordinator that serves meanwhile."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tools.local_network import Network

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
DB = "supernet-coordinator.db"  # the name in the page, and the default of the program, in the user's home


def commands(section: str) -> str:
    """The shell block of a section."""
    found = re.search(rf"^## {section}\n.*?^```bash\n(.*?)^```", PAGE, re.M | re.S)
    assert found, f"docs/operations.md has no commands for {section}"
    return found[1]


def run(section: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUPERNET_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands(section)],
        cwd=folder,
        env=clean | {"PATH": path, "XDG_STATE_HOME": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def works(network: Network, key: str) -> bool:
    response = httpx.get(f"{network.url}/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    return response.status_code == 200


def test_a_backup_of_a_running_coordinator_is_whole_and_is_restored(tmp_path: Path, tiny_chat: Path) -> None:
    network = Network(tmp_path, tiny_chat, db=DB)
    try:
        network.start_coordinator()
        run("Backup", tmp_path)
        assert sqlite3.connect(tmp_path / "backup.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
        later = network.create_key("later")
        assert network.coordinator
        network.coordinator.kill()
        network.coordinator.wait()
        (tmp_path / DB).write_bytes(b"what a broken disk left")
        (tmp_path / f"{DB}.pepper").unlink()
        run("Restore", tmp_path)
        network.start_coordinator()
        assert works(network, network.key)
        assert not works(network, later)
    finally:
        network.close()


def test_without_its_pepper_a_coordinator_does_not_start_until_one_begins_anew(tmp_path: Path, tiny_chat: Path) -> None:
    network = Network(tmp_path, tiny_chat, db=DB)
    try:
        key = network.create_key("before")
        (tmp_path / f"{DB}.pepper").unlink()
        command = [sys.executable, "-m", "coordinator", "serve", "--db", DB, "--port", "0"]
        path = os.environ | {"PYTHONPATH": str(ROOT)}
        refused = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True, timeout=120)
        assert refused.returncode and "the pepper of" in refused.stderr and "Traceback" not in refused.stderr
        run("A pepper that is lost", tmp_path)
        network.start_coordinator()
        assert not works(network, key)
        assert works(network, network.create_key("after"))
    finally:
        network.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder whose commands find a database where the program looks when nobody says."""
    network = Network(tmp_path / "state" / "supernet", tmp_path, db=DB)
    network.folder.mkdir(parents=True)
    network.create_key("operator")
    return tmp_path


def test_the_commands_for_keys_work(home: Path) -> None:
    assert "laptop" in run("Keys", home)


def test_the_books_of_a_coordinator_that_has_served_nothing_add_up(home: Path) -> None:
    run("Books", home)
