"""The shell of dispatch: outboxes of workers, inboxes of clients, the clock, the timer. It performs the effects."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from coordinator.dispatch.dispatch import Dispatch, Standing
from coordinator.dispatch.effects import (
    Accepted,
    CloseWorker,
    Deliver,
    Drained,
    Effect,
    Failed,
    Finished,
    Noted,
    Placed,
    Queued,
    Send,
    Stopped,
)
from coordinator.hub.buffers import AnswerEvent, Inbox, Outbox
from coordinator.scheduler.state import JobSpec, Limits, Peer
from coordinator.telemetry.tracing import Tracing
from wire.errors import CLOSE_UNAUTHORIZED, ErrorCode, SupernetError
from wire.messages import Error, Hello, ToCoordinator, ToWorker

log = logging.getLogger("supernet.hub")

LOGGED_CHARS = 300  # of a detail
TICK_S = 0.25
FROZEN_S = 2.0  # the timer is never this late unless the whole process stood still
SLOW_CLIENT_S = 30.0
CLOSE_TOO_SLOW = 1013

JobEnd = Finished | Failed | Stopped


class Clock:
    """Seconds in which this process was running. After a suspension no worker is late: its frames wait to be read."""

    def __init__(self, source: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._last = source()
        self._frozen = 0.0

    def now(self) -> float:
        last, self._last = self._last, self._source()
        if self._last - last > FROZEN_S:
            self._frozen += self._last - last - TICK_S
            log.warning("the process stood still for %.1f s", self._last - last)
        return self._last - self._frozen


class Answers:
    """One client's request as the client sees it: the events of all its jobs, in order, until each has ended."""

    def __init__(self, hub: "Hub", jobs: Sequence[JobSpec], inbox: Inbox) -> None:
        self._hub = hub
        self._inbox = inbox
        self.jobs = [job.id for job in jobs]
        self.undecided = set(self.jobs)  # no worker has accepted them yet, and they have not ended
        self.open = set(self.jobs)
        self.decided = asyncio.Event()
        # Done once the client does not read: stop writing to it.
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken: dict[str, Deliver] = {}  # the last of each job that the client has in its hands

    async def settle(self, within_s: float) -> None:
        """Wait until a worker has accepted each job or it has ended, so that errors still have an HTTP status."""
        try:
            async with asyncio.timeout(within_s):
                await self.decided.wait()
        except TimeoutError:
            pass

    async def take(self, timeout_s: float) -> list[tuple[int, AnswerEvent]]:
        """The next events as (choice, event); none after `timeout_s`. Calling says: what was taken before is sent."""
        for delivered in self._taken.values():
            self._hub.acknowledged(delivered)
        self._taken.clear()
        events = await self._inbox.take(timeout_s, self._hub.now())
        for _, event in events:
            if isinstance(event, Deliver):
                self._taken[event.job] = event
        return events

    def early_error(self) -> SupernetError | None:
        """The error of a job that failed before the client was given anything of it; None if there is none."""
        return self._inbox.first_error()

    def standing(self) -> Standing | None:
        """Of the last one among the jobs that wait."""
        return max((standing for job in self.jobs if (standing := self._hub.standing(job))), default=None)

    def cancel(self) -> None:
        """The client has left. Jobs that have ended are not touched."""
        for job in list(self.open):
            self._hub.cancel(job)


@dataclass
class _Route:
    """Where the events of one job go."""

    spec: JobSpec
    answers: Answers
    inbox: Inbox
    choice: int
    ended: Callable[[JobSpec, JobEnd], None]


@dataclass
class _Socket:
    peer: Peer
    outbox: Outbox = field(default_factory=Outbox)


class Hub:
    """All methods but `run` are plain. `dispatch` is to look at; only the hub calls what changes it."""

    def __init__(self, limits: Limits | None = None, tracing: Tracing | None = None) -> None:
        self.dispatch = Dispatch(limits)
        self.drained = asyncio.Event()
        self._tracing = tracing or Tracing()
        self.ended: Callable[[JobSpec, JobEnd], None] = lambda spec, end: None  # told of every end, for the metrics
        self._clock = Clock()
        self._routes: dict[str, _Route] = {}
        self._sockets: dict[str, _Socket] = {}
        self._effects: deque[Effect] = deque()
        self._performing = False

    async def run(self) -> None:
        """The timer, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._perform(self.dispatch.tick(self.now()))
            self._cut_slow()

    def now(self) -> float:
        return self._clock.now()

    # ---- workers -------------------------------------------------------------------------------------------------

    def join(self, hello: Hello, peer: Peer) -> Outbox:
        """A worker's socket is open and has said hello. What is in the outbox must be written to it."""
        socket = self._sockets[peer.session] = _Socket(peer)
        self._perform(self.dispatch.worker_joined(hello, peer, self.now()))
        return socket.outbox

    def received(self, session: str, message: ToCoordinator) -> None:
        self._perform(self.dispatch.received(session, message, self.now()))

    def left(self, session: str, resumable: bool) -> None:
        """The socket is closed, or as good as that."""
        self._sockets.pop(session, None)
        self._perform(self.dispatch.worker_left(session, resumable, self.now()))

    def tell(self, session: str, message: ToWorker) -> None:
        """Something that concerns no job."""
        self._send(session, message)

    def revoke(self, keys: frozenset[str]) -> None:
        """Close the sockets that were opened with these keys, and end the jobs that were asked for with them."""
        for session, socket in list(self._sockets.items()):
            if socket.peer.key in keys:
                socket.outbox.put(Error(code=ErrorCode.INVALID_API_KEY, message="the key has been revoked"))
                socket.outbox.close(CLOSE_UNAUTHORIZED, "the key has been revoked")
                self.left(session, resumable=False)
        for job in [job for job, route in self._routes.items() if route.spec.key in keys]:
            self._perform(self.dispatch.revoked(job, self.now()))

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, jobs: Sequence[JobSpec], ended: Callable[[JobSpec, JobEnd], None]) -> Answers:
        """One job for each choice. `ended` is told of the end of each, whether or not the client still listens."""
        now = self.now()
        jobs = [replace(spec, trace=self._tracing.begin(spec)) for spec in jobs]
        inbox = Inbox(now, len(jobs))
        answers = Answers(self, jobs, inbox)
        for choice, spec in enumerate(jobs):
            self._routes[spec.id] = _Route(spec, answers, inbox, choice, ended)
        for spec in jobs:
            self._perform(self.dispatch.submit(spec, now))
        return answers

    def cancel(self, job: str) -> None:
        self._perform(self.dispatch.cancel(job, self.now()))

    def acknowledged(self, delivered: Deliver) -> None:
        delta = delivered.delta
        self._perform(self.dispatch.acknowledged(delivered.job, delta.attempt, delta.seq, self.now()))

    def standing(self, job: str) -> Standing | None:
        return self.dispatch.standing(job)

    def drain(self, within_s: float) -> None:
        """Refuse new jobs; `drained` is set when the last has ended."""
        self._perform(self.dispatch.drain(within_s, self.now()))

    def _cut_slow(self) -> None:
        now = self.now()
        for route in list(self._routes.values()):
            since = route.inbox.waiting_since()
            if since is not None and now - since > SLOW_CLIENT_S:
                self._cut(route.answers)

    def _cut(self, answers: Answers) -> None:
        log.info("a client does not read: its request is cancelled")
        if not answers.cut.done():  # of several choices each may say so
            answers.cut.set_result(None)
        answers.cancel()

    # ---- effects -------------------------------------------------------------------------------------------------

    def _perform(self, effects: list[Effect]) -> None:
        """In order. Performing one may bring more: they come after those that are there."""
        self._effects.extend(effects)
        if self._performing:
            return
        self._performing = True
        try:
            while self._effects:
                self._one(self._effects.popleft())
        finally:
            self._performing = False

    def _one(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(effect.session, effect.message)
            case CloseWorker():
                socket = self._sockets.get(effect.session)
                if socket is not None:
                    socket.outbox.close(effect.code, effect.reason)
            case Deliver():
                self._answer(effect)
            case Accepted():
                self._decide(self._routes[effect.job])
            case Finished() | Failed() | Stopped():
                self._end(effect)
            case Noted():
                text = "%s worker=%s job=%s %s"
                ids = {"event": effect.event, "worker": effect.worker, "job": effect.job}
                detail = _in_one_line(effect.detail)
                log.info(text, effect.event, effect.worker or "-", effect.job or "-", detail, extra=ids)
            case Drained():
                self.drained.set()
            case Queued() | Placed():
                log.debug("%s", effect)
            case _:
                assert_never(effect)

    def _send(self, session: str, message: ToWorker) -> None:
        socket = self._sockets.get(session)
        if socket is not None and not socket.outbox.put(message):
            socket.outbox.close(CLOSE_TOO_SLOW, "the worker does not read")
            self.left(session, resumable=True)

    def _answer(self, delivered: Deliver) -> None:
        route = self._routes[delivered.job]
        self._decide(route)
        if not route.inbox.put(route.choice, delivered, self.now()) and not route.answers.cut.done():
            self._cut(route.answers)

    def _end(self, end: JobEnd) -> None:
        route = self._routes.pop(end.job)
        route.answers.open.discard(end.job)
        self._decide(route)
        if not isinstance(end, Stopped):  # a client that has left is told nothing
            route.inbox.put(route.choice, end, self.now())
        route.ended(route.spec, end)
        self.ended(route.spec, end)
        self._tracing.end(route.spec, end)

    def _decide(self, route: _Route) -> None:
        route.answers.undecided.discard(route.spec.id)
        if not route.answers.undecided:
            route.answers.decided.set()


def _in_one_line(text: str) -> str:
    """A worker's words may be in it: no line of the log, and no command to a terminal, is to be forged with them."""
    return "".join(c if c.isprintable() else "?" for c in text[:LOGGED_CHARS])
