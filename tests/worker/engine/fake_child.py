"""An engine child without a model: the name of a job says what happens to it. Run by test_process.py.

Arguments: `serve`; `loads` (says nothing after the first Loading); `once:FILE` (serves if the file is there, and takes
it away, else loads); `refuses:ROW` (says why it cannot load, and ends); `faults` (dies of a signal before it is ready);
`dazzled` (dies so of its projector if it is given one, else serves); `staring` (falls silent there);
`deaf` (ignores the end of stdin). An ordinary job gets its prompt back, a token a step.
"""

import os
import signal
import sys

from wire.errors import ErrorCode
from worker.engine.pipe import FROM_ENGINE, MAX_EVENT_BYTES, TO_ENGINE
from worker.engine.port import Cancel, Down, Ended, EngineSpec, Event, Loading, Ready, Stepped, Submit, Token
from worker.subprocesses.child import Pipe, enter, leave
from worker.subprocesses.codec import MAX_LINE_BYTES


def main(manner: str) -> None:
    pipe = enter()

    def emit(event: Event) -> None:
        pipe.write(FROM_ENGINE.encode(event))

    first = pipe.read(MAX_LINE_BYTES)
    spec = TO_ENGINE.decode(first or b"")
    assert isinstance(spec, EngineSpec)
    if manner.startswith("once:"):
        try:
            os.unlink(manner.removeprefix("once:"))
        except FileNotFoundError:
            manner = "loads"
    if manner.startswith("refuses:"):
        emit(Down("llama.cpp finds no GPU", problem=manner.removeprefix("refuses:")))
        leave(1)
    emit(Loading(0.5))
    if manner == "faults":
        crash()
    if spec.projector:
        emit(Loading(1.0, eyes=True))
        if manner == "dazzled":
            crash()
        if manner == "staring":
            signal.pause()
    if manner == "loads":
        signal.pause()
    print("a library prints into stdout, without asking")
    os.write(1, b"and native code does so too\n")
    emit(Ready(spec.slots, spec.context, 256))
    while (line := pipe.read(MAX_LINE_BYTES)) is not None:
        command = TO_ENGINE.decode(line)
        if isinstance(command, Submit):
            serve(command, pipe)
        elif isinstance(command, Cancel):
            emit(Ended(command.job, "cancelled"))
    if manner == "deaf":
        while True:
            signal.pause()
    leave(0)


def crash() -> None:
    """As native code does: a line, then the signal, with the stacks of faulthandler between."""
    sys.stderr.write("amx.cpp:12: tile configuration is wrong\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def serve(submit: Submit, pipe: Pipe) -> None:
    def emit(event: Event) -> None:
        pipe.write(FROM_ENGINE.encode(event))

    match submit.job.split("-")[0]:
        case "pid":
            emit(Ended(submit.job, "failed", code=ErrorCode.ENGINE_ERROR, message=str(os.getpid())))
        case "holds":
            emit(Stepped((Token(submit.job, 1, b"x"),)))
        case "killed":
            emit(Stepped((Token(submit.job, 1, b"x"),)))
            os.kill(os.getpid(), signal.SIGKILL)
        case "aborts":
            os.abort()
        case "segfaults":
            crash()
        case "exits":
            leave(3)
        case "explains":
            emit(Down("no memory left on the card"))
            leave(1)
        case "garbage":
            pipe.write(b"llama_decode: failed\n")
        case "half":
            pipe.writer.write(FROM_ENGINE.encode(Ended(submit.job, "stop"))[:10])
            pipe.writer.flush()
            leave(1)
        case "huge":
            pipe.write(b"x" * (MAX_EVENT_BYTES + 1) + b"\n")
        case "hangs":
            signal.pause()
        case "shouts":
            for number in range(5000):
                sys.stderr.write(f"line {number} " + "x" * 1000 + "\n")
            emit(Ended(submit.job, "stop"))
        case _:
            for token in submit.prompt:
                emit(Stepped((Token(submit.job, token, bytes([token % 256])),)))
            emit(Ended(submit.job, "stop"))


if __name__ == "__main__":
    main(sys.argv[1])
