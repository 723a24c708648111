"""Ports that programs of several test processes are told at once."""

import socket
import subprocess
import sys

import pytest

from tools import free_port

CHILD = "from tools import free_port as f; f.PORTS = range({}, {}); print(f.free_port())"


def test_no_port_is_told_twice_while_who_was_told_it_first_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port.free_port()
    monkeypatch.setattr(free_port, "PORTS", range(first, first + 1))
    with pytest.raises(StopIteration):
        free_port.free_port()
    command = [sys.executable, "-c", CHILD.format(first, first + 5)]
    other = int(subprocess.run(command, check=True, capture_output=True).stdout)
    assert first < other < first + 5


def test_a_port_that_somebody_listens_at_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(free_port, "PORTS", range(port, port + 1))
        with pytest.raises(StopIteration):
            free_port.free_port()
