"""worker/cli/console.py: a bar for a person, lines for a log."""

import io
import logging

import pytest

from worker.cli.console import Console
from worker.weights.files import Progress

MIB = 2**20


def test_without_a_terminal_progress_is_a_few_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    console = Console(io.StringIO())
    with caplog.at_level(logging.INFO, "supernet.weights"):
        for done in range(0, 101):
            console(Progress("a.gguf", "downloading", done * MIB, 100 * MIB))
        console(Progress("a.gguf", "checking", 100 * MIB, 100 * MIB))
    assert [record.getMessage() for record in caplog.records] == [
        "downloading a.gguf: 0 MiB, 0 %",
        "checking a.gguf: 100 MiB, 100 %",
    ]


def test_on_a_terminal_progress_is_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    console = Console(stream)
    console(Progress("a.gguf", "downloading", 50, 100))
    console(Progress("a.gguf", "checking", 100, 100))
    console.close()
    assert "downloading a.gguf" in stream.getvalue() and "checking a.gguf: 100%" in stream.getvalue()
