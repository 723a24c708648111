"""`python -m worker.media_engine.child`: the process that holds a pipeline. First line in: its PipelineSpec.

Then commands. Three threads: this one loads and computes; one reads commands; one says every second that the process
lives, for text encoders and decoders call nobody for minutes. The end of stdin ends the process, and so does whatever
goes wrong: the supervisor in the daemon starts a new one.
"""

import os
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from worker.media_engine.child.folder import parts
from worker.media_engine.pipe import FROM_PIPELINE, MAX_COMMAND_BYTES, TO_PIPELINE
from worker.media_engine.port import Down, Event, Loading, PipelineSpec, Pulse
from worker.subprocesses.child import Pipe, enter, leave
from worker.subprocesses.codec import Garbled

if TYPE_CHECKING:
    from worker.media_engine.child.jobs import Jobs

PULSE_S = 1.0
LEAVE_S = 10.0  # for the step in hand, once stdin is closed
ENVIRONMENT = {  # nothing is fetched, nothing reported, and no bar is drawn into the log
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
}


class Teller:
    """Events on their way out, from any thread, each in one piece."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._pipe.write(FROM_PIPELINE.encode(event))


def main() -> None:
    pipe = enter()
    os.environ.update(ENVIRONMENT)
    warnings.simplefilter("ignore")  # of libraries among each other; the log is the owner's
    emit = Teller(pipe)
    try:
        run(pipe, emit)
    except BrokenPipeError:
        leave(0)  # the daemon is gone
    except Exception as error:  # noqa: BLE001 - the whole process is this call: say why, and let it end
        traceback.print_exc()
        emit(Down(f"{type(error).__name__}: {error}"[:1000], problem=problem(error)))
        leave(1)
    leave(0)


def problem(error: Exception) -> str:
    """The row of issues.py for what ended the load; empty: none is known."""
    match type(error).__name__:
        case "HostileFolderError":
            return "damaged_file"
        case "ImportError" | "ModuleNotFoundError":
            return "media_not_installed"
        case "OutOfMemoryError" | "MemoryError":
            return "not_enough_memory"
        case _:
            return ""


def run(pipe: Pipe, emit: Teller) -> None:
    """Load the pipeline and serve until stdin ends. Raises whatever ends it before that."""
    line = pipe.read(MAX_COMMAND_BYTES)
    spec = None if line is None else TO_PIPELINE.decode(line)
    if not isinstance(spec, PipelineSpec):
        raise ValueError("the first line must be the pipeline's spec")
    os.environ.update(caches(spec.scratch))
    loaded: list[Jobs] = []
    threading.Thread(target=pulse, args=(emit, loaded), name="pulse", daemon=True).start()
    named = parts(Path(spec.folder))
    # imported here: it takes seconds, the pulse tells meanwhile, and what they print is out of the pipe's way
    from worker.media_engine.child import jobs, pipelines

    ours = jobs.Jobs(spec, pipelines.Pipelines(spec, named), emit, pipelines.out_of_memory, time.monotonic)
    loaded.append(ours)
    threading.Thread(target=read_commands, args=(pipe, ours), name="commands", daemon=True).start()
    ours.run()


def caches(scratch: str) -> dict[str, str]:
    """Where torch and its compilers keep what they make: else it lies around among everybody's temporary files, and in
    the home of the user, after the process too."""
    if not scratch:
        return {}
    return {
        "TMPDIR": scratch,
        "TORCHINDUCTOR_CACHE_DIR": f"{scratch}/inductor",
        "TRITON_CACHE_DIR": f"{scratch}/triton",
    }


def pulse(emit: Teller, loaded: "list[Jobs]") -> None:
    """Loading until there are jobs to be done, Pulse from then on."""
    try:
        while True:
            emit(Pulse(loaded[0].busy) if loaded else Loading())
            time.sleep(PULSE_S)
    except BrokenPipeError:
        leave(0)


def read_commands(pipe: Pipe, jobs: "Jobs") -> None:
    """A line that is no command ends the process as a closed stdin does: the parent is not itself."""
    try:
        while (line := pipe.read(MAX_COMMAND_BYTES)) is not None:
            command = TO_PIPELINE.decode(line)
            if isinstance(command, PipelineSpec):
                raise Garbled("a second spec")
            jobs.post(command)
    except Exception:  # noqa: BLE001 - a pipeline that hears nothing more must not live on
        traceback.print_exc()
    jobs.stop()
    time.sleep(LEAVE_S)
    leave(1)


if __name__ == "__main__":
    main()
