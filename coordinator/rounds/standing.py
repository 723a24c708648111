"""How far an answer in rounds has come: what a replica needs that goes on with it, when the one that had it is dead.

It stands between two rounds: the chat of one has ended and been paid for, and some of its calls are done. What comes
behind that, the calls that are left and the next round, is begun anew, or taken over, under the names that it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from pydantic import TypeAdapter, ValidationError

from coordinator.dispatch.effects import Deliver
from coordinator.media.handles import Medium
from coordinator.media.results import Result
from coordinator.rounds.course import Covered, Wanted
from coordinator.rounds.events import ToolProgress
from wire.chat import Content, FinishReason, Part, Reasoning
from wire.messages import Delta, TokenLogprob

VERSION = 1
TOGETHER_CHARS = 4096  # of one text


@dataclass(frozen=True)
class Said:
    """Something that the client was given. `completion`: tokens up to there."""

    parts: tuple[Part, ...]
    completion: int
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Standing:
    """`content`, `reasoning`, `has_clients_calls`, `wanted`: of the turn whose calls are run, `job` and `finish_reason`
    of its chat, `results` what came of calls of it, in this order. `rounds`, `made`: what they cost, as it is shown.
    `log`: all that the client was told."""

    course: Covered
    content: str
    reasoning: str
    has_clients_calls: bool
    wanted: tuple[Wanted, ...]
    job: str
    finish_reason: FinishReason
    results: tuple[Result, ...]
    rounds: tuple[dict[str, Any], ...]
    made: tuple[dict[str, Any], ...]
    log: tuple[Said | ToolProgress, ...] = field(repr=False)
    version: int = VERSION


_STANDING = TypeAdapter(Standing)


def write(standing: Standing) -> bytes:
    return _STANDING.dump_json(standing)


def read(text: bytes) -> Standing | None:
    """None: it was written by a version that said it otherwise."""
    try:
        standing = _STANDING.validate_json(text)
    except ValidationError:
        return None
    return standing if standing.version == VERSION else None


def made(standing: Standing) -> list[Medium]:
    """What its calls have made, in the order in which it was given handles."""
    found = [
        (int(piece.handle.rpartition(":")[2]), Medium(result.media_type, artefact=piece.artefact.id))
        for result in standing.course.results + standing.results
        for piece in result.pieces
        if piece.handle is not None and result.media_type is not None
    ]
    return [medium for _, medium in sorted(found, key=itemgetter(0))]


class Log:
    """What a client was told, kept as shortly as it can be told again."""

    def __init__(self, entries: Iterable[Said | ToolProgress] = ()) -> None:
        self.entries = list(entries)

    def add(self, events: Sequence[object]) -> None:
        """Of calls only what came of them is kept."""
        for event in events:
            if isinstance(event, Deliver):
                self._say(Said(event.delta.parts, event.completion, event.delta.logprobs))
            elif isinstance(event, ToolProgress) and event.result is not None:
                self.entries.append(event)

    def events(self, job: str) -> list[Deliver | ToolProgress]:
        """All of it, to be told again."""
        return [
            entry
            if isinstance(entry, ToolProgress)
            else Deliver(
                job,
                Delta(job=job, attempt=1, seq=0, parts=entry.parts, logprobs=entry.logprobs),
                entry.completion,
            )
            for entry in self.entries
        ]

    def _say(self, said: Said) -> None:
        last = self.entries[-1] if self.entries else None
        parts = None
        if isinstance(last, Said) and not last.logprobs and not said.logprobs:
            parts = _joined(last.parts, said.parts)
        if parts is None:
            self.entries.append(said)
        else:
            self.entries[-1] = Said(parts, said.completion)


def _joined(first: tuple[Part, ...], second: tuple[Part, ...]) -> tuple[Part, ...] | None:
    """Both as one; None: they are better told apart."""
    if not first or not second:
        return first + second
    if len(second) > 1:
        return None
    last, one = first[-1], second[0]
    for kind in (Content, Reasoning):
        if isinstance(last, kind) and isinstance(one, kind) and len(last.text) < TOGETHER_CHARS:
            return (*first[:-1], kind(text=last.text + one.text))
    return None
