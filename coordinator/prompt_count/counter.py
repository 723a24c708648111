"""Counts the prompt of every request while a worker reads it, so that the count is there before the worker's claim.

A text is counted once: the turns of a conversation come again with each request, and are found by their hash. Nobody
waits for a count. One that is not there when an answer ends (no vocabulary yet, a queue that is full, a text that hung
the child) is done without: then the request's bound holds alone.
"""

import asyncio
import contextlib
import json
import logging
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from coordinator.current_catalog import CurrentCatalog
from coordinator.prompt_count.environment import ROOT, environment
from coordinator.prompt_count.template import Marks
from coordinator.prompt_count.texts import special_tokens, texts, unasked
from coordinator.prompt_count.vocabulary_files import VocabularyFiles
from coordinator.scheduler.work import PromptCount
from wire.catalog import ModelSpec
from wire.chat import ChatRequest

log = logging.getLogger("supernet.prompt_count")

CHILD = (sys.executable, "-m", "coordinator.prompt_count.child")
WAITING = 256  # requests
WAITING_CHARACTERS = 32 * 2**20  # of their texts: 20 requests of the largest kind
KNOWN = 32_768  # texts whose count is remembered, of all models: about 5 MB
SLICE = 32 * 1024  # characters that are asked for at once; tokens of a text are up to one more at each cut
ANSWER_S = 20.0  # for a slice: it takes 0.1 s, but with the first one the child starts and reads the vocabulary


@dataclass(frozen=True)
class _Asked:
    prompt: PromptCount
    spec: ModelSpec
    request: ChatRequest
    texts: tuple[str, ...]

    @property
    def characters(self) -> int:
        return sum(map(len, self.texts))


class PromptCounter:
    """One queue, and one child that counts."""

    def __init__(
        self,
        catalog: CurrentCatalog,
        files: VocabularyFiles,
        *,
        command: Sequence[str] = CHILD,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._command = command
        self._answer_s = answer_s
        self._queue: asyncio.Queue[_Asked] = asyncio.Queue(WAITING)
        self._characters = 0
        self._known: OrderedDict[bytes, int | None] = OrderedDict()  # None: its count broke the child
        self._marks: dict[str, tuple[Path, Marks]] = {}  # by model
        self._child: asyncio.subprocess.Process | None = None

    def count(self, model: str, request: object, prompt: PromptCount) -> None:
        """Have a request's prompt counted; the number goes into `prompt`, or never does. Returns at once."""
        if not isinstance(request, ChatRequest):
            return
        spec = self._catalog.now.get(model)
        asked = _Asked(prompt, spec, request, tuple(texts(request, spec.format)))
        if self._queue.full() or self._characters + asked.characters > WAITING_CHARACTERS:
            return
        self._characters += asked.characters
        self._queue.put_nowait(asked)

    async def run(self) -> None:
        """Count, until cancelled."""
        try:
            while True:
                asked = await self._queue.get()
                self._characters -= asked.characters
                tokens = await self._count(asked)
                if tokens is not None:
                    asked.prompt.most, asked.prompt.counted = tokens, True
        finally:
            await self._end()
            await self._files.close()

    async def _count(self, asked: _Asked) -> int | None:
        path = self._files.path(asked.spec)
        if path is None:
            return None
        marks = await self._marks_of(asked.spec, path)
        if marks is None:
            return None
        tokens, more = unasked(asked.request, marks)
        total = special_tokens(asked.request) + tokens
        for text in (*asked.texts, *more):
            name = blake2b(f"{path}\0{text}".encode("utf-8", "replace"), digest_size=16).digest()
            if name not in self._known:
                self._remember(name, await self._tokens(asked.spec, path, text))
            self._known.move_to_end(name)
            found = self._known[name]
            if found is None:
                return None
            total += found
            if total > asked.spec.context:  # it has no place there anyway
                break
        return total

    async def _marks_of(self, spec: ModelSpec, path: Path) -> Marks | None:
        """What the model's template writes of its own accord; None: that could not be had, and is asked for again."""
        if spec.id not in self._marks or self._marks[spec.id][0] != path:
            answer = await self._ask(json.dumps({"path": str(path)}).encode() + b"\n")
            if answer.startswith("!"):
                self._files.missing(spec, answer[1:])
            if not answer.startswith("{"):
                return None
            found = json.loads(answer)
            self._marks[spec.id] = path, Marks(found["system"], tuple(found["thought"]), found["thought_tokens"])
        return self._marks[spec.id][1]

    async def _tokens(self, spec: ModelSpec, path: Path, text: str) -> int | None:
        """Of one text; of one that is too long for the model, enough of them to see that. None: it broke the child."""
        total = 0
        for at in range(0, len(text), SLICE):
            line = json.dumps({"path": str(path), "text": text[at : at + SLICE]}) + "\n"
            answer = await self._ask(line.encode())
            if answer.startswith("!"):
                self._files.missing(spec, answer[1:])
            if not answer.isdecimal():
                return None
            total += int(answer)
            if total > spec.context:
                break
        return total

    def _remember(self, name: bytes, tokens: int | None) -> None:
        while len(self._known) >= KNOWN:
            self._known.popitem(last=False)
        self._known[name] = tokens

    # ---- the child -----------------------------------------------------------------------------------------------

    async def _ask(self, line: bytes) -> str:
        """One text's answer; empty if the child gave none, and then it is put down: the next text gets a new one."""
        try:
            async with asyncio.timeout(self._answer_s):
                child = await self._open()
                assert child.stdin is not None and child.stdout is not None
                child.stdin.write(line)
                await child.stdin.drain()
                answer = (await child.stdout.readline()).decode().strip()
        except (TimeoutError, OSError, ValueError):
            answer = ""
        if not answer:
            log.warning("a text of %d bytes could not be counted: the process that counts is started anew", len(line))
            await self._end()
        return answer

    async def _open(self) -> asyncio.subprocess.Process:
        if self._child is None or self._child.returncode is not None:
            pipe = asyncio.subprocess.PIPE
            self._child = await asyncio.create_subprocess_exec(
                *self._command, stdin=pipe, stdout=pipe, cwd=ROOT, env=environment(hub=False), start_new_session=True
            )
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
