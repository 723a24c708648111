"""Which worker gets a job: pure arithmetic on what is known of each.

The one that would give a typical answer soonest at the load it would then have, by the speed curve that it measured
itself; equals (within TIE) take turns, least recently used first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wire.messages import SpeedPoint

ANSWER_TOKENS = 256  # a typical answer: what decode speed is weighed against the time to the first token
UNKNOWN_TPS = 10.0  # a worker that measured nothing is taken for a slow one, so that it still gets work
UNKNOWN_TTFT_MS = 1000.0
TIE = 0.05


@dataclass(frozen=True)
class Candidate:
    """A worker with a free slot. `busy`: jobs it runs already; `failures`: faults since its last success."""

    worker: str
    busy: int
    context: int
    speed: tuple[SpeedPoint, ...] = ()
    failures: int = 0
    used: float = 0.0


def choose(candidates: Iterable[Candidate], context: int = 0) -> str | None:
    """The worker that should take the job, or None. `context`: tokens that a slot must at least hold."""
    fitting = [(expected_s(c), c) for c in candidates if c.context >= context]
    if not fitting:
        return None
    best = min(seconds for seconds, _ in fitting)
    equals = [candidate for seconds, candidate in fitting if seconds <= best * (1 + TIE)]
    return min(equals, key=lambda c: (c.used, c.worker)).worker


def expected_s(candidate: Candidate) -> float:
    """Seconds until a typical answer would be complete, doubled for each recent fault."""
    streams = candidate.busy + 1
    tps = decode_tps(candidate.speed, streams) / streams
    ttft_ms = _interpolate([(p.streams, p.ttft_ms) for p in candidate.speed], streams, UNKNOWN_TTFT_MS)
    return float((ttft_ms / 1000 + ANSWER_TOKENS / max(tps, 0.01)) * 2 ** min(candidate.failures, 10))


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
