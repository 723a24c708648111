"""The shell of dispatch: outboxes of workers, inboxes of clients, the clock, the timer. It performs the effects."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from coordinator.artefact import Artefact
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply, Reread, Shown
from coordinator.cluster.replica import Replica
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import (
    Accepted,
    CloseWorker,
    Deliver,
    Drained,
    Effect,
    Failed,
    Finished,
    Handback,
    JobEnd,
    Made,
    Noted,
    Placed,
    Progressed,
    Queued,
    Send,
    SendFiles,
    StopFiles,
    Stopped,
)
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.answers import Answers
from coordinator.hub.buffers import Outbox
from coordinator.hub.clock import TICK_S, Clock
from coordinator.hub.log_bounds import LogBounds
from coordinator.hub.log_lines import note
from coordinator.scheduler.state import JobSpec, Limits, Peer
from coordinator.telemetry.tracing import Tracing
from wire.errors import CLOSE_UNAUTHORIZED, ErrorCode, SupernetError
from wire.messages import Error, Hello, ToCoordinator, ToWorker

log = logging.getLogger("supernet.hub")

SLOW_CLIENT_S = 30.0
CLOSE_TOO_SLOW = 1013
ENDED = "the key has been revoked or disabled, or has expired"


@dataclass
class _Route:
    """Where the events of one job go."""

    spec: JobSpec
    answers: Answers
    ended: Callable[[JobSpec, JobEnd], None]


@dataclass(frozen=True)
class Said:
    """A worker's Hello in its own words, and what it was told of that which is not taken."""

    hello: Hello
    told: tuple[str, ...] = ()


@dataclass
class _Socket:
    peer: Peer
    worker: str  # its id within the account
    outbox: Outbox = field(default_factory=Outbox)


class Hub:
    """Tells dispatch what happens, and performs its effects. All methods but `run` are plain, and for the event loop's
    thread alone. `dispatch` is to look at; only the hub, and a member of the bus through `perform`, call what changes
    it. In a cluster it is a Replica, and `bus` performs what that wants of the others. `cell`: the dispatch whose
    workers' sockets are here."""

    def __init__(
        self, limits: Limits | None = None, tracing: Tracing | None = None, replica: Replica | None = None
    ) -> None:
        self.cell = Dispatch(limits) if replica is None else replica.dispatch
        self.dispatch: Dispatch | Replica = self.cell if replica is None else replica
        self.requests = self.cell.requests  # of clients: each until `discard`, when it has its answer, or has left
        self.bus: Callable[[BusEffect], None] = lambda effect: None
        self.drained = asyncio.Event()
        self._tracing = tracing or Tracing()
        self.ended: Callable[[JobSpec, JobEnd], None] = lambda spec, end: None  # told of every end, for the metrics
        # Told of workers that left by themselves.
        self.parted: Callable[[str, str], None] = lambda account, worker: None
        self._clock = Clock()
        self._log_bounds = LogBounds()
        self._routes: dict[str, _Route] = {}
        self._sockets: dict[str, _Socket] = {}
        self.said: dict[str, Said] = {}  # by session, for as long as its socket is here
        self._effects: deque[Effect | BusEffect] = deque()
        self._performing = False

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self.perform(self.dispatch.tick(self.now()))
            self._cut_slow()
            for worker, lines in self._log_bounds.left_out(self.now()).items():
                log.warning("%d lines about worker=%s were left out: they came too fast", lines, worker)

    def now(self) -> float:
        return self._clock.now()

    # ---- workers -------------------------------------------------------------------------------------------------

    def join(self, hello: Hello, peer: Peer, said: Said | None = None) -> Outbox:
        """Take a worker whose socket is open and has said hello; what is in the outbox must be written to it. `hello`:
        what is taken of what it `said`."""
        socket = self._sockets[peer.session] = _Socket(peer, hello.worker)
        self.said[peer.session] = said or Said(hello)
        self.perform(self.dispatch.worker_joined(hello, peer, self.now()))
        return socket.outbox

    def received(self, session: str, message: ToCoordinator) -> int:
        """A valid frame came on the socket. Return how many frames of attempts in it came late or again."""
        counters = self.dispatch.counters
        before = counters.late_frames + counters.duplicate_frames
        self.perform(self.dispatch.received(session, message, self.now()))
        return counters.late_frames + counters.duplicate_frames - before

    def left(self, session: str, resumable: bool) -> None:
        """Note that the socket is closed, or as good as that."""
        socket = self._sockets.pop(session, None)
        self.said.pop(session, None)
        if socket is not None:
            socket.outbox.forget_files()
            if not resumable:
                self.parted(socket.peer.account, socket.worker)
        self.perform(self.dispatch.worker_left(session, resumable, self.now()))

    def tell(self, session: str, message: ToWorker) -> None:
        """Send a worker a frame; one whose socket is gone misses it, and one that does not read loses its socket."""
        socket = self._sockets.get(session)
        if socket is not None and not socket.outbox.put(message):
            socket.outbox.close(CLOSE_TOO_SLOW, "the worker does not read")
            self.left(session, resumable=True)

    def revoke(self, keys: frozenset[str]) -> None:
        """These keys have ended, or are disabled: close the sockets that were opened with them, and end the jobs that
        were asked for with them."""
        for session, socket in list(self._sockets.items()):
            if socket.peer.key in keys:
                socket.outbox.put(Error(code=ErrorCode.INVALID_API_KEY, message=ENDED))
                socket.outbox.close(CLOSE_UNAUTHORIZED, ENDED)
                self.left(session, resumable=False)
        self.perform(self.dispatch.revoked(keys, self.now()))

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, jobs: Sequence[JobSpec], ended: Callable[[JobSpec, JobEnd], None], part: bool = False) -> Answers:
        """Hand jobs to dispatch, one for each choice, and return where their answers come.

        `ended` is told of the end of each, whether or not the client still listens. `part`: of a request that is being
        answered.
        """
        now = self.now()
        jobs = [replace(spec, trace=self._tracing.begin(spec)) for spec in jobs]
        answers = Answers(self, jobs)
        self.requests.add(answers)
        for spec in jobs:
            self._routes[spec.id] = _Route(spec, answers, ended)
        for spec in jobs:
            self.perform(self.dispatch.submit(spec, now, part=part))
        return answers

    def follow(
        self,
        spec: JobSpec,
        ended: Callable[[JobSpec, JobEnd], None],
        effects: Callable[[float], Sequence[Effect | BusEffect]],
    ) -> Answers:
        """Return where the answers of a job come that runs already, as `submit` does; what `effects` gives at a time
        has them come."""
        answers = Answers(self, [spec])
        self.requests.add(answers)
        self._routes[spec.id] = _Route(spec, answers, ended)
        self.perform(effects(self.now()))
        return answers

    def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        """What an attempt made is stored, or may not be kept (see Attempts). False: nobody here waits for it."""
        effects = self.dispatch.uploaded(job, attempt, artefact, self.now())
        self.perform(effects or [])
        return effects is not None

    def cancel(self, job: str) -> None:
        """End a job whose client has left."""
        self.perform(self.dispatch.cancel(job, self.now()))

    def acknowledged(self, delivered: Deliver) -> None:
        """Note that the client has taken everything of the job up to this."""
        delta = delivered.delta
        self.perform(self.dispatch.acknowledged(delivered.job, delta.attempt, delta.seq, self.now()))

    def queue_position(self, job: str) -> QueuePosition | None:
        return self.dispatch.queue_position(job)

    def drain(self, within_s: float) -> None:
        """Refuse new requests; `drained` is set when the last has been answered."""
        self.perform(self.dispatch.drain(within_s, self.now()))

    def _cut_slow(self) -> None:
        now = self.now()
        answers = [route.answers for route in self._routes.values()]
        if self.dispatch.draining:  # else who has the end of an answer to read may take as long as it likes
            answers += [request for request in self.requests if isinstance(request, Answers)]
        for each in answers:
            since = each.unread_since()
            if since is not None and now - since > SLOW_CLIENT_S and not each.cut.done():
                _cut(each)

    # ---- effects -------------------------------------------------------------------------------------------------

    def perform(self, effects: Iterable[Effect | BusEffect]) -> None:
        """Perform effects in order; those that come meanwhile follow those that are there."""
        self._effects.extend(effects)
        if self._performing:
            return
        self._performing = True
        try:
            while self._effects:
                self._one(self._effects.popleft())
        finally:
            self._performing = False

    def _one(self, effect: Effect | BusEffect) -> None:
        match effect:
            case Send():
                self.tell(effect.session, effect.message)
            case SendFiles():
                if (socket := self._sockets.get(effect.session)) is not None:
                    socket.outbox.send_files(effect.job, effect.attempt, effect.files)
            case StopFiles():
                if (socket := self._sockets.get(effect.session)) is not None:
                    socket.outbox.stop_files(effect.job, effect.attempt)
            case CloseWorker():
                socket = self._sockets.get(effect.session)
                if socket is not None:
                    socket.outbox.close(effect.code, effect.reason)
            case Deliver() | Progressed() | Made():
                self._answer(effect)
            case Accepted():
                self._routes[effect.job].answers.accept(effect.job)
            case Finished() | Failed() | Stopped():
                self._end(effect)
            case Noted():
                if not effect.worker or self._log_bounds.allows(effect.worker, self.now()):
                    note(effect)
            case Drained():
                self.drained.set()
            case Publish() | Ask() | Reply() | Flush() | Reread() | Shown():
                self.bus(effect)
            case Queued() | Placed() | Handback():  # a coordinator that is alone hands nothing back
                log.debug("%s", effect)
            case _:
                assert_never(effect)

    def _answer(self, event: Deliver | Progressed | Made) -> None:
        answers = self._routes[event.job].answers
        answers.accept(event.job)
        if not answers.put(event) and not answers.cut.done():
            _cut(answers)

    def _end(self, end: JobEnd) -> None:
        route = self._routes.pop(end.job)
        route.answers.end(end.job)
        if not isinstance(end, Stopped):  # a client that has left is told nothing
            route.answers.put(end)
        route.ended(route.spec, end)
        self.ended(route.spec, end)
        self._tracing.end(route.spec, end)


def _cut(answers: Answers) -> None:
    log.info("a client does not read: its request is cancelled")
    answers.cut_off()
