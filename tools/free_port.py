"""A port of loopback for a program that has to be told one."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

# The kernel gives none of these to whoever asks for any, nor of those 10,000 above, where an S3 server listens too.
PORTS = range(10_000, 20_000)
LOCKS = Path(tempfile.gettempdir()) / f"supernet-ports-{os.getuid()}"

_told: list[IO[bytes]] = []  # their locks, held while this process lives


def free_port() -> int:
    """A port that nobody has, and that nobody else is told while this process lives: so a program that is killed finds
    it free when it is started again. Raises StopIteration when all are taken."""
    return next(port for port in random.sample(PORTS, len(PORTS)) if _locked(port) and _is_free(port))


def _locked(port: int) -> bool:
    LOCKS.mkdir(exist_ok=True)
    file = (LOCKS / str(port)).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _told.append(file)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
