"""What is asked of an engine under measurement, and what it gives back: the times at which an answer's tokens came.

`ours.py` and `llama_server.py` are the two engines that can be asked.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

START_S = 300.0
ANSWER_S = 900.0


class BenchError(Exception):
    """What was to be measured did not happen; the text says why."""


@dataclass(frozen=True)
class Shape:
    """What both sides are started with. `context`: tokens of one chat. `gpu`: all layers on it, and the eyes. `drafts`:
    ours guesses tokens ahead. `peer_options`: more of its command."""

    model: Path
    slots: int
    context: int
    threads: int = 1
    gpu: bool = False
    projector: Path | None = None
    drafts: bool = False
    peer_options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A picture behind the first `at` tokens of a prompt. `marks`: the tokens that begin, fill and end it in a prompt
    of ours; the peer sets its own, and is told the prompt before and behind the picture as `text`."""

    file: bytes
    at: int
    marks: tuple[int, int, int]
    text: tuple[str, str]


@dataclass(frozen=True)
class Ask:
    """`anchors` end messages, as the worker's templates tell the engine; the peer finds such places by itself. `ends`:
    the model may end its answer before `most` tokens."""

    prompt: tuple[int, ...]
    most: int
    anchors: tuple[int, ...] = ()
    shown: Shown | None = None
    temperature: float = 0.0
    ends: bool = False


@dataclass
class Answer:
    """Times are of time.perf_counter. `computed`: prompt tokens that were put through the model; set at the end.
    `tokens`: what was answered, where the engine is ours."""

    sent: float = field(default_factory=time.perf_counter)
    times: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    computed: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def ttft(self) -> float:
        return self.times[0] - self.sent

    def came(self, now: float) -> None:
        self.times.append(now)
        self.begun.set()

    def end(self, problem: str = "") -> None:
        self.begun.set()
        if self.over.done():
            return
        if problem:
            self.over.set_exception(BenchError(problem))
        else:
            self.over.set_result(None)


class Side(Protocol):
    def ask(self, ask: Ask) -> Answer: ...

    def leave(self, answer: Answer) -> None:
        """Stop listening, as a client does that goes away; the answer's `over` comes when the side knows it."""
        ...

    def cpu_s(self) -> float:
        """Processor seconds that its process has taken so far: on a shared machine far steadier than any clock."""
        ...


def processor_seconds(pid: int) -> float:
    """User and system time of a living process (proc(5): fields 14 and 15 of stat; the name before may have blanks)."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def ends(answers: Sequence[Answer]) -> None:
    """Wait until all are over. Raises BenchError when one failed or none came in time."""
    try:
        await asyncio.wait_for(asyncio.gather(*(answer.over for answer in answers)), ANSWER_S)
    except TimeoutError as error:
        raise BenchError(f"no end after {ANSWER_S:.0f} s") from error
