"""All that a client was given of one job, kept so that it can be told again from its beginning.

Steps are put together as they come: a token for itself takes a hundred times what it says.
"""

from dataclasses import dataclass, field

from coordinator.cluster.protocol.messages import Accepted, Ended, HandedBack, Placed
from coordinator.dispatch import claims
from coordinator.dispatch.effects import Made
from wire.chat import Content, Part, Reasoning
from wire.messages import WINDOW_TOKENS, Delta

MOST_BYTES = 256 * 1024  # of one answer: a longer one is not kept
TOKEN_BYTES, EVENT_BYTES = 8, 256
TOGETHER_CHARS = 4096  # of one text
TOGETHER_TOKENS = WINDOW_TOKENS // 2  # of one step

Told = Placed | Accepted | Delta | Made | Ended | HandedBack


@dataclass
class Answer:
    events: list[Told] = field(default_factory=list)
    bytes: int = 0

    def add(self, event: Told) -> bool:
        """Keep the next event. False: there is too much, and nothing is kept any more."""
        last = self.events[-1] if self.events else None
        together = _together(last, event) if isinstance(last, Delta) and isinstance(event, Delta) else None
        self.bytes += _bytes(event) + (EVENT_BYTES if together is None else 0)
        if self.bytes > MOST_BYTES:
            self.events.clear()
            return False
        if together is None:
            self.events.append(event)
        else:
            self.events[-1] = together
        return True


def _bytes(event: Told) -> int:
    if not isinstance(event, Delta):
        return 0
    return claims.size_bytes(event) - claims.PART_BYTES * len(event.parts) + _tokens(event)


def _tokens(delta: Delta) -> int:
    return TOKEN_BYTES * len(delta.tokens)


def _together(first: Delta, second: Delta) -> Delta | None:
    """Both as one step of the worker; None: they are better told apart."""
    if first.attempt != second.attempt or first.logprobs or second.logprobs or not second.tokens:
        return None
    tokens = first.tokens + second.tokens
    parts = _joined(first.parts, second.parts)
    if parts is None or len(tokens) > TOGETHER_TOKENS:
        return None
    return second.model_copy(update={"tokens": tokens, "parts": parts})


def _joined(first: tuple[Part, ...], second: tuple[Part, ...]) -> tuple[Part, ...] | None:
    if not first or not second:
        return first + second
    last, rest = first[-1], second[0]
    for kind in (Content, Reasoning):
        if isinstance(last, kind) and isinstance(rest, kind) and len(last.text) < TOGETHER_CHARS:
            return (*first[:-1], kind(text=last.text + rest.text), *second[1:])
    return None
