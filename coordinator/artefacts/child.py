"""`python -m coordinator.artefacts.child`: the process that meets the files of strangers. One file, and it ends.

In comes a line of JSON: {file, media_type, into}; out another, {facts} or {wrong}: the end of a sentence that begins
with the file. A file that crashes or hangs a decoder, or takes it over, has this process for itself: of bounded time
and memory, without a way to open a file, to start a process, or to write more than its result.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from coordinator.artefacts.facts import Facts
from coordinator.artefacts.strip import Damaged
from wire.media import LIMIT_BYTES

PICTURE_S = 15  # of processor time: 32 million pixels, the most that are taken, are read in 1 to 3 s
RECORDING_S = 240
MEMORY_BYTES = 3 << 29  # 1.5 GiB: 16 frames of 4096 x 4096 that others refer to take 400 MiB
RESULT_BYTES = max(LIMIT_BYTES.values()) * 2  # what is rewritten is about as large as it was

NICE = 10  # it may take minutes of a core that the coordinator's answers need: those go first

Rewrite = Callable[[BinaryIO, str, BinaryIO], Facts]


def main() -> None:
    os.nice(NICE)
    asked = json.loads(sys.stdin.buffer.readline())
    rewrite = _reader(asked["media_type"])
    with Path(asked["file"]).open("rb") as source, Path(asked["into"]).open("wb+") as into:
        _bound(PICTURE_S if asked["media_type"].startswith("image/") else RECORDING_S)
        answer: dict[str, Any]
        try:
            answer = {"facts": asdict(rewrite(source, asked["media_type"], into))}
        except Damaged as error:
            answer = {"wrong": str(error)[:300]}
        except MemoryError:
            answer = {"wrong": "takes too much memory to read"}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    os._exit(0)  # no library's clean-up: it would want to open files


def _reader(media_type: str) -> Rewrite:
    """What reads such a file, loaded with all that it needs."""
    if media_type.startswith("image/"):
        from coordinator.artefacts import pictures

        return pictures.rewrite
    from coordinator.artefacts import recordings

    return recordings.rewrite


def _bound(processor_s: int) -> None:
    """Over its time the kernel ends this process, over its memory an allocation fails."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, processor_s),
        (resource.RLIMIT_FSIZE, RESULT_BYTES),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (most, most))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
