"""Which worker gets a job: pure arithmetic on what is known of each.

The one that would give the answer soonest at the load it would then have, by the length that answers usually have, the
speed curve that it measured itself, and how much of the prompt it need not read again because it has read it before
(prefix.py). Of equals (within TIE) the one that knows more of it, then the least recently used.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wire.messages import SpeedPoint

ANSWER_TOKENS = 256.0  # a typical answer, where none is known: what decode speed is weighed against reading the prompt
UNKNOWN_TPS = 10.0  # a worker that measured nothing is taken for a slow one, so that it still gets work
UNKNOWN_TTFT_MS = 1000.0
UNKNOWN_PREFILL_TPS = 500.0
MEASURED_PROMPT = 512  # tokens of the prompt whose time to the first token a speed curve tells
TIE = 0.05
ROOM = 1.25  # of a slot for a prompt: it is estimated, and an answer follows


@dataclass(frozen=True)
class Candidate:
    """A worker with a free slot. `busy`: jobs it runs already; `failures`: faults since its last success; `known`:
    tokens of the job's prompt that it is believed to hold."""

    worker: str
    busy: int
    context: int
    speed: tuple[SpeedPoint, ...] = ()
    failures: int = 0
    used: float = 0.0
    known: int = 0


def least_context(prompt: int, known: int, longest: int) -> int:
    """Tokens that a slot must hold for a prompt of about so many, where `known` are not enough. `longest`: the largest
    context of any worker, free or not: a prompt that surely fits only there waits for it, and does not go round to be
    read and refused."""
    return max(known, min(longest, int(prompt / ROOM)))


def choose(
    candidates: Iterable[Candidate], context: int = 0, prompt: int = MEASURED_PROMPT, answer: float = ANSWER_TOKENS
) -> str | None:
    """The worker that should take the job, or None. `context`: tokens that a slot must at least hold; `prompt`: tokens
    of the job's prompt; `answer`: those to be expected of its answer. What a busy worker costs grows with the answer,
    so one taken for too long drives conversations away from where their prefix is."""
    large = [c for c in candidates if c.context >= context]
    if not large:
        return None
    # The prompt's length is an estimate: it decides who is asked first, and only a worker's own count who cannot do it.
    enough = min(max(c.context for c in large), prompt * ROOM)
    fitting = [(expected_s(c, prompt, answer), c) for c in large if c.context >= enough]
    best = min(seconds for seconds, _ in fitting)
    equals = [candidate for seconds, candidate in fitting if seconds <= best * (1 + TIE)]
    return min(equals, key=lambda c: (-c.known, c.used, c.worker)).worker


def expected_s(candidate: Candidate, prompt: int = MEASURED_PROMPT, answer: float = ANSWER_TOKENS) -> float:
    """Seconds until an answer to a prompt would be complete, doubled for each recent fault.

    What the worker knows of the prompt is not read again: that is the whole gain of a prefix, in the same seconds as
    the load that speaks against a busy worker.
    """
    streams, speed = candidate.busy + 1, candidate.speed
    tps = decode_tps(speed, streams) / streams
    prefill_tps = max(_interpolate([(p.streams, p.prefill_tps) for p in speed], streams, UNKNOWN_PREFILL_TPS), 1.0)
    ttft_s = _interpolate([(p.streams, p.ttft_ms) for p in speed], streams, UNKNOWN_TTFT_MS) / 1000
    around_s = max(ttft_s - MEASURED_PROMPT / prefill_tps, 0.0)  # what does not depend on the prompt
    read_s = max(prompt - candidate.known, 0) / prefill_tps
    return float((around_s + read_s + answer / max(tps, 0.01)) * 2 ** min(candidate.failures, 10))


def decode_tps(speed: Sequence[SpeedPoint], streams: int) -> float:
    """Tokens a second of all streams together, between measured points on a line, beyond the last one constant."""
    return _interpolate([(p.streams, p.decode_tps) for p in speed], streams, UNKNOWN_TPS)


def _interpolate(points: list[tuple[int, float]], at: int, unknown: float) -> float:
    if not points:
        return unknown
    points = sorted(points)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= at <= x1:
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0) if x1 > x0 else y1
    return points[0][1] if at < points[0][0] else points[-1][1]
