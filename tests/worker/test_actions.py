"""What the actions print. --status and --pause of a running daemon are in test_serve.py, --check in
test_inspection.py."""

import json
import os
import pty
import sys
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.worker.test_inspection import config as config  # the fixture
from tests.worker.test_screen import MODEL
from tests.worker.test_status import base
from worker import actions, control
from worker.config import Config
from worker.control import ControlError
from worker.daemon import EXIT_OK, EXIT_STOPPED
from worker.model_files import Progress


def ignore(_: Progress) -> None:
    """Shown elsewhere."""


def test_a_benchmark_is_plotted_kept_and_compared_with_the_one_before(
    config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = replace(config, model_file=tiny_qwen3, slots=1, context=512)
    assert actions.measure(measured, nullcontext(ignore), False) == EXIT_OK
    first = capsys.readouterr().out
    assert "decode, all streams together" in first and "█" in first and "before" not in first
    assert actions.measure(replace(measured, context=256), nullcontext(ignore), False) == EXIT_OK
    second = capsys.readouterr().out
    assert "   before" in second and "since then context 512 -> 256" in second
    assert actions.measure(measured, nullcontext(ignore), True) == EXIT_OK
    value = json.loads(capsys.readouterr().out)
    assert value["model"] == "tiny" and value["before"]["curve"][0]["streams"] == value["curve"][0]["streams"] == 1


def test_a_plan_is_printed(config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert actions.plan(replace(config, model_file=tiny_qwen3), nullcontext(ignore), True) == EXIT_OK
    assert json.loads(capsys.readouterr().out)["engine"]["slots"] == 2


def test_on_a_terminal_the_status_stays_and_refreshes_until_the_daemon_is_gone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = base().model_copy(update={"models": (MODEL,), "phase": "serving", "coordinator": "registered"})
    answers: list[Any] = [shown.model_dump(mode="json")] * 3 + [None]
    monkeypatch.setattr(control, "ask", lambda folder, word: answers.pop(0))
    monkeypatch.setattr(actions, "REFRESH_S", 0)
    inside, outside = pty.openpty()
    with os.fdopen(outside, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert actions.status(config, False) == EXIT_STOPPED
    text = _all_of(inside)
    assert text.count("142.3 tokens/s") == 3 and text.count(actions.HOME_AND_CLEAR) == 3
    assert text.startswith(actions.ALTERNATE) and "not running" in text.split(actions.BACK)[1]


def _all_of(terminal: int) -> str:
    """What was written to the other side, which is closed."""
    found = b""
    with suppress(OSError):  # EIO: the end
        while piece := os.read(terminal, 65536):
            found += piece
    os.close(terminal)
    return found.decode()


def test_a_daemon_of_another_version_is_an_error_that_says_so(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ask", lambda folder, word: {"time": "of another age"})
    with pytest.raises(ControlError, match="restart it"):
        actions.status(config, True)
