"""The owner's access to the running daemon: a Unix socket in its folder. One word in, one line of JSON out, closed.

A user who may write to the socket may pause the worker: it belongs to the daemon's user and group (0660), and the
rights of the folder above it come first.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

NAME = "control.sock"
CLIENTS = 32  # at the same moment; each is there for milliseconds
MOST_WORD = 64
PATIENCE_S = 5.0
MOST_PATH = 100  # of sun_path's 108 bytes; a longer one is reached through a descriptor of its folder

Answer = Callable[[str], dict[str, Any]]


class ControlError(Exception):
    """The daemon is there but did not answer as it should; the text says how."""


@contextlib.asynccontextmanager
async def listening(folder: Path, answer: Answer) -> AsyncIterator[None]:
    """Answer words while the block runs. Only the process that holds the folder (state_dir.hold) may call this."""
    clients: set[asyncio.Task[None]] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        clients.add(task)
        try:
            if len(clients) > CLIENTS:
                return
            said = await _answered(reader, answer)
            writer.write(json.dumps(said).encode() + b"\n")
            async with asyncio.timeout(PATIENCE_S):
                await writer.drain()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # it went away, or said what is no word, or we leave
        finally:
            writer.close()
            clients.discard(task)

    with _reachable(folder) as path:
        _forget(path)  # of a daemon that was killed: we hold the folder
        server = await asyncio.start_unix_server(client, path, limit=MOST_WORD)
        os.chmod(path, 0o660)
    try:
        yield
    finally:
        server.close()
        for task in list(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        with _reachable(folder) as path:
            _forget(path)


def _forget(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


async def _answered(reader: asyncio.StreamReader, answer: Answer) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        line = await reader.readuntil(b"\n")
    return answer(line.decode("utf-8", "replace").strip())


def ask(folder: Path, word: str) -> dict[str, Any] | None:
    """Return what the daemon of `folder` answers; None: none runs. Raises ControlError when it answers an error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as line:
        line.settimeout(PATIENCE_S)
        try:
            with _reachable(folder) as path:
                line.connect(path)
            line.sendall(word.encode() + b"\n")
            with line.makefile("rb") as stream:
                answer = json.loads(stream.read() or b'{"error": "too many ask at once: try again"}')
        except (BrokenPipeError, ConnectionResetError):
            answer = {"error": "too many ask at once: try again"}
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except PermissionError:
            raise ControlError(f"{folder / NAME} is not for you: run this as the worker's user, or with sudo") from None
        except (OSError, ValueError) as error:
            raise ControlError(f"the daemon of {folder} does not answer: {error or type(error).__name__}") from None
    if not isinstance(answer, dict) or "error" in answer:
        raise ControlError(
            f"the daemon of {folder} says: {answer.get('error') if isinstance(answer, dict) else answer}"
        )
    return answer


@contextlib.contextmanager
def _reachable(folder: Path) -> Iterator[str]:
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= MOST_PATH:
        yield path
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
