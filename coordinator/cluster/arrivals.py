"""Workers that come to this cell, and who is told of it.

One that brings jobs of another cell is kept waiting for a moment: the edges of these jobs are asked which of them it
may go on with. Then it is welcomed, with what they gave in time; what comes later waits here for any worker. The name
of a job tells its edge, but for one that another replica has taken up when its edge had died: which, all are asked.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coordinator.cluster.jobs import Brought, Jobs
from coordinator.cluster.lanes.post import Post
from coordinator.cluster.peers.presence import Presence
from coordinator.cluster.protocol.ids import ReplicaId, edge_of
from coordinator.cluster.protocol.messages import Message, Reclaim, Reclaimed
from coordinator.cluster.protocol.news import Gone, Here, Where
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import CloseWorker, Effect, Noted, Send
from coordinator.scheduler.fleet import key_of
from coordinator.scheduler.state import Peer
from wire.errors import CLOSE_DUPLICATE, ErrorCode
from wire.messages import Error, Hello, RunningJob

RECLAIM_S = 1.0  # for all edges to answer
WHERE_S = 0.5  # for a cell to say whether it has a worker
MOST_STRANGERS = 8  # edges of which we have not heard, that a worker may have asked: it can name as many as it likes


@dataclass
class _Held:
    """A worker whose edges are asked. `brought`: what they have said so far."""

    hello: Hello
    peer: Peer
    until: float
    unanswered: int = 0
    brought: Brought = field(default_factory=list)


@dataclass(frozen=True)
class _Present:
    """A worker of this cell: its process, the socket that it is on, and since when."""

    instance: str
    session: str
    since: float


class Arrivals:
    """The workers of this cell, as the other cells are told of them. What follows goes to the post.

    `who_has`: who may have the jobs of an edge that is not us; None: of one that was never heard of.
    """

    def __init__(self, dispatch: Dispatch, post: Post, presence: Presence, jobs: Jobs) -> None:
        self._dispatch, self._post, self._presence, self._jobs = dispatch, post, presence, jobs
        self._held: dict[str, _Held] = {}  # by session
        self._present: dict[str, _Present] = {}  # by worker key
        self._away: dict[str, _Present] = {}  # their sockets have ended, and they may come back here or elsewhere
        self._keys: dict[str, str] = {}  # session -> worker key
        self.who_has: Callable[[ReplicaId], Sequence[ReplicaId] | None] = lambda edge: None

    def joined(self, hello: Hello, peer: Peer, now: float) -> None:
        """A socket said Hello."""
        key = key_of(hello, peer)
        for session, held in list(self._held.items()):
            if key_of(held.hello, held.peer) == key:  # its line broke while it waited
                self._post.emit([CloseWorker(session, CLOSE_DUPLICATE, "this worker has connected again")])
                self._let_in(session, now, here=False)
        held = self._held[peer.session] = _Held(hello, peer, now + RECLAIM_S)
        cell = self._presence.of_another(key, hello.instance)
        if cell is None:
            self._ask_edges(held, now)
        else:
            self._ask_cell(held, cell, now)

    def left(self, session: str, now: float) -> bool:
        """A socket ended. True: its worker had not been let in, and dispatch knows nothing of it."""
        if session in self._held:
            self._let_in(session, now, here=False)
            return True
        key = self._keys.pop(session, "")
        present = self._present.get(key)
        if present is not None and present.session == session:
            self._away[key] = self._present.pop(key)
            self._post.tell_all([Gone(key, present.instance)])
        return False

    def age_s(self, key: str, now: float) -> float:
        """How long the worker has been here."""
        return now - self._present[key].since if key in self._present else 0.0

    def is_held(self, session: str) -> bool:
        """Whether the worker has not been welcomed yet: whatever it says is out of turn."""
        return session in self._held

    def tick(self, now: float) -> None:
        """Let in whose edges have had their time, and forget who does not come back."""
        self._away = {key: one for key, one in self._away.items() if self._dispatch.worker(key) is not None}
        for session in [session for session, held in self._held.items() if now >= held.until]:
            self._let_in(session, now)

    def here(self, cell: ReplicaId, here: Here, now: float) -> None:
        """Another cell has this worker. If it was here earlier it has left us, and so it has if it is another process
        that came to us later. While its socket here is alive the other cell is asked first: how long this was on its
        way nobody knows, and of a replica that was killed meanwhile the worker may have come to us."""
        ours, away = self._present.get(here.worker), self._away.get(here.worker)
        if ours is not None:
            if _has_left(ours, here, now):
                self._ask_whether_it_left(cell, here.worker, ours, now)
        elif away is None or now - here.since_age_s >= away.since:
            self._elsewhere(cell, here, away, now)

    def _ask_whether_it_left(self, cell: ReplicaId, worker: str, ours: _Present, now: float) -> None:
        def answered(messages: tuple[Message, ...], now: float) -> None:
            for one in messages:
                if not isinstance(one, Here) or one.worker != worker or self._present.get(worker) is not ours:
                    continue
                if _has_left(ours, one, now):
                    self._elsewhere(cell, one, ours, now)

        self._post.ask(cell, Where(worker), WHERE_S, answered, now)

    def _elsewhere(self, cell: ReplicaId, here: Here, ours: _Present | None, now: float) -> None:
        """The worker has come to another cell."""
        self._presence.here(cell, here.worker, here.instance, here.since_age_s, now)
        if ours is None:
            return
        self._present.pop(here.worker, None)
        self._away.pop(here.worker, None)
        self._keys.pop(ours.session, None)
        self._jobs.dispatched(self._dispatch.departed(here.worker, ours.instance, now), now)

    def all_here(self, now: float) -> list[Message]:
        """All workers of this cell, for one that has not heard of them."""
        return [Here(key, one.instance, now - one.since) for key, one in self._present.items()]

    def where(self, worker: str, now: float) -> Here | Gone:
        """Whether a worker is in this cell."""
        ours = self._present.get(worker)
        return Gone(worker, "") if ours is None else Here(worker, ours.instance, now - ours.since)

    def _ask_cell(self, held: _Held, cell: ReplicaId, now: float) -> None:
        """Another process of the same name was in this cell. If it still is, ours is a second machine with its name."""
        key = key_of(held.hello, held.peer)

        def answered(messages: tuple[Message, ...], now: float) -> None:
            if self._held.get(held.peer.session) is not held:
                return
            if any(isinstance(one, Here) and one.instance != held.hello.instance for one in messages):
                del self._held[held.peer.session]
                self._post.emit(_turned_away(key, held.peer))
            else:
                self._presence.gone(cell, key)
                self._ask_edges(held, now)

        self._post.ask(cell, Where(key), WHERE_S, answered, now)

    def _ask_edges(self, held: _Held, now: float) -> None:
        """Ask the edges of the jobs that it brings, and let it in once all have answered."""
        key, session = key_of(held.hello, held.peer), held.peer.session
        jobs = self._foreign(key, held.hello)
        held.until, held.unanswered = now + RECLAIM_S, len(jobs)
        for edge, brought in jobs.items():
            items = tuple((job.job, job.attempt, job.next_seq) for job in brought)
            self._ask_edge(held, edge, Reclaim(key, held.hello.instance, items), now)
        if not held.unanswered and self._held.get(session) is held:
            self._let_in(session, now)

    def _foreign(self, key: str, hello: Hello) -> dict[ReplicaId, list[RunningJob]]:
        """The jobs that it brings from another cell, by who may have their clients; none of a session that is known
        here, and of edges that may not exist only the first."""
        known = self._dispatch.worker(key)
        jobs: defaultdict[ReplicaId, list[RunningJob]] = defaultdict(list)
        if hello.resume is None:
            return jobs
        if known is not None and known.hello.instance == hello.instance and hello.resume.session in known.sessions:
            return jobs
        strangers = 0
        for job in hello.resume.jobs:
            edge = edge_of(job.job)
            if edge is None:
                continue
            asked = [edge] if edge == self._post.me or edge in jobs else self.who_has(edge)
            if asked is None:
                strangers += 1
                if strangers > MOST_STRANGERS:
                    continue
                asked = [edge]
            for replica in asked:
                jobs[replica].append(job)
        return jobs

    def _ask_edge(self, held: _Held, edge: ReplicaId, question: Reclaim, now: float) -> None:
        session = held.peer.session

        def answered(messages: tuple[Message, ...], now: float) -> None:
            kept = [one for message in messages if isinstance(message, Reclaimed) for one in message.jobs]
            named, known = {item[0] for item in question.items}, {one.job for _, one in held.brought}
            brought = [(edge, one) for one in kept if one.job in named - known]
            if self._held.get(session) is not held:
                self._jobs.settle(brought, now)
                return
            held.brought += brought
            held.unanswered -= 1
            if not held.unanswered:
                self._let_in(session, now)

        if edge == self._post.me:
            held.unanswered -= 1
            held.brought += [(edge, one) for one in self._jobs.reclaim(question, edge, now).jobs]
        else:
            self._post.ask(edge, question, RECLAIM_S, answered, now)

    def _let_in(self, session: str, now: float, *, here: bool = True) -> None:
        """The worker joins with what it may go on with; if it is not `here` any more, that waits for another."""
        held = self._held.pop(session)
        if not here:
            self._jobs.settle(held.brought, now)
            return
        key = key_of(held.hello, held.peer)
        self._jobs.admit(held.hello, held.peer, held.brought, now)
        worker = self._dispatch.worker(key)
        if worker is None or worker.peer.session != session:  # it was turned away
            return
        self._presence.ours(key)
        self._away.pop(key, None)
        self._present[key] = _Present(held.hello.instance, session, now)
        self._keys[session] = key
        self._post.tell_all([Here(key, held.hello.instance)])


def _has_left(ours: _Present, here: Here, now: float) -> bool:
    """Whether the same process came to the other cell later, or another one earlier."""
    return (ours.instance == here.instance) != (now - here.since_age_s < ours.since)


def _turned_away(key: str, peer: Peer) -> list[Effect]:
    message = "a worker with this id is connected already: give each worker its own state folder"
    return [
        Send(peer.session, Error(code=ErrorCode.DUPLICATE_WORKER, message=message)),
        CloseWorker(peer.session, CLOSE_DUPLICATE, message),
        Noted("worker turned away", key, detail="it is in another cell"),
    ]
