"""Files verified in a child process: what a stranger's file does to its decoder, it does there, and alone."""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from coordinator.artefacts.facts import Facts
from coordinator.artefacts.magic import HEAD_BYTES, begins_as
from coordinator.artefacts.names import ORIGINS, Origin, kind_of
from coordinator.prompt_count.environment import ROOT, environment
from coordinator.turns import Turns
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.artefacts")

CHILD = (sys.executable, "-m", "coordinator.artefacts.child")
PICTURES, RECORDINGS = 2, 1  # at once, of what is made here and again of what clients send
OF_ONE = 1  # of what one account sends
WAITING, WAITING_OF_ONE = 128, 48
PICTURE_TURN_S, RECORDING_TURN_S = 120.0, 300.0  # longer than the longest that may be before it
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
    """Reads few files at a time, each in a process of its own.

    A film that takes minutes to read holds up other films of its own kind, and no picture. What workers have made does
    not wait behind what clients send: whoever could hold it up would have honest workers come too late, and rest.
    """

    def __init__(self, *, command: Sequence[str] = CHILD, picture_s: float = PICTURE_S) -> None:
        self._command = command
        self._picture_s = picture_s
        self._turns = {(origin, picture): _turns(origin, picture) for origin in ORIGINS for picture in (True, False)}

    async def check(self, file: Path, media_type: str, into: Path, account: str, origin: Origin) -> Facts:
        """What the file is that somebody sent for an account, or made for it; `into` has it then without its metadata.
        Raises invalid_media, with a sentence that begins with the file, or overloaded."""
        if not begins_as(media_type, await asyncio.to_thread(_head, file)):
            raise _invalid(f"does not begin as {media_type} does")
        async with AsyncExitStack() as places:
            await self._turns[origin, kind_of(media_type) == "image"].enter(account, places)
            answer = await self._ask(file, media_type, into)
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
                await child.wait()  # to kill one that ends by itself would leave its end to be found by nobody
            return _ANSWER.validate_json(told)
        except (TimeoutError, OSError, ValidationError) as error:
            log.warning("a file of type %s gave no answer: %s", media_type, type(error).__name__)
            return None
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()


def _turns(origin: Origin, picture: bool) -> Turns:
    """What a client has made is as many files as it asked for: of those one may have all places."""
    at_once, within_s = (PICTURES, PICTURE_TURN_S) if picture else (RECORDINGS, RECORDING_TURN_S)
    if origin == "made":
        return Turns(at_once, at_once, WAITING, WAITING, within_s, _overloaded)
    return Turns(at_once, OF_ONE, WAITING, WAITING_OF_ONE, within_s, _overloaded)


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(HEAD_BYTES)


def _invalid(wrong: str) -> SupernetError:
    return SupernetError(ErrorCode.INVALID_MEDIA, f"The file {wrong}.")


def _overloaded() -> SupernetError:
    message = "Too many files wait to be verified: try again in a few seconds."
    return SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)
