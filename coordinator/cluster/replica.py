"""One coordinator of several, pure: a cell with a dispatch of its own, an edge for clients, and the bus to the others.

For its hub it is what a dispatch is. A job of its client runs in its own cell or in another's, and moves between them
with what the client has got; a job of its cell may be of any edge. Whatever becomes of the others, what is here goes
on.
"""

from collections.abc import Container
from dataclasses import replace

from coordinator.admission.rate_limits import Rates
from coordinator.artefact import Artefact
from coordinator.cluster.arrivals import Arrivals
from coordinator.cluster.departure import Departure
from coordinator.cluster.jobs import Jobs
from coordinator.cluster.lanes.post import Post
from coordinator.cluster.network import Network
from coordinator.cluster.peers.gossip import Gossip
from coordinator.cluster.peers.pictures import Pictures
from coordinator.cluster.peers.presence import Presence
from coordinator.cluster.prospect import Prospect
from coordinator.cluster.protocol.effects import BusEffect
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import BUS_VERSION, Attached
from coordinator.cluster.protocol.news import Bye, Picture, Revised, Role
from coordinator.cluster.routing import Dice
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.drain import shutting_down
from coordinator.dispatch.effects import Effect, Failed
from coordinator.dispatch.ends import report
from coordinator.scheduler.state import Job, JobSpec, Limits, Peer
from wire.errors import SupernetError
from wire.messages import Hello, ToCoordinator

RESTARTS = "the coordinator restarts: try again"

AnyEffect = Effect | BusEffect


class Replica(Prospect):
    """As Dispatch: each method returns what its caller must do, in order. `me` names this process on the bus, `name` is
    for people. `dice` gives numbers evenly from 0 up to 1."""

    def __init__(
        self,
        me: ReplicaId,
        limits: Limits,
        rates: Rates,
        dice: Dice,
        *,
        name: str = "",
        role: Role = "both",
        version: str = "",
    ) -> None:
        self.me = me
        self._ours = Picture(name=name, role=role, version=version, speaks=(BUS_VERSION,))
        self.dispatch = Dispatch(limits, me)
        self.post = Post(me)
        self.pictures = Pictures()
        self.presence = Presence()
        self.gossip = Gossip(me, self.dispatch, rates)
        self.jobs = Jobs(self.dispatch, self.pictures, self.post, self.gossip.hinted, dice)
        self.arrivals = Arrivals(self.dispatch, self.post, self.presence, self.jobs)
        self.network = Network(self.post, self.pictures, self.presence, self.gossip, self.jobs, self.arrivals)
        self.jobs.is_dark = self.network.peers.is_dark
        self.arrivals.who_has = self.network.peers.who_has
        self.departure = Departure(self.dispatch, self.arrivals.age_s)
        self.requests = self.dispatch.requests  # of our clients
        self.lag_s = 0.0  # how late the shell's loop runs, by its own measure
        self.catalog = ""  # its fingerprint
        self._now = 0.0

    # ---- workers -------------------------------------------------------------------------------------------------

    def worker_joined(self, hello: Hello, peer: Peer, now: float) -> list[AnyEffect]:
        """A socket said Hello. Answered by Welcome, at once or when the edges of its jobs have said what it may go on
        with; or by an error and a close."""
        self.arrivals.joined(hello, peer, now)
        return self._done(now)

    def worker_left(self, session: str, resumable: bool, now: float) -> list[AnyEffect]:
        if not self.arrivals.left(session, now):
            self.jobs.dispatched(self.dispatch.worker_left(session, resumable, now), now)
        return self._done(now)

    def received(self, session: str, message: ToCoordinator, now: float) -> list[AnyEffect]:
        if not self.arrivals.is_held(session):
            self.jobs.dispatched(self.dispatch.received(session, message, now), now)
        return self._done(now)

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, spec: JobSpec, now: float, part: bool = False) -> list[AnyEffect]:
        """A new job of a client of ours: to whichever cell would have it done soonest. `part`: as dispatch's."""
        if self.departure.is_closed(now, part):
            self.post.emit([Failed(spec.id, shutting_down(RESTARTS), report(Job(spec, now, now), now))])
        else:
            self.jobs.submit(spec, now)
        return self._done(now)

    def cancel(self, job_id: str, now: float) -> list[AnyEffect]:
        if job_id in self.jobs.itinerary.jobs:
            self.jobs.carry(self.jobs.itinerary.cancel(job_id, now), now)
        else:
            self.jobs.dispatched(self.dispatch.cancel(job_id, now), now)
        return self._done(now)

    def revoked(self, keys: Container[str], now: float) -> list[AnyEffect]:
        """As dispatch's. The jobs of other edges in our cell end here as well: theirs may not live any more."""
        self.jobs.carry(self.jobs.itinerary.revoked(keys, now), now)
        self.jobs.dispatched(self.dispatch.revoked(keys, now), now)
        return self._done(now)

    def acknowledged(self, job_id: str, attempt: int, seq: int, now: float) -> list[AnyEffect]:
        if job_id in self.jobs.itinerary.jobs:
            self.jobs.carry(self.jobs.itinerary.acknowledged(job_id, attempt, seq, now), now)
        else:
            self.jobs.dispatched(self.dispatch.acknowledged(job_id, attempt, seq, now), now)
        return self._done(now)

    def upload(self, job_id: str, attempt: int, token: str) -> JobSpec | None:
        """As dispatch's, for attempts in this cell. Of others the edge is asked."""
        return self.dispatch.upload(job_id, attempt, token)

    def uploaded(
        self, job_id: str, attempt: int, artefact: Artefact | SupernetError, now: float
    ) -> list[AnyEffect] | None:
        effects = self.dispatch.uploaded(job_id, attempt, artefact, now)
        if effects is None:
            return None
        self.jobs.dispatched(effects, now)
        return self._done(now)

    # ---- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[AnyEffect]:
        """To be called four times a second."""
        jobs = self.jobs
        jobs.closed = self.departure.leaving
        self.dispatch.elsewhere = frozenset() if jobs.is_dark(now) else self.pictures.models(now)
        self.arrivals.tick(now)
        jobs.dispatched(self.dispatch.tick(now), now)
        jobs.carry(jobs.itinerary.tick(now), now)
        jobs.carry(jobs.lodging.tick(now), now)
        jobs.shed(now)
        self.network.tick(now)
        others = [one.workers for _, one in self.pictures.cells(now)]
        jobs.dispatched([*self.departure.move(not others, now), *self.departure.level(others, now)], now)
        left = len(self.requests) + len(jobs.itinerary.jobs) + self.dispatch.running()
        if self.departure.is_over(left, not others, now):
            jobs.carry(jobs.itinerary.end(shutting_down(RESTARTS), now), now)
            jobs.dispatched(self.dispatch.drain(0.0, now), now)
        self.post.tell_all(self.gossip.due(now))
        self.post.emit(self.post.lanes.tick(now))
        return self._done(now)

    def flush(self, now: float) -> list[AnyEffect]:
        """This turn of the loop is over: what waits for the others goes to them together."""
        self.post.flush(now)
        return self.post.collect()

    def drain(self, within_s: float, now: float) -> list[AnyEffect]:
        """Leave: workers and their jobs go to other cells, and after a while no new jobs are taken."""
        self.departure.begin(within_s, now)
        return self.tick(now)

    @property
    def draining(self) -> bool:
        return self.departure.leaving

    # ---- the bus -------------------------------------------------------------------------------------------------

    def heard(self, data: bytes, now: float) -> list[AnyEffect]:
        """A publication: to us, or to all."""
        self.network.heard(data, now)
        return self._done(now)

    def asked(self, ask: int, data: bytes, now: float) -> list[AnyEffect]:
        """A question of another replica, or of our own shell. It is answered by Reply, now or within a second."""
        self.network.asked(ask, data, now)
        return self._done(now)

    def answered(self, ask: int, data: bytes | None, now: float) -> list[AnyEffect]:
        """The answer to our Ask; None: there was none in time."""
        self.network.answered(ask, data, now)
        return self._done(now)

    def attached(self, answer: Attached, cell: ReplicaId, now: float) -> list[AnyEffect]:
        """A job whose edge is gone is ours from now on, as its cell has answered."""
        self.jobs.carry(self.jobs.itinerary.attached(answer, cell, now), now)
        return self._done(now)

    def say(self, message: Revised | Bye, now: float) -> list[AnyEffect]:
        """Tell all others: accounts have changed here, or the process ends now."""
        self.post.flush(now)
        self.post.tell_all([message])
        return self.post.collect()

    def _done(self, now: float) -> list[AnyEffect]:
        """All that follows; with our picture, if the others should have it now."""
        self._now = now
        if self.pictures.may_be_due(now):
            stocks = self.dispatch.stocks(now)
            leaving, workers = self.departure.leaving, len(self.dispatch.workers)
            ours = replace(
                self._ours,
                catalog=self.catalog,
                leaving=leaving,
                models=stocks,
                workers=workers,
                streams=self.running(),
                lag_s=self.lag_s,
            )
            if self.pictures.due(ours, now):
                self.network.ours = ours
                self.post.tell_all([ours])
        return self.post.collect()
