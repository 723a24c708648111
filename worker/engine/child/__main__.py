"""`python -m worker.engine.child`: the process that holds the model. First line in: the EngineSpec; then commands.

Two threads. This one loads, steps and writes events; the other reads commands and posts them to the loop. The end of
stdin stops the loop. Whatever goes wrong ends the process: the supervisor in the daemon starts a new one.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.engine.pipe import FROM_ENGINE, TO_ENGINE
from worker.engine.port import Down, EngineSpec, Event, Loading, NotLoadedError
from worker.subprocesses.child import Pipe, enter, leave
from worker.subprocesses.codec import MAX_LINE_BYTES, Garbled

if TYPE_CHECKING:
    from worker.engine.child.loop import Loop

# The step loop waits this long for the interpreter while the other thread runs Python code. With the default 5 ms
# a 1 ms step beside a busy thread was measured at up to 23 ms.
SWITCH_S = 0.0005
TELL_S = 5.0
BUSY = 0.2  # of a processor: less is a process that waits
COMPILING_S = 1800.0  # kernels of a card that the build has no machine code for took tens of seconds a file
LEAVE_S = 10.0  # for the step in hand, once stdin is closed; the parent may be gone, so the child ends itself


def main() -> None:
    pipe = enter()
    sys.setswitchinterval(SWITCH_S)

    def emit(event: Event) -> None:
        pipe.write(FROM_ENGINE.encode(event))

    try:
        run(pipe, emit)
    except BrokenPipeError:
        leave(0)  # the daemon is gone, and nothing is left to do
    except Exception as error:  # noqa: BLE001 - the whole process is this call: say why, and let it end
        traceback.print_exc()
        if isinstance(error, NotLoadedError):
            emit(Down(error.message[:1000], problem=error.problem))
        else:
            emit(Down(f"{type(error).__name__}: {error}"[:1000]))
        leave(1)
    leave(0)


class Progress:
    """Emits Loading while the model is loaded: once per percent, as llama.cpp calls for every tensor (and False would
    end it), and within `alive` every TELL_S from a thread, as long as this process computes.

    A driver that compiles kernels for a card computes for minutes in one call, and so does a slow machine that is
    warmed up; one that hangs mostly does not compute, and the supervisor's patience with silence ends it. A driver that
    spins for ever is told apart from a compiler by COMPILING_S alone.
    """

    def __init__(self, emit: Callable[[Event], None], computed_s: Callable[[], float] = time.process_time) -> None:
        self._emit, self._computed_s = emit, computed_s
        self._fraction, self._percent, self._eyes = 0.0, -1, False

    def __call__(self, fraction: float) -> bool:
        self._fraction = fraction
        if int(fraction * 100) > self._percent:
            self._percent = int(fraction * 100)
            self._emit(Loading(fraction))
        return True

    def at_eyes(self) -> None:
        """The model is loaded; all that comes now is for its projector."""
        self._fraction, self._eyes = 1.0, True
        self._emit(Loading(self._fraction, self._eyes))

    @contextmanager
    def alive(self, every_s: float = TELL_S, most_s: float = COMPILING_S) -> Iterator[None]:
        done = threading.Event()
        teller = threading.Thread(target=self._tell, args=(done, every_s, most_s), name="loading", daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()

    def _tell(self, done: threading.Event, every_s: float, most_s: float) -> None:
        before = self._computed_s()
        for _ in range(int(most_s / every_s)):
            if done.wait(every_s):
                return
            now = self._computed_s()
            if now - before >= BUSY * every_s:
                try:
                    self._emit(Loading(self._fraction, self._eyes))
                except BrokenPipeError:
                    return  # the main thread finds out by itself
            before = now


def run(pipe: Pipe, emit: Callable[[Event], None]) -> None:
    """Load the model and serve until stdin ends. Raises whatever ends the engine before that."""
    line = pipe.read(MAX_LINE_BYTES)
    spec = None if line is None else TO_ENGINE.decode(line)
    if not isinstance(spec, EngineSpec):
        raise ValueError("the first line must be the engine's spec")
    # imported here, where stdout is already out of reach: the libraries print while they are loaded
    from worker.bindings.llama import Model
    from worker.engine.child.loop import Loop
    from worker.engine.child.scheduler import LONGEST_STEP_S
    from worker.engine.child.sight import Sight, open_eyes
    from worker.engine.child.warm import warm_up

    progress = Progress(emit)
    with progress.alive():
        model = Model(spec, progress)
        times = warm_up(model, spec.batch, LONGEST_STEP_S, time.monotonic, spec.draft_rows)
        sight = Sight()
        if spec.projector:
            progress.at_eyes()
            sight = open_eyes(model, spec, time.monotonic, time.process_time)
    loop = Loop(model, spec, times, emit, time.monotonic, sight, time.process_time)
    threading.Thread(target=read_commands, args=(pipe, loop), name="commands", daemon=True).start()
    loop.run()


def read_commands(pipe: Pipe, loop: "Loop") -> None:
    """The other thread. A line that is no command ends the engine as a closed stdin does: the parent is not itself."""
    try:
        while (line := pipe.read(MAX_LINE_BYTES)) is not None:
            command = TO_ENGINE.decode(line)
            if isinstance(command, EngineSpec):
                raise Garbled("a second spec")
            loop.post(command)
    except Exception:  # noqa: BLE001 - the whole thread is this loop: an engine that hears nothing more must not live on
        traceback.print_exc()
    loop.stop()
    time.sleep(LEAVE_S)
    leave(1)


if __name__ == "__main__":
    main()
