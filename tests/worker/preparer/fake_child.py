"""A preparer child without a vocabulary: the text of the first message says what happens. Run by test_process.py."""

import os
import signal
import sys

from wire.chat import ChatRequest
from wire.errors import ErrorCode
from worker.chat.prepared import Prepared, Reading
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER, Opened, Prepare, Refused
from worker.subprocesses.child import enter, leave
from worker.subprocesses.codec import MAX_LINE_BYTES


def main(manner: str) -> None:
    pipe = enter()
    pipe.read(MAX_LINE_BYTES)
    if manner == "dumb":
        leave(1)
    if manner == "refuses":
        pipe.write(FROM_PREPARER.encode(Refused(ErrorCode.MODEL_NOT_LOADED, "no vocabulary in this file")))
        leave(0)
    pipe.write(FROM_PREPARER.encode(Opened()))
    while (line := pipe.read(MAX_LINE_BYTES)) is not None:
        asked = TO_PREPARER.decode(line)
        assert isinstance(asked, Prepare)
        pipe.write(answer(asked.request, asked.delivered))
    leave(0)


def answer(request: ChatRequest, delivered: tuple[int, ...]) -> bytes:
    match request.messages[0].content.split():
        case ["hang"]:
            signal.pause()
        case ["spin"]:
            while True:
                pass
        case ["crash"]:
            os.abort()
        case ["killed"]:
            os.kill(os.getpid(), signal.SIGKILL)
        case ["garbage"]:
            return b"Prepared [{}]\n"
        case ["refuse"]:
            return FROM_PREPARER.encode(Refused(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "too long", "messages"))
        case ["after", path]:  # answers once somebody writes to the named pipe
            with open(path, "rb") as gate:
                gate.read()
    pieces = tuple(b"%d" % token for token in delivered)
    return FROM_PREPARER.encode(Prepared((os.getpid(),), (), Reading("qwen-json"), pieces))


if __name__ == "__main__":
    main(sys.argv[1])
