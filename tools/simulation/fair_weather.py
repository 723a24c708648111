"""The real dispatch in virtual time, with workers that never fail: what waiting, sharing and placement are worth.
Who lies to it is added by liars.py.

Workers take time like a GPU does: prompts are read one after the other, answers decoded together. What of a prompt need
not be read again is decided by the engine's own index (worker/engine/child/prefix_cache.py).
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Protocol

from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished, Send
from coordinator.hub.clock import TICK_S
from coordinator.scheduler.fairness import cost
from coordinator.scheduler.state import JobSpec, Limits, Peer
from coordinator.scheduler.work import PromptCount
from tools.simulation.timeline import Timeline
from wire import messages as wire
from wire.chat import ChatRequest, Content, Message, Usage
from wire.offers import ModelOffer, ModelState, SpeedPoint
from worker.engine.child.prefix_cache import Prefixes

MODEL = "m"
CONTEXT = 16384
STEP_TOKENS = 32  # of a job that are decoded between two of our events
PREPARE_S = 0.02
BYTES = 4  # of a token here


@dataclass(frozen=True)
class Speed:
    """Tokens a second: reading prompts, and decoding one stream alone, or one among as many as there are slots."""

    prefill: float = 2000.0
    alone: float = 40.0
    crowded: float = 30.0

    def decode(self, streams: int, slots: int) -> float:
        """Of all streams together."""
        return streams * (self.alone + (self.crowded - self.alone) * (streams - 1) / max(slots - 1, 1))

    def curve(self, slots: int) -> tuple[SpeedPoint, ...]:
        """What such a worker measures of itself."""
        ttft_ms = 1000 * 512 / self.prefill
        points = sorted({1, slots})
        return tuple(
            SpeedPoint(streams=n, decode_tps=self.decode(n, slots), prefill_tps=self.prefill, ttft_ms=ttft_ms)
            for n in points
        )


def tokens(message: Message) -> list[int]:
    data = message.content.encode()
    return [
        len(message.role),
        *(int.from_bytes(data[i : i + BYTES]) & 2**31 - 1 for i in range(0, len(data), BYTES)),
        1,
    ]


def prompt_tokens(request: ChatRequest) -> list[int]:
    return [token for message in request.messages for token in tokens(message)] + [len("assistant")]


def words(dice: random.Random, length: int) -> str:
    """Text of so many tokens."""
    return dice.randbytes(length * BYTES // 2).hex()


@dataclass
class Ask:
    """One request: what its client sees of it."""

    spec: JobSpec
    at: float
    done: Callable[["Ask"], None]
    first_token: float | None = None
    ended: float | None = None
    failed: str | None = None
    usage: Usage | None = None


@dataclass
class _Run:
    start: wire.Start
    prompt: list[int]  # and what the client has of the answer: it is read like a prompt
    answer: list[int]
    sent: int  # of the answer
    seq: int = 0
    sequence: int = 0
    cached: int = 0
    cancelled: bool = False

    @property
    def asked(self) -> int:
        """Tokens of the prompt."""
        return len(self.prompt) - len(self.start.delivered)


class Gpu:
    """An honest worker."""

    def __init__(
        self, network: "Network", name: str, slots: int, speed: Speed, hybrid: bool = False, owner: str = "gpus"
    ) -> None:
        self._network, self.name, self._slots, self._speed = network, name, slots, speed
        self._owner, self._hybrid = owner, hybrid
        self._prefixes = Prefixes(slots, CONTEXT, cuttable=not hybrid)
        self._reading: deque[_Run] = deque()
        self._decoding = 0
        self._runs: dict[tuple[str, int], _Run] = {}

    def received(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Start():
                self._start(message)
            case wire.Cancel():
                run = self._runs.get((message.job, message.attempt))
                if run is not None:
                    run.cancelled = True

    def _start(self, start: wire.Start) -> None:
        request = start.request
        assert isinstance(request, ChatRequest)
        answer = tokens(Message(role="assistant", content=words(random.Random(start.seed), request.max_tokens)))
        prompt = [*prompt_tokens(request), *start.delivered]
        run = self._runs[start.job, start.attempt] = _Run(start, prompt, answer[1:-1], len(start.delivered))
        self._later(PREPARE_S, partial(self._accept, run))

    def _accept(self, run: _Run) -> None:
        self._say(wire.Accepted(job=run.start.job, attempt=run.start.attempt))
        self._reading.append(run)
        if len(self._reading) == 1:
            self._read()

    def _read(self) -> None:
        """The next prompt, but for what is there already."""
        run = self._reading[0]
        place = self._prefixes.place(run.prompt)
        run.sequence, run.cached = place.target, place.length
        self._later((len(run.prompt) - place.length) / self._speed.prefill, partial(self._was_read, run))

    def _was_read(self, run: _Run) -> None:
        last = len(run.prompt) - 1
        ends = [i + 1 for i, token in enumerate(run.prompt) if token == 1]
        at = run.cached
        for cut in self._prefixes.checkpoints_at((ends[0], last), at, len(run.prompt)):
            self._prefixes.grow(run.sequence, run.prompt[at:cut])
            self._prefixes.save_checkpoint(run.sequence, b"state")
            at = cut
        self._prefixes.grow(run.sequence, run.prompt[at:])
        self._reading.popleft()
        self._decoding += 1
        if self._reading:
            self._read()
        self._later(0.0, partial(self._decode, run, 1))

    def _decode(self, run: _Run, now: int) -> None:
        """So many tokens are there; a Cancel is heard between two steps."""
        if run.cancelled:
            self._end(run)
            usage = Usage(prompt=run.asked, completion=run.sent)
            self._say(wire.Cancelled(job=run.start.job, attempt=run.start.attempt, seq=run.seq, usage=usage))
            return
        new = tuple(run.answer[run.sent : run.sent + now])
        run.sent += len(new)
        self._prefixes.grow(run.sequence, new)
        parts = (Content(text="word " * len(new)),)
        item = wire.Delta(job=run.start.job, attempt=run.start.attempt, seq=run.seq, tokens=new, parts=parts)
        run.seq += 1
        self._say(wire.Deltas(items=(item,)))
        if run.sent < len(run.answer):
            step_s = STEP_TOKENS * self._decoding / self._speed.decode(self._decoding, self._slots)
            self._later(step_s, partial(self._decode, run, STEP_TOKENS))
            return
        self._end(run)
        usage = Usage(prompt=run.asked, cached=min(run.cached, run.asked), completion=run.sent)
        job, attempt = run.start.job, run.start.attempt
        self._say(wire.Done(job=job, attempt=attempt, seq=run.seq, finish_reason="length", usage=usage))

    def _end(self, run: _Run) -> None:
        self._decoding -= 1
        self._prefixes.release(run.sequence)
        del self._runs[run.start.job, run.start.attempt]

    def hello(self) -> None:
        speed = self._speed.curve(self._slots)
        offer = ModelOffer(id=MODEL, context=CONTEXT, slots=self._slots, speed=speed)
        hello = wire.Hello(worker=self.name, instance="1", models=(offer,))
        self._network.join(hello, Peer(self.name, self._owner, "k"), self)
        self.heartbeat()

    def heartbeat(self) -> None:
        """Only the first one tells something new: leases keep the count after it."""
        first = self._network.timeline.now == 0.0
        state = ModelState(id=MODEL, status="ready", slots=self._slots, free=self._slots)
        self._say(wire.Capacity(models=(state,) if first else ()))
        self._later(wire.HEARTBEAT_S, self.heartbeat)

    def _say(self, message: wire.ToCoordinator) -> None:
        network = self._network
        network.perform(network.dispatch.received(self.name, message, network.timeline.now))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._network.timeline.after(seconds, act)


class Member(Protocol):
    """Whatever is at the other end of a worker's socket."""

    def received(self, message: wire.ToWorker) -> None: ...


@dataclass
class Network:
    """A coordinator and its workers. `asks` has every request that was ever made."""

    workers: int = 4
    slots: int = 8
    speed: Speed = field(default_factory=Speed)
    hybrid: bool = False
    limits: Limits = field(default_factory=Limits)
    prefix: str = "j"  # of the names of jobs: with another one whatever is drawn by lot falls otherwise

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        self.dispatch = Dispatch(self.limits)
        self.asks: dict[str, Ask] = {}
        self._numbers = count(1)
        self._members: dict[str, Member] = {}  # by session
        for i in range(self.workers):
            Gpu(self, f"w{i}", self.slots, self.speed, self.hybrid).hello()
        self._tick()

    def join(self, hello: wire.Hello, peer: Peer, member: Member) -> None:
        self._members[peer.session] = member
        self.perform(self.dispatch.worker_joined(hello, peer, self.timeline.now))

    def leave(self, session: str) -> None:
        """The socket is closed in order: its worker does not come back for its jobs."""
        del self._members[session]
        self.perform(self.dispatch.worker_left(session, False, self.timeline.now))

    def ask(
        self, account: str, request: ChatRequest, weight: float = 1.0, done: Callable[[Ask], None] = lambda ask: None
    ) -> Ask:
        number = next(self._numbers)
        count = PromptCount(len(prompt_tokens(request)), counted=True)
        spec = JobSpec(f"{self.prefix}{number}", account, MODEL, request, seed=number, weight=weight, prompt=count)
        ask = self.asks[spec.id] = Ask(spec, self.timeline.now, done)
        self.perform(self.dispatch.submit(spec, self.timeline.now))
        return ask

    def served(self, since: float = 0.0) -> dict[str, float]:
        """What each account was served, in tokens of the completion, by jobs that ended after `since`."""
        sums: dict[str, float] = {}
        for ask in self.asks.values():
            if ask.usage is not None and ask.ended is not None and ask.ended >= since:
                more = cost(ask.usage.prompt, ask.usage.completion)
                sums[ask.spec.account] = sums.get(ask.spec.account, 0.0) + more
        return sums

    def perform(self, effects: list[Effect]) -> None:
        now = self.timeline.now
        for effect in effects:
            match effect:
                case Send() if effect.session in self._members:
                    self._members[effect.session].received(effect.message)
                case Deliver():
                    ask = self.asks[effect.job]
                    ask.first_token = now if ask.first_token is None else ask.first_token
                    delta = effect.delta
                    self.timeline.after(0.0, partial(self._taken, effect.job, delta.attempt, delta.seq))
                case Finished() | Failed():
                    ask = self.asks[effect.job]
                    ask.ended, ask.usage = now, effect.report.usage if isinstance(effect, Finished) else None
                    ask.failed = effect.error.code if isinstance(effect, Failed) else None
                    self.timeline.after(0.0, partial(ask.done, ask))

    def _taken(self, job: str, attempt: int, seq: int) -> None:
        self.perform(self.dispatch.acknowledged(job, attempt, seq, self.timeline.now))

    def _tick(self) -> None:
        self.perform(self.dispatch.tick(self.timeline.now))
        self.timeline.after(TICK_S, self._tick)
