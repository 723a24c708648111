"""The first thing a child process does: take the pipe for itself, and arrange to die before its parent suffers.

Linux is where workers run; elsewhere what the system lacks is left out, and a closed stdin still ends the child.
"""

import ctypes
import faulthandler
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Pipe:
    """Lines in and lines out, private to the child's own code: no library can print into them."""

    reader: BinaryIO
    writer: BinaryIO

    def read(self, limit: int) -> bytes | None:
        """The next line; None once the parent has hung up. A line over the limit counts as hung up: never parsed."""
        line = self.reader.readline(limit + 1)
        return line if line.endswith(b"\n") else None

    def write(self, line: bytes) -> None:
        """Blocks while the parent is behind. Raises BrokenPipeError if it is gone."""
        self.writer.write(line)
        self.writer.flush()


def enter() -> Pipe:
    """Call once, first. Afterwards what anyone prints goes to stderr, and stdin is empty."""
    faulthandler.enable()  # a native crash leaves the Python stack in the log
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C and the service manager signal the whole group,
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # but jobs are drained first: the parent decides when a child ends
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump holds prompts, and writing 60 GB delays the restart
    die_with_parent()
    if sys.platform == "linux":
        _die_first()
    pipe = Pipe(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return pipe


def die_with_parent() -> None:
    """The kernel kills this process when the thread that started it is gone, also if it hangs in native code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(serve: Callable[[Pipe], None]) -> NoReturn:
    """Be a child process that is this one call: it ends when `serve` returns, or when its parent is gone. What `serve`
    raises is written to stderr, and the exit status is 1."""
    pipe = enter()
    try:
        serve(pipe)
    except BrokenPipeError:
        pass  # the parent is gone
    except Exception:  # noqa: BLE001 - the whole process is this call
        traceback.print_exc()
        leave(1)
    leave(0)


def leave(status: int) -> NoReturn:
    """End at once, without the interpreter's farewell: a thread still reading the pipe can make that abort."""
    sys.stderr.flush()
    os._exit(status)


def _die_first() -> None:
    """Short of memory, the kernel should take the child: it is restarted, and the daemon keeps its other jobs."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass  # /proc not mounted, or not ours to write: a preference only
