"""The socket for real, from a thread as another process would use it."""

import asyncio
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from worker.daemon import control_socket
from worker.daemon.control_socket import ControlError, ask, listening


def answer(word: str) -> dict[str, Any]:
    return {"said": word} if word != "bad" else {"error": "unknown word"}


async def test_a_word_is_answered_and_the_socket_is_gone_afterwards(tmp_path: Path) -> None:
    async with listening(tmp_path, answer):
        assert await asyncio.to_thread(ask, tmp_path, "status") == {"said": "status"}
        assert stat.S_IMODE((tmp_path / control_socket.NAME).stat().st_mode) == 0o660
    assert not (tmp_path / control_socket.NAME).exists()
    assert ask(tmp_path, "status") is None


async def test_any_number_of_clients_may_ask(tmp_path: Path) -> None:
    async with listening(tmp_path, answer):
        asked = [asyncio.to_thread(ask, tmp_path, str(n)) for n in range(20)]
        assert [a and a["said"] for a in await asyncio.gather(*asked)] == [str(n) for n in range(20)]


async def test_the_socket_of_a_daemon_that_was_killed_is_nobody_and_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / control_socket.NAME))
    assert ask(tmp_path, "status") is None
    async with listening(tmp_path, answer):
        assert await asyncio.to_thread(ask, tmp_path, "again") == {"said": "again"}


async def test_a_folder_with_a_very_long_name_works_too(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    async with listening(folder, answer):
        assert await asyncio.to_thread(ask, folder, "status") == {"said": "status"}


async def test_what_the_daemon_does_not_understand_is_an_error(tmp_path: Path) -> None:
    async with listening(tmp_path, answer):
        with pytest.raises(ControlError, match="unknown word"):
            await asyncio.to_thread(ask, tmp_path, "bad")


@pytest.mark.parametrize("said", [b"x" * 100_000 + b"\n", b"", b"no end"])
async def test_a_client_that_says_no_word_costs_only_itself(tmp_path: Path, said: bytes) -> None:
    async with listening(tmp_path, answer):
        _, writer = await asyncio.open_unix_connection(str(tmp_path / control_socket.NAME))
        writer.write(said)
        writer.close()
        assert await asyncio.to_thread(ask, tmp_path, "status") == {"said": "status"}


async def test_clients_beyond_the_bound_are_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "CLIENTS", 1)
    async with listening(tmp_path, answer):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / control_socket.NAME))
        writer.write(b"sta")  # it is there, and has not said its word yet
        with pytest.raises(ControlError, match="too many"):
            await asyncio.to_thread(ask, tmp_path, "status")
        writer.write(b"tus\n")
        assert b"status" in await reader.read()
        writer.close()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write to any socket")
async def test_who_may_not_is_told_so(tmp_path: Path) -> None:
    async with listening(tmp_path, answer):
        (tmp_path / control_socket.NAME).chmod(0)
        with pytest.raises(ControlError, match="sudo"):
            await asyncio.to_thread(ask, tmp_path, "status")
