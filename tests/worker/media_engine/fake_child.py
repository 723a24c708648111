"""A pipeline's child without a pipeline: the name of a job says what happens to it. Run by test_process.py.

Arguments: `serve`; `silent` (says nothing at all); `loads` (for ever); `refuses:ROW` (says why it cannot load, and
ends); `faults` (dies of a signal before it is ready); `deaf` (ignores the end of stdin).
"""

import os
import signal
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

from wire.errors import ErrorCode
from worker.media_engine.child.__main__ import caches
from worker.media_engine.pipe import FROM_PIPELINE, MAX_COMMAND_BYTES, TO_PIPELINE
from worker.media_engine.port import Cancel, Down, Ended, Event, Loading, Made, PipelineSpec, Progress, Ready
from worker.subprocesses.child import Pipe, enter, leave


def main(manner: str) -> None:
    pipe = enter()
    spec = TO_PIPELINE.decode(pipe.read(MAX_COMMAND_BYTES) or b"")
    assert isinstance(spec, PipelineSpec)
    os.environ.update(caches(spec.scratch))
    if manner == "silent":
        signal.pause()
    if manner.startswith("refuses:"):
        tell(pipe, Down("the folder is not only weights", problem=manner.removeprefix("refuses:")))
        leave(1)
    tell(pipe, Loading())
    if manner == "loads":
        while True:
            tell(pipe, Loading())
            time.sleep(0.05)
    if manner == "faults":
        os.kill(os.getpid(), signal.SIGSEGV)
    tell(pipe, Ready(("generate_image",), 1, 4096, 1, 0, 0))
    while (line := pipe.read(MAX_COMMAND_BYTES)) is not None:
        command = TO_PIPELINE.decode(line)
        assert not isinstance(command, PipelineSpec)
        serve(command.job, isinstance(command, Cancel), pipe)
    if manner == "deaf":
        while True:
            signal.pause()
    leave(0)


def tell(pipe: Pipe, event: Event) -> None:
    pipe.write(FROM_PIPELINE.encode(event))


def serve(job: str, cancel: bool, pipe: Pipe) -> None:
    if cancel:
        if not job.startswith("stubborn"):
            tell(pipe, Ended(job, "cancelled"))
        return
    tell(pipe, Progress(job, "denoising", 1, 4))
    match job.partition("-")[0]:
        case "draws":
            tell(pipe, Made(job, "/tmp/made.png", "image/png", "0" * 64, 1))
            tell(pipe, Ended(job, "done"))
        case "keeps":
            kept = Path(mkdtemp())
            tell(pipe, Made(job, str(kept), "image/png", "0" * 64, 1))
            tell(pipe, Ended(job, "done"))
        case "fails":
            tell(pipe, Ended(job, "failed", ErrorCode.ENGINE_ERROR, "why"))
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "babbles":
            pipe.write(b"Made of nothing\n")
        case _:  # holds, stubborn
            pass


if __name__ == "__main__":
    main(sys.argv[1])
