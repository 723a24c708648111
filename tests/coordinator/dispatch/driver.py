"""Dispatch driven by hand: a clock that only moves when told, workers and clients as short calls."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, TypeVar

from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Deliver, Effect, Send
from coordinator.scheduler.state import JobSpec, Limits, Peer
from wire import messages as wire
from wire.blobs import VISION, Need, Wanted
from wire.chat import ChatRequest, Content, FinishReason, Image, Message, Usage
from wire.errors import ErrorCode
from wire.offers import ModelOffer, ModelState, ModelStatus, SpeedPoint
from wire.request import Request

E = TypeVar("E")
M = "m"
REQUEST = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=1000)


def speed(decode_tps: float, prefill_tps: float = 1000.0) -> tuple[SpeedPoint, ...]:
    """What a worker claims of itself, for one stream and for any number together."""
    ttft_ms = 1000 * 512 / prefill_tps if prefill_tps else 0
    return (SpeedPoint(streams=1, decode_tps=decode_tps, prefill_tps=prefill_tps, ttft_ms=ttft_ms),)


def seeing(*files: bytes, text: str = "what is this?", most: int = 1024) -> tuple[ChatRequest, dict[str, bytes]]:
    """A request with a picture of each of the files, all before its text, and the files by their names."""
    blobs = {sha256(data).hexdigest(): data for data in files}
    images = tuple(Image(at=0, sha256=sha256(data).hexdigest(), size_bytes=len(data), most=most) for data in files)
    return ChatRequest(messages=(Message(role="user", content=text, images=images),), max_tokens=1000), blobs


class Driver:
    def __init__(self, limits: Limits | None = None) -> None:
        self.dispatch = Dispatch(limits)
        self.now = 100.0
        self.out: list[Effect] = []  # effects of the last call
        self.sessions: dict[str, str] = {}  # worker -> its current session
        self._opened = 0

    # ---- workers -------------------------------------------------------------------------------------------------

    def dial(
        self,
        worker: str = "w1",
        instance: str = "a",
        resume: wire.Resume | None = None,
        owner: str = "gpus",
        **offer: Any,
    ) -> str:
        """Hello on a new socket; nothing else. Returns the session."""
        self._opened += 1
        session = f"s{self._opened}"
        fields = {"context": 4096, "slots": 2, "features": (VISION,)} | offer
        hello = wire.Hello(worker=worker, instance=instance, models=(ModelOffer(id=M, **fields),), resume=resume)
        self.out = self.dispatch.worker_joined(hello, Peer(session, owner, "key-1"), self.now)
        self.sessions[worker] = session
        return session

    def join(self, worker: str = "w1", slots: int = 2, **rest: Any) -> str:
        """Hello and a Capacity that says: ready."""
        session = self.dial(worker, slots=slots, **rest)
        self.capacity(worker, slots)
        return session

    def capacity(
        self, worker: str = "w1", slots: int = 2, free: int | None = None, status: ModelStatus = "ready"
    ) -> None:
        state = ModelState(id=M, status=status, slots=slots, free=slots if free is None else free)
        self.says(worker, wire.Capacity(models=(state,)))

    def says(self, worker: str, message: wire.ToCoordinator) -> None:
        self.out = self.dispatch.received(self.sessions[worker], message, self.now)

    def accepts(self, worker: str = "w1", job: str = "j1", attempt: int = 1, prompt: int | None = None) -> None:
        self.says(worker, wire.Accepted(job=job, attempt=attempt, prompt=prompt))

    def needs(self, *files: tuple[str, int], worker: str = "w1", job: str = "j1", attempt: int = 1) -> None:
        """The worker asks for files, each from an offset on."""
        wanted = tuple(Wanted(sha256=name, offset=offset) for name, offset in files)
        self.says(worker, Need(job=job, attempt=attempt, files=wanted))

    def delta(self, worker: str = "w1", job: str = "j1", attempt: int = 1, seq: int = 0, tokens: str = "") -> None:
        """One token for each character."""
        item = wire.Delta(
            job=job, attempt=attempt, seq=seq, tokens=tuple(map(ord, tokens)), parts=(Content(text=tokens),)
        )
        self.says(worker, wire.Deltas(items=(item,)))

    def done(
        self,
        worker: str = "w1",
        job: str = "j1",
        attempt: int = 1,
        seq: int = 0,
        completion: int = 0,
        reason: FinishReason = "stop",
    ) -> None:
        usage = Usage(prompt=7, cached=3, completion=completion, reasoning=0)
        done = wire.Done(job=job, attempt=attempt, seq=seq, finish_reason=reason, usage=usage)
        self.says(worker, done)

    def fails(
        self,
        worker: str = "w1",
        job: str = "j1",
        attempt: int = 1,
        seq: int = 0,
        code: ErrorCode = ErrorCode.ENGINE_ERROR,
    ) -> None:
        failed = wire.Failed(job=job, attempt=attempt, seq=seq, code=code, message="broke", retryable=True)
        self.says(worker, failed)

    def refuses(
        self, worker: str = "w1", job: str = "j1", attempt: int = 1, code: ErrorCode = ErrorCode.WORKER_BUSY
    ) -> None:
        self.says(worker, wire.Refused(job=job, attempt=attempt, code=code, message="no", param="messages"))

    def cancelled(self, worker: str = "w1", job: str = "j1", attempt: int = 1, seq: int = 0) -> None:
        usage = Usage(prompt=7, cached=0, completion=0, reasoning=0)
        self.says(worker, wire.Cancelled(job=job, attempt=attempt, seq=seq, usage=usage))

    def drops(self, worker: str = "w1", resumable: bool = True) -> None:
        self.out = self.dispatch.worker_left(self.sessions[worker], resumable, self.now)

    def redials(self, worker: str = "w1", jobs: tuple[tuple[str, int, int], ...] = ()) -> str:
        """The same process on a new socket, with (job, attempt, next_seq) still alive."""
        alive = tuple(wire.RunningJob(job=j, attempt=a, next_seq=n) for j, a, n in jobs)
        return self.dial(worker, resume=wire.Resume(session=self.sessions[worker], jobs=alive))

    def proves(self, *workers: str) -> None:
        """Each finishes a job: from then on the death of its engine counts against a request."""
        for name in workers:  # nobody has read any of these prompts: the least recently used is next
            asked = ChatRequest(messages=(Message(role="user", content=name),), max_tokens=10)
            self.now += 0.001
            self.submit(job := f"proof-{name}", account="proof", request=asked)
            worker = self.started()[0]
            self.accepts(worker, job)
            self.delta(worker, job, tokens="1")
            self.done(worker, job, seq=1)

    def serves(self, worker: str, start: wire.Start) -> None:
        """The worker gives three tokens for the job that it was sent, and ends it."""
        self.accepts(worker, start.job, start.attempt)
        self.delta(worker, start.job, start.attempt, tokens="abc")
        self.done(worker, start.job, start.attempt, seq=1)

    def passes_test(self, worker: str = "w1") -> None:
        """The worker does well what the coordinator tests it with; keeps the effects of the last word."""
        _, test = self.started()
        self.accepts(worker, test.job)
        self.delta(worker, test.job, tokens="1 2 3")
        self.done(worker, test.job, seq=1)

    # ---- clients and time ----------------------------------------------------------------------------------------

    def submit(
        self,
        job: str = "j1",
        account: str = "client",
        request: Request = REQUEST,
        deadline_s: float | None = None,
        blobs: Mapping[str, bytes] | None = None,
    ) -> None:
        spec = JobSpec(job, account, M, request, 1, deadline_s, blobs=blobs or {})
        self.out = self.dispatch.submit(spec, self.now)

    def cancel(self, job: str = "j1") -> None:
        self.out = self.dispatch.cancel(job, self.now)

    def takes(self, job: str = "j1", attempt: int = 1, seq: int = 0) -> None:
        self.out = self.dispatch.acknowledged(job, attempt, seq, self.now)

    def passes(self, seconds: float, alive: tuple[str, ...] = ()) -> None:
        """Time goes on in ticks of 0.25 s; workers in `alive` send heartbeats. Keeps all effects."""
        out: list[Effect] = []
        for _ in range(round(seconds / 0.25)):
            self.now += 0.25
            for worker in alive:
                out += self.dispatch.received(self.sessions[worker], wire.Capacity(), self.now)
            out += self.dispatch.tick(self.now)
        self.out = out

    def place(self, job: str = "j1") -> int | None:
        queue_position = self.dispatch.queue_position(job)
        return None if queue_position is None else queue_position.place

    # ---- what came out -------------------------------------------------------------------------------------------

    def all(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.out if isinstance(effect, kind)]

    def one(self, kind: type[E]) -> E:
        found = self.all(kind)
        assert len(found) == 1, self.out
        return found[0]

    def sent(self, kind: type[E]) -> list[tuple[str, E]]:
        """Frames of a kind as (worker, frame)."""
        names = {session: worker for worker, session in self.sessions.items()}
        return [
            (names.get(effect.session, effect.session), effect.message)
            for effect in self.all(Send)
            if isinstance(effect.message, kind)
        ]

    def started(self) -> tuple[str, wire.Start]:
        starts = self.sent(wire.Start)
        assert len(starts) == 1, self.out
        return starts[0]

    def text(self) -> str:
        return "".join(chr(token) for effect in self.all(Deliver) for token in effect.delta.tokens)


def liar_and_honest() -> Driver:
    """Two owners' workers. The liar is always asked first: it claims to be fast."""
    driver = Driver()
    driver.join("liar", owner="mallory", slots=8, speed=speed(1e9, 1e9))
    driver.join("honest", owner="alice", slots=8, speed=speed(40.0))
    return driver
