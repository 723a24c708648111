"""`python -m worker.pictures.child`: the process that meets the pictures of strangers.

One file, one answer, in turn. Each is decoded in a copy of this process with bounded time and memory: a file that
crashes or hangs the decoder, or takes it over, has that copy for itself, and the next file never meets it.
"""

import os
import resource
import signal
import sys

from worker.pictures.decode import decode
from worker.pictures.pipe import FROM_READER, TO_READER, File, Unreadable
from worker.subprocesses.child import Pipe, run
from worker.subprocesses.codec import MAX_LINE_BYTES

HEAD_S = 0.5  # of processor time for a file's head, which takes milliseconds; 9 MiB of junk in it would take 7 s
PROCESSOR_S = 5  # for its pixels: 32 million of them, the most that are read, take 0.5 to 1 s
MEMORY_BYTES = 1 << 30  # the largest takes 128 MiB as RGBA, some copies of it while it is turned and resized
TOO_MUCH = Unreadable("takes too much time or memory to read, or crashes the reader: save it anew as a PNG or JPEG")


def serve(pipe: Pipe) -> None:
    """Answer until stdin ends."""
    while (line := pipe.read(MAX_LINE_BYTES)) is not None:
        pipe.write(answer(line))


def answer(line: bytes) -> bytes:
    """The answer's line for a file's line, from a process of its own."""
    reader, writer = os.pipe()
    reading = os.fork()
    if not reading:
        status = 1
        try:
            _bound()
            with os.fdopen(writer, "wb") as out:
                out.write(_read(TO_READER.decode(line)))
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        answered = told.read()
    return answered if os.waitpid(reading, 0)[1] == 0 else FROM_READER.encode(TOO_MUCH)


def _read(file: File) -> bytes:
    return FROM_READER.encode(decode(file, lambda: signal.setitimer(signal.ITIMER_PROF, PROCESSOR_S)))


def _bound() -> None:
    """Over its time the kernel ends this process, over its memory an allocation fails; it opens no file any more."""
    signal.setitimer(signal.ITIMER_PROF, HEAD_S)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


if __name__ == "__main__":
    run(serve)
