"""Which worker gets a job: pure arithmetic on what is known of each.

The one that would give the answer soonest at the load it would then have, by the length that answers usually have, the
speed curve that it measured itself, and how much of the prompt it need not read again because it has read it before
(prefix_affinity.py). Of equals (within TIE) the one that knows more of it, then the least recently used.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from coordinator.scheduler.speed_curve import SpeedCurve
from wire.pictures import MOST_TOKENS

ANSWER_TOKENS = 256.0  # a typical answer, where none is known: what decode speed is weighed against reading the prompt
UNKNOWN_TPS = 10.0  # a worker that measured nothing is taken for a slow one, so that it still gets work
UNKNOWN_TTFT_MS = 1000.0
UNKNOWN_PREFILL_TPS = 500.0
UNKNOWN_IMAGE_MS = 1000.0
MEASURED_PROMPT = 512  # tokens of the prompt whose time to the first token a speed curve tells
TIE = 0.05
TOLERANCE, GRACE_S = 2.0, 2.0  # a job that took twice what was claimed, and 2 s, took as long as was claimed
UNMEASURED = SpeedCurve()
ROOM = 1.25  # of a slot for a prompt: it is estimated, and an answer follows


@dataclass(frozen=True)
class Candidate:
    """A worker with a free slot. `busy`: jobs it runs already; `failures`: faults since its last success; `cached`:
    tokens of the job's prompt that it is believed to hold."""

    worker: str
    busy: int
    context: int
    speed: SpeedCurve = UNMEASURED
    failures: int = 0
    last_used: float = 0.0
    cached: int = 0
    seeing_s: float = 0.0  # what its encoder takes for pictures of the job that it is not believed to hold
    slowness: float = 1.0  # times longer than its claim that its jobs took (pace.py)
    effort_s: float = 0.0  # of a pipeline that makes media: MediaOffer.speed


def least_context(prompt: int, least: int, longest: int) -> int:
    """Tokens that a slot must hold for a prompt of about so many, and `least` in any case. `longest`: the largest
    context of any worker, free or not: a prompt that surely fits only there waits for it, and does not go round to be
    read and refused."""
    return max(least, min(longest, int(prompt / ROOM)))


def choose(
    candidates: Iterable[Candidate], seconds: Callable[[Candidate], float], context: int = 0, prompt: int = 0
) -> str | None:
    """The worker that should take the job, or None. `seconds`: how long one would take by its claim; put right here by
    how slow it was seen to be, and doubled for each of its recent faults. `context`: tokens that a slot must at least
    hold; `prompt`: tokens of the job's prompt."""
    large = [c for c in candidates if c.context >= context]
    if not large:
        return None
    # The prompt's length is an estimate: it decides who is asked first, and only a worker's own count who cannot do it.
    enough = min(max(c.context for c in large), prompt * ROOM)
    fitting = [(believed_s(seconds(c), c.slowness) * 2 ** min(c.failures, 10), c) for c in large if c.context >= enough]
    best_s = min(each_s for each_s, _ in fitting)
    equals = [candidate for each_s, candidate in fitting if each_s <= best_s * (1 + TIE)]
    return min(equals, key=lambda c: (-c.cached, c.last_used, c.worker)).worker


def believed_s(claimed_s: float, slowness: float) -> float:
    """Seconds to be expected of a job for which the worker's claim says `claimed_s`. `slowness`: what pace.py saw."""
    return claimed_s + (slowness - 1.0) * (TOLERANCE * claimed_s + GRACE_S)


def expected_s(candidate: Candidate, prompt: int = MEASURED_PROMPT, answer: float = ANSWER_TOKENS) -> float:
    """Seconds until an answer to a prompt would be complete.

    What a busy worker costs grows with the answer, so one taken for too long drives conversations away from where their
    prefix is. What the worker knows of the prompt is not read again: that is the whole gain of a prefix, in the same
    seconds as the load that speaks against a busy worker.
    """
    streams = candidate.busy + 1
    pace = candidate.speed.at(streams)
    tps, prefill_tps, ttft_ms = (UNKNOWN_TPS, UNKNOWN_PREFILL_TPS, UNKNOWN_TTFT_MS) if pace is None else pace
    prefill_tps = max(prefill_tps, 1.0)
    around_s = max(ttft_ms / 1000 - MEASURED_PROMPT / prefill_tps, 0.0)  # what does not depend on the prompt
    read_s = max(prompt - candidate.cached, 0) / prefill_tps
    return around_s + candidate.seeing_s + read_s + answer / max(tps / streams, 0.01)


def decode_tps(speed: SpeedCurve, streams: int) -> float:
    """Tokens a second of all streams together."""
    pace = speed.at(streams)
    return UNKNOWN_TPS if pace is None else pace.decode_tps


def reading_tps(speed: SpeedCurve, streams: int, unknown: float) -> float:
    """Tokens of prompts a second beside so many streams; `unknown` where nothing was measured."""
    pace = speed.at(streams)
    return unknown if pace is None else pace.prefill_tps


def seeing_s(image_ms: float | None, tokens: int) -> float:
    """Seconds that an encoder takes for pictures of so many tokens, one after the other, by the worker's claim. Then
    they are read as the rest of a prompt is."""
    return (UNKNOWN_IMAGE_MS if image_ms is None else image_ms) / 1000 * tokens / MOST_TOKENS
