"""A child process with its last words, and how long to wait for what it does: as long as it works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

STOP_S = 15.0  # then a second SIGTERM, which means at once; then SIGKILL
LOG_LINES = 20
TELL_S = 10.0  # between two words about a step that takes long
LOOK_S = 1.0  # between two looks at the work that was done, which go through all processes of the machine
STUCK_S = 60.0  # without work: on a machine with load 25 on two cores a busy process still gets 5 s in this time
LONGEST_S = 4 * 3600.0  # of all: 20 GB at 1.5 MB/s
WORK_S = 1.0  # of processor time; an idle daemon that looks around and dials again takes less in STUCK_S
WORK_BYTES = 4 * 2**20  # or so much read and written: a download that takes hardly any processor time

T = TypeVar("T")


class ProcessError(Exception):
    """A process ended, or got stuck; the text says which and why, with its last words."""


@dataclass(frozen=True)
class Work:
    """What a process and its children have done so far."""

    seconds: float = 0.0
    bytes: int = 0


class Patience:
    """Is there work done still? It does not matter how slow the machine is, until LONGEST_S."""

    def __init__(self, now: float) -> None:
        self.began = self._since = now
        self._done = Work()  # when it had last done some

    def out(self, now: float, done: Work) -> str:
        """Why not to wait any longer; nothing: go on waiting."""
        if done.seconds - self._done.seconds >= WORK_S or done.bytes - self._done.bytes >= WORK_BYTES:
            self._since, self._done = now, done
        if now - self._since > STUCK_S:
            return f"it has done nothing for {STUCK_S:.0f} s"
        return f"it took longer than {LONGEST_S / 3600:.0f} hours" if now - self.began > LONGEST_S else ""


@dataclass
class Process:
    """A child in a session of its own, so that Ctrl-C reaches it only through `stop`, in our order."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path
    out: Path

    @classmethod
    def start(cls, name: str, args: list[str], folder: Path, env: dict[str, str] | None = None) -> "Process":
        log, out = folder / f"{name}.log", folder / f"{name}.out"
        # Output goes to files: nobody reads a pipe all the time, and a full one would stop the child.
        with log.open("wb") as err, out.open("wb") as written:
            popen = subprocess.Popen(
                [sys.executable, "-m", *args],
                stdout=written,
                stderr=err,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ if env is None else env,
            )
        return cls(name, popen, log, out)

    def check(self) -> None:
        """Raises ProcessError if it has ended."""
        if self.popen.poll() is not None:
            raise ProcessError(f"the {self.name} ended with status {self.popen.returncode}; {self.last_words()}")

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f"the {self.name}'s last words:\n" + ("\n".join(f"  | {line}" for line in lines) or "  | (nothing)")

    def work(self) -> Work:
        seconds, transferred = 0.0, 0
        try:
            parent = psutil.Process(self.popen.pid)
            for process in [parent, *parent.children(recursive=True)]:
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
                if sys.platform == "linux":
                    counters = process.io_counters()
                    transferred += counters.read_chars + counters.write_chars
        except psutil.Error:
            pass  # one that has just ended: `check` says so, or the next look is whole again
        return Work(seconds, transferred)

    def stop(self) -> None:
        for patience in (STOP_S, STOP_S / 3):
            if self.popen.poll() is None:
                self.popen.terminate()
                try:
                    self.popen.wait(patience)
                except subprocess.TimeoutExpired:
                    continue
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)  # the session: an engine that outlived its worker too
        except ProcessLookupError:
            pass
        try:
            self.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            print(f"the {self.name} (process {self.popen.pid}) does not end, not even when killed", file=sys.stderr)


def until(what: str, done: Callable[[], T | None], processes: Sequence[Process], say: Callable[[str], None]) -> T:
    """What `done` answers, as soon as it answers. The last process is waited for, the others have to live meanwhile.

    Raises ProcessError when one of them has ended, or the last does nothing any more.
    """
    patience = Patience(time.monotonic())
    looked = told = patience.began
    while True:
        ended = [process for process in processes if process.popen.poll() is not None]  # before the last look
        try:
            if (found := done()) is not None:
                return found
        except ConnectionError:  # of a process that has just ended, or does not listen yet
            pass
        for process in ended:
            process.check()
        now = time.monotonic()
        if now - looked > LOOK_S:
            looked = now
            if out := patience.out(now, processes[-1].work()):
                raise ProcessError(f"{what}: {out}, {now - patience.began:.0f} s in all; {processes[-1].last_words()}")
        if now - told > TELL_S:
            told = now
            say(f"still {what}, after {now - patience.began:.0f} s; {processes[-1].last_words()}")
        time.sleep(0.1)
