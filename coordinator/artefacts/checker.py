"""Files verified in a child process: what a stranger's file does to its decoder, it does there, and alone."""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from coordinator.artefacts.facts import Facts
from coordinator.artefacts.magic import HEAD_BYTES, begins_as
from coordinator.prompt_count.environment import ROOT, environment
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.artefacts")

CHILD = (sys.executable, "-m", "coordinator.artefacts.child")
AT_ONCE = 2
WAITING = 64  # those that are being read included
TURN_S = 120.0
PICTURE_S, RECORDING_S = 60.0, 600.0  # of one, as a clock on the wall has it; processor time has a bound of its own
ANSWER_BYTES = 4096
RETRY_S = 10.0
TOO_MUCH = "takes too much time or memory to read, or crashes its reader"


@dataclass(frozen=True)
class _Answer:
    facts: Facts | None = None
    wrong: str = ""


_ANSWER = TypeAdapter(_Answer)


class Checker:
    """Reads AT_ONCE files at a time, each in a process of its own."""

    def __init__(self, *, command: Sequence[str] = CHILD, picture_s: float = PICTURE_S) -> None:
        self._command = command
        self._picture_s = picture_s
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def check(self, file: Path, media_type: str, into: Path) -> Facts:
        """What the file is; `into` has it then without its metadata. Raises invalid_media, with a sentence that begins
        with the file, or overloaded."""
        if not begins_as(media_type, await asyncio.to_thread(_head, file)):
            raise _invalid(f"does not begin as {media_type} does")
        if self._waiting == WAITING:
            raise _overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout(TURN_S):
                await self._places.acquire()
        except TimeoutError:
            raise _overloaded() from None
        finally:
            self._waiting -= 1
        try:
            answer = await self._ask(file, media_type, into)
        finally:
            self._places.release()
        if answer is None:
            raise _invalid(TOO_MUCH)
        if answer.facts is None or answer.facts.media_type != media_type:
            raise _invalid(answer.wrong or "cannot be read")
        if not begins_as(media_type, await asyncio.to_thread(_head, into)):  # a child that was taken over
            raise _invalid(TOO_MUCH)
        return answer.facts

    async def _ask(self, file: Path, media_type: str, into: Path) -> _Answer | None:
        """The child's answer; None: it gave none."""
        line = json.dumps({"file": str(file), "media_type": media_type, "into": str(into)}) + "\n"
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=pipe,
            stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL,  # a stranger's words
            cwd=ROOT,
            env=environment(hub=False),
            start_new_session=True,
        )
        assert child.stdin is not None and child.stdout is not None
        try:
            async with asyncio.timeout(self._picture_s if media_type.startswith("image/") else RECORDING_S):
                child.stdin.write(line.encode())
                child.stdin.close()
                told = await child.stdout.read(ANSWER_BYTES)
            return _ANSWER.validate_json(told)
        except (TimeoutError, OSError, ValidationError) as error:
            log.warning("a file of type %s gave no answer: %s", media_type, type(error).__name__)
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def _invalid(wrong: str) -> SupernetError:
    return SupernetError(ErrorCode.INVALID_MEDIA, f"The file {wrong}.")


def _overloaded() -> SupernetError:
    message = "Too many files wait to be verified: try again in a few seconds."
    return SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)
