"""What the owner is told. --status and --pause of a running daemon are in test_service.py."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.worker.cli.test_diagnose import config as config  # the fixture
from tests.worker.cli.test_screen import MODEL
from tests.worker.telemetry.test_status import base
from worker import state_dir
from worker.cli import daemon_client
from worker.config import Config
from worker.daemon import control_socket
from worker.daemon.control_socket import ControlError
from worker.exits import EXIT_OK, EXIT_STOPPED
from worker.issues import issue
from worker.telemetry.status import Problem

ROOT = Path(__file__).parents[3]
SLOW = "huggingface_hub websockets pynvml psutil prometheus_client llama_cpp llguidance jinja2 numpy tqdm".split()
LISTS_MODULES = "import sys; from worker.cli.main import main; main(); print(*sys.modules, file=sys.stderr)"


@pytest.mark.parametrize("action", ["--health", "--status", "--pause", "--show-config"])
def test_what_is_asked_often_imports_nothing_that_only_serving_needs(action: str, tmp_path: Path) -> None:
    environment = {"SUPERNET_STATE_DIR": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", LISTS_MODULES, action]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "worker.cli.daemon_client" in done.stderr.split()
    assert not set(SLOW) & set(done.stderr.split())


@pytest.mark.parametrize("action", ["--health", "--status", "--pause", "--version"])
def test_what_reads_no_status_does_without_the_library_of_its_types(action: str, tmp_path: Path) -> None:
    environment = {"SUPERNET_STATE_DIR": str(tmp_path), "HOME": str(tmp_path)}
    code = f"import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {LISTS_MODULES}"
    code = code.replace("import atexit", "import sys, atexit", 1)
    done = subprocess.run([sys.executable, "-c", code, action], env=environment, capture_output=True, text=True)
    assert "worker.cli.main" in done.stderr.split()
    assert not {"pydantic", "yaml", *SLOW} & set(done.stderr.split())


def test_on_a_terminal_the_status_stays_and_refreshes_until_the_daemon_is_gone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = base().model_copy(update={"models": (MODEL,), "phase": "serving", "coordinator": "registered"})
    answers: list[Any] = [shown.model_dump(mode="json")] * 3 + [None]
    monkeypatch.setattr(control_socket, "ask", lambda folder, word: answers.pop(0))
    monkeypatch.setattr(daemon_client, "REFRESH_S", 0)
    inside, outside = pty.openpty()
    with os.fdopen(outside, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert daemon_client.status(config, False) == EXIT_STOPPED
    text = _all_of(inside)
    assert text.count("142.3 tokens/s") == 3 and text.count(daemon_client.HOME_AND_CLEAR) == 3
    assert text.startswith(daemon_client.ALTERNATE) and "not running" in text.split(daemon_client.BACK)[1]


def _all_of(terminal: int) -> str:
    """What was written to the other side, which is closed."""
    found = b""
    with suppress(OSError):  # EIO: the end
        while piece := os.read(terminal, 65536):
            found += piece
    os.close(terminal)
    return found.decode()


def test_a_daemon_of_another_version_is_an_error_that_says_so(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"time": "of another age", "coordinator": "registered", "jobs": 0, "paused": False}
    for said in ({"time": "of another age"}, other):  # the second one can answer --health, and not be a page
        monkeypatch.setattr(control_socket, "ask", lambda folder, word, said=said: said)
        with pytest.raises(ControlError, match="restart it"):
            daemon_client.status(config, False)
    assert daemon_client.health(config, False) == EXIT_OK


def test_the_last_problem_of_a_daemon_that_gave_up_is_told_and_a_damaged_file_is_none(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    config.state_dir.mkdir(parents=True, exist_ok=True)
    last = Problem(since=1.0, issue=issue("disk_full", "no room"))
    (config.state_dir / state_dir.LAST_PROBLEM).write_text(last.model_dump_json())
    assert daemon_client.status(config, False) == EXIT_STOPPED
    assert "it gave up: disk_full: no room\n  -> Free some space" in capsys.readouterr().out
    for damaged in ("", "[]", "{}", '{"issue": 1}', '{"issue": {"code": "x"}}'):
        (config.state_dir / state_dir.LAST_PROBLEM).write_text(damaged)
        assert daemon_client.last_problem(config.state_dir) is None


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    inside, outside = os.pipe()
    os.close(inside)  # as head does, early
    environment = {"SUPERNET_STATE_DIR": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "worker", "--show-config"]
    done = subprocess.run(command, env=environment, stdout=outside, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(outside)
    assert (done.returncode, done.stderr) == (EXIT_STOPPED, "")


def test_a_locale_without_our_letters_is_no_error(tmp_path: Path) -> None:
    environment = {"SUPERNET_STATE_DIR": str(tmp_path), "HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "worker", "--show-config", "--name", "Rechnerkönig"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "") and "Rechnerk?nig" in done.stdout
