"""The real process: commands, address, signals."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from coordinator.__main__ import _JsonLines
from tests.coordinator.conftest import CATALOG


def command(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coordinator", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"SUPERNET_COORDINATOR_DB": str(folder / "c.db")} | env,
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    (tmp_path / "models.yaml").write_text(CATALOG)
    arguments = ["serve", "--port", "0", "--json", "--log-json", "--models", str(tmp_path / "models.yaml")]
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator", *arguments, "--db", str(tmp_path / "c.db")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    yield process, json.loads(process.stdout.readline())["listening"]
    process.kill()
    process.wait(10)
    process.stdout.close()
    process.stderr.close()


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    assert command(tmp_path, "account", "create", "--name", "alice").returncode == 0
    made = command(tmp_path, "key", "create", "--name", "laptop", "--account", "alice", "--scope", "client")
    assert made.stdout.startswith("sk-sn-")
    listed = json.loads(command(tmp_path, "key", "list", "--json").stdout)
    assert [(key["name"], key["account"], key["scopes"]) for key in listed] == [("laptop", "alice", "client")]
    assert made.stdout.strip() not in json.dumps(listed)
    assert command(tmp_path, "key", "revoke", listed[0]["id"]).returncode == 0
    assert json.loads(command(tmp_path, "key", "list", "--json").stdout)[0]["revoked_ms"]
    again = command(tmp_path, "key", "revoke", listed[0]["id"])
    assert (again.returncode, "key list" in again.stderr) == (2, True)


def test_mistakes_are_explained_in_one_line(tmp_path: Path) -> None:
    for wrong, env in (
        (["key", "create", "--name", "x", "--account", "ghost"], {}),
        (["serve", "--models", str(tmp_path / "none")], {}),
        (["key", "list"], {"SUPERNET_COORDINATOR_TYPO": "1"}),
    ):
        done = command(tmp_path, *wrong, **env)
        assert done.returncode == 2
        assert done.stderr.startswith("supernet-coordinator: ")
        assert "Traceback" not in done.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert command(tmp_path, "--version").stdout.strip()


def test_a_key_made_while_the_server_runs_works_soon(server: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    _, url = server
    key = command(tmp_path, "key", "create", "--name", "x").stdout.strip()
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, transport=transport) as http:
        for _ in range(2000):  # the server looks once a second
            if http.get("/v1/models").status_code == 200:
                break
        else:
            pytest.fail("the key never worked")


def test_a_second_server_on_the_same_database_is_refused(
    server: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    second = command(tmp_path, "serve", "--port", "0", "--models", str(tmp_path / "models.yaml"))
    assert second.returncode == 2
    assert "another coordinator" in second.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_server_cleanly(server: tuple[subprocess.Popen[str], str], stop: signal.Signals) -> None:
    process, url = server
    assert httpx.get(url + "/health").status_code == 200
    process.send_signal(stop)
    assert process.wait(20) == 0
    assert process.stderr is not None
    lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert any("draining" in line["message"] for line in lines)
    assert all(line["time"].endswith("Z") for line in lines)  # as a worker says it, whatever the zone of the machine
    assert not [line for line in lines if line["level"] in ("error", "critical")]


def test_a_json_line_has_ids_in_fields_of_their_own_and_nothing_that_was_not_meant_for_it() -> None:
    given = {"msg": "moved", "levelname": "INFO", "worker": "acc_1/w-1", "job": "j.0", "event": "", "prompt": "secret"}
    line = json.loads(_JsonLines().format(logging.makeLogRecord(given)))
    assert (line["worker"], line["job"], line["message"]) == ("acc_1/w-1", "j.0", "moved")
    assert "secret" not in str(line) and "event" not in line
