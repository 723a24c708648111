"""What this worker has done since it started: counts and distributions, from the frames and engine events that pass by.

Pure: times are arguments. `status` shows it to the owner, `metrics` to the owner's monitoring.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from worker.engine import port

TTFT_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TOKEN_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0)
STALLS = 60  # pulses, a minute: how long the longest stall is remembered


@dataclass
class Histogram:
    """How often values fell at or below each bound; one more bucket takes the rest."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass
class ModelCounters:
    """What one model has done. Tokens and milliseconds are those that the engine reported."""

    ended: dict[str, int] = field(default_factory=dict)  # by reason: stop, length, cancelled, failed
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    forced_tokens: int = 0  # of these, what a grammar left no choice about: they took no step of their own
    guesses: dict[port.Source, tuple[int, int]] = field(default_factory=dict)  # drafted, and of these came true
    tokens_per_step: float = 0.0  # of one job, when tokens were last drawn; 0: none was yet
    encodes: int = 0  # of pictures
    encode_ms: float = 0.0
    image_ms: float | None = None  # of one of 1,024 tokens, at load; None: it takes text only
    restarts: int = 0
    decode_tps: float = 0.0  # of all jobs together, over the last second
    prefill_tps: float = 0.0
    longest_stall_ms: float = 0.0  # of the last minute
    python_share: float = 0.0  # 0 to 1 of the last steps' time: what was not llama.cpp's
    ttft: Histogram = field(default_factory=lambda: Histogram(TTFT_S))
    token_time: Histogram = field(default_factory=lambda: Histogram(TOKEN_S))
    pulse: port.Pulse | None = None
    _pulsed: float = 0.0
    _stalls: list[float] = field(default_factory=list)

    def ended_job(self, ended: port.Ended) -> None:
        """Count a job that has ended, with its tokens and times."""
        usage = ended.usage
        self.ended[ended.reason] = self.ended.get(ended.reason, 0) + 1
        self.prompt_tokens += usage.prompt
        self.cached_tokens += usage.cached
        self.completion_tokens += usage.completion
        if usage.completion > 1:  # the first token belongs to the prefill
            self.token_time.add(usage.decode_ms / 1e3 / (usage.completion - 1))

    def pulsed(self, pulse: port.Pulse, now: float) -> None:
        """Take the engine's own counters. Speeds are the growth since the pulse before; a new engine counts from 0."""
        before, seconds = self.pulse, now - self._pulsed
        if before is not None and seconds > 0 and pulse.steps >= before.steps:
            self.decode_tps = max(0, pulse.generated_tokens - before.generated_tokens) / seconds
            self.prefill_tps = max(0, pulse.prompt_tokens - before.prompt_tokens) / seconds
            self.forced_tokens += max(0, pulse.forced_tokens - before.forced_tokens)
            if (draws := pulse.draws - before.draws) > 0:
                self.tokens_per_step = (pulse.generated_tokens - before.generated_tokens) / draws
            self._guessed(before.guesses, pulse.guesses)
            self.encodes += max(0, pulse.encodes - before.encodes)
            self.encode_ms += max(0.0, pulse.encode_ms - before.encode_ms)
            if (spent := pulse.step_ms - before.step_ms) > 0:
                self.python_share = 1 - (pulse.llama_ms - before.llama_ms) / spent
        self.pulse, self._pulsed = pulse, now
        self._stalls = [*self._stalls[-STALLS + 1 :], pulse.longest_stall_ms]
        self.longest_stall_ms = max(self._stalls)

    def _guessed(self, before: tuple[port.Guessed, ...], now: tuple[port.Guessed, ...]) -> None:
        then = {one.source: one for one in before}
        for one in now:
            known, grown = self.guesses.get(one.source, (0, 0)), then.get(one.source, port.Guessed(one.source))
            drafted, accepted = one.drafted - grown.drafted, one.accepted - grown.accepted
            self.guesses[one.source] = known[0] + max(0, drafted), known[1] + max(0, accepted)

    def down(self, restarting: bool) -> None:
        self.restarts += restarting
        self.image_ms = None
        self.pulse, self.decode_tps, self.prefill_tps = None, 0.0, 0.0


class Counters:
    """What the worker has done. `refused` by code, `models` by id.

    A job that waits for its first token is remembered until it ends, for the time that it waited.
    """

    def __init__(self, models: tuple[str, ...]) -> None:
        self.models = {model: ModelCounters() for model in models}
        self.refused: dict[str, int] = {}
        self.cancels = 0  # asked for by the coordinator
        self.pictures = 0  # shown to an engine
        self.picture_bytes = 0  # of their files, received
        self._waiting: dict[str, float] = {}  # engine's name of the job -> when it was started

    def started(self, job: str, now: float) -> None:
        """A Start has come. `job`: as the engine names it; `now`: seconds of any steady clock."""
        self._waiting[job] = now

    def was_refused(self, job: str, code: str) -> None:
        self._waiting.pop(job, None)
        self.refused[code] = self.refused.get(code, 0) + 1

    def gone(self, job: str) -> None:
        """The job ended before it came to the engine."""
        self._waiting.pop(job, None)

    def engine(self, model: str, event: port.Event, now: float) -> None:
        """Count an event of the engine of `model`."""
        counters = self.models[model]
        match event:
            case port.Stepped():
                for token in event.tokens:
                    if (since := self._waiting.pop(token.job, None)) is not None:
                        counters.ttft.add(now - since)
            case port.Ended():
                self._waiting.pop(event.job, None)
                counters.ended_job(event)
            case port.Ready():
                counters.image_ms = event.image_ms
            case port.Pulse():
                counters.pulsed(event, now)
            case port.Down():
                for job in event.jobs:
                    self._waiting.pop(job, None)
                    counters.ended["failed"] = counters.ended.get("failed", 0) + 1
                counters.down(restarting=event.retry_in_s is not None)
            case _:
                pass
