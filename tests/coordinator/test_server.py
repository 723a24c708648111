"""The real process: commands, address, signals."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.coordinator.conftest import CATALOG

pytestmark = pytest.mark.process


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
    arguments = ["serve", "--port", "0", "--json", "--log-json", "--catalog", str(tmp_path / "models.yaml")]
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
    assert command(tmp_path, "account", "create", "--name", "alice", "--init").returncode == 0
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
        (["key", "create", "--name", "x", "--account", "ghost", "--init"], {}),
        (["key", "list", "--db", str(tmp_path / "other.db")], {}),
        (["serve", "--catalog", str(tmp_path / "none")], {}),
        (["key", "list"], {"SUPERNET_COORDINATOR_TYPO": "1"}),
    ):
        done = command(tmp_path, *wrong, **env)
        assert done.returncode == 2
        assert done.stderr.startswith("supernet-coordinator: ")
        assert "Traceback" not in done.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert command(tmp_path, "--version").stdout.strip()


@pytest.mark.parametrize("words", [["--version"], ["key", "create", "--help"], ["key", "create", "--nmae", "x"]])
def test_what_touches_no_database_does_not_wait_for_its_library(words: list[str]) -> None:
    code = "import sys\ntry:\n    from coordinator.__main__ import main; main()\nfinally:\n    print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
    modules = done.stdout.split()
    assert "coordinator.cli.arguments" in modules
    assert not {"sqlalchemy", "alembic", "uvicorn", "starlette"} & set(modules)


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
    second = command(tmp_path, "serve", "--port", "0", "--catalog", str(tmp_path / "models.yaml"))
    assert second.returncode == 2
    assert "another coordinator" in second.stderr


def test_a_port_that_is_in_use_leaves_nothing_behind(server: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    port, folder = server[1].rpartition(":")[2], tmp_path / "second"
    second = command(tmp_path, "serve", "--port", port, "--db", str(folder / "c.db"))
    assert second.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in second.stderr
    assert "Errno" not in second.stderr
    assert not folder.exists()


def test_an_address_of_another_machine_is_explained(tmp_path: Path) -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        done = command(tmp_path, "serve", "--host", host, "--port", "0")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"cannot listen on {host} port 0" in done.stderr and "--host" in done.stderr


def test_a_start_names_the_database_and_says_nothing_else_that_went_well(tmp_path: Path) -> None:
    arguments = ["serve", "--port", "0", "--db", str(tmp_path / "c.db")]
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    _, err = process.communicate(timeout=60)
    lines = [line.partition(": ")[2] for line in err.splitlines()]
    assert lines[0] == f"database: {tmp_path}/c.db"
    assert all("supernet.server" in line for line in err.splitlines()), err


def test_a_line_of_uvicorns_server_does_not_read_like_a_fault() -> None:
    from coordinator.server import plainly_named

    record = logging.makeLogRecord({"name": "uvicorn.error", "msg": "connection open"})
    assert plainly_named(record) and record.name == "uvicorn"
    for error, told in ((asyncio.CancelledError(), False), (ValueError(), True)):  # an answer that is cut at the end
        fields = {"msg": "Exception in ASGI application", "exc_info": (type(error), error, None)}
        assert plainly_named(logging.makeLogRecord(fields)) is told


def test_a_key_of_another_database_is_told_from_a_mistyped_one(
    server: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    other = command(tmp_path, "key", "create", "--name", "x", "--init", "--db", str(tmp_path / "other.db"))
    key = other.stdout.strip()
    for wrong, says in ((key, "another coordinator's database"), (key[:-1], "mistyped")):
        answer = httpx.get(server[1] + "/v1/models", headers={"authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert says in answer.json()["error"]["message"]


def test_sighup_has_the_catalog_read_again_and_ends_nothing(
    server: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, url = server
    assert process.stderr is not None

    def said(part: str) -> str:
        assert process.stderr is not None
        return next(str(line["message"]) for line in map(json.loads, process.stderr) if part in line["message"])

    key = command(tmp_path, "key", "create", "--name", "x", "--scope", "client").stdout.strip()
    for text, told, there in (
        ("no: catalog", "stays as it was", {"tiny", "other"}),
        (CATALOG.replace("id: other", "id: added"), "added added; removed other", {"tiny", "added"}),
    ):
        (tmp_path / "models.yaml").write_text(text)
        process.send_signal(signal.SIGHUP)
        assert told in said("the catalog")
        until, headers = time.monotonic() + 20, {"authorization": f"Bearer {key}"}
        while (answer := httpx.get(url + "/v1/models", headers=headers)).status_code == 401:
            assert time.monotonic() < until  # it looks for new keys now and then
        assert {model["id"] for model in answer.json()["data"]} == there
    process.terminate()
    assert process.wait(20) == 0


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("words", "status"), [(["serve"], 0), (["key", "list"], 1)])
def test_a_signal_before_the_database_answers_is_told_in_a_line(
    words: list[str], status: int, number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        database = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none"
        arguments = [sys.executable, "-m", "coordinator", *words, "--db", database]
        if words == ["serve"]:
            arguments += ["--host", "127.0.0.1", "--port", "0"]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with silent.accept()[0]:  # it waits for an answer now
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, "")
    assert err.splitlines()[-1] == "supernet-coordinator: stopped by a signal" and "Traceback" not in err
