"""Jobs of our clients that are in other cells, or on the way to one. Their clients are told what dispatch would tell.

A leg is one stay in one cell. Only here is it raised, and event n of the current leg counts only if n is next: so a
token is delivered once and in order, whatever the bus does and however many cells believe that they have the job. A job
that lost its cell waits a while for its worker, who brings it to another; then it goes on elsewhere with its tokens.
"""

from collections.abc import Container

from coordinator.cluster.edge import clocks, hearing, legs, reclaiming
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys, Out
from coordinator.cluster.protocol.answer import Answer
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Attached, Cancel, Reclaim, Reclaimed, ToEdge
from coordinator.dispatch.deadlines import too_late
from coordinator.dispatch.failover import is_last_try
from coordinator.dispatch.membership import ORPHAN_S
from coordinator.dispatch.so_far import SoFar
from coordinator.scheduler.state import Job, JobSpec, Lease, Limits
from wire.errors import SupernetError

AGAIN_S = 0.5  # between two looks for a cell
TAKEN_EVENTS = 32  # so many taken: the cell is told at once; fewer: at the next tick


class Itinerary:
    """Every method that takes `now` returns what follows, in order: effects for clients, and errands (Tell, Route)."""

    def __init__(self, limits: Limits) -> None:
        self._table = Journeys(limits)
        self.counts = self._table.counts
        self.jobs = self._table.jobs  # all that are elsewhere, by id; to look at, not to change

    # ---- jobs that come and go -----------------------------------------------------------------------------------

    def start(self, spec: JobSpec, cell: ReplicaId, now: float) -> list[Out]:
        """A new job, which another cell is to serve."""
        journey = self._add(Job(spec, submitted=now, waiting_since=now))
        journey.answer = Answer() if spec.stays else None
        legs.begin(self._table, journey, cell, "new", now)
        return self._table.flush()

    def take(
        self,
        spec: JobSpec,
        so_far: SoFar,
        now: float,
        why: str,
        but: ReplicaId | None = None,
        to: ReplicaId | None = None,
    ) -> list[Out]:
        """A job that leaves our own cell, `but`, for another. If its worker is away it may bring it to any."""
        self.expect(spec, so_far, now)
        self._table.counts.handbacks[why] += 1
        journey = self._table.jobs[spec.id]
        journey.leave(now)
        legs.go_on(self._table, journey, now, but, to)
        return self._table.flush()

    def expect(self, spec: JobSpec, so_far: SoFar, now: float) -> None:
        """A job that leaves our own cell with its worker, to be reclaimed in the next call."""
        journey = self._add(so_far.job(spec, now))
        attempt = so_far.attempt
        if attempt is not None:
            lease = Lease(spec.id, attempt.attempt, attempt.worker, spec.model, spec.account, now, spec=spec)
            attempt.put_on(lease, now)
            journey.job.lease, journey.instance = lease, attempt.instance

    def attached(self, answer: Attached, cell: ReplicaId, now: float) -> list[Out]:
        """A job whose edge is gone is ours from now on: its whole answer is on the way, from the first event."""
        if answer.spec is None or answer.spec.id in self._table.jobs:
            return []
        journey = self._add(Job(answer.spec, submitted=now - answer.age_s, waiting_since=now))
        journey.answer, journey.cell, journey.job.legs = Answer(), cell, answer.leg
        journey.heard_at = now
        self._table.counts.legs["attached"] += 1
        self._table.ask(journey, now)
        return self._table.flush()

    def _add(self, job: Job) -> Journey:
        journey = self._table.jobs[job.spec.id] = Journey(job)
        return journey

    # ---- answers to Route ----------------------------------------------------------------------------------------

    def send(self, job_id: str, cell: ReplicaId, now: float, why: str = "moved") -> list[Out]:
        """This cell is to have it."""
        journey = self._table.jobs.get(job_id)
        if journey is not None and journey.cell is None:
            legs.begin(self._table, journey, cell, why, now)
        return self._table.flush()

    def home(self, job_id: str, now: float) -> tuple[JobSpec, SoFar] | None:
        """Our own cell is to have it: it is dispatch's from now on, with its attempt if a worker has brought one. None:
        it has ended meanwhile."""
        journey = self._table.jobs.pop(job_id, None)
        if journey is None:
            return None
        journey.job.legs += 1  # a stay like any other
        return journey.job.spec, SoFar.of(journey.job, now, journey.instance)

    def nobody(self, job_id: str, now: float) -> list[Out]:
        """There is no cell for it now. One that was never begun fails with what it was told; else it waits for one as
        long as for a slot."""
        journey = self._table.jobs.get(job_id)
        if journey is not None and journey.cell is None:
            error = clocks.waited(journey, self._table.limits, now)
            if error is None and not journey.job.starts:
                error = journey.job.error or clocks.no_worker(journey)
            if error is None:
                journey.route_at = now
            else:
                legs.fail(self._table, journey, error, now)
        return self._table.flush()

    def end(self, error: SupernetError, now: float) -> list[Out]:
        """The process ends, and its clients' jobs with it."""
        for journey in list(self._table.jobs.values()):
            legs.fail(self._table, journey, error, now)
        return self._table.flush()

    # ---- clients -------------------------------------------------------------------------------------------------

    def cancel(self, job_id: str, now: float) -> list[Out]:
        """The client has left. Where a cell works on the job it ends as stopped once the slot is free, else at once."""
        journey = self._table.jobs.get(job_id)
        if journey is not None and not journey.job.cancelled:
            journey.job.cancelled = True
            if journey.cell is None or journey.lost_at is not None:
                legs.stop(self._table, journey, now)
            else:
                journey.cancelled_at = now
                self._table.tell(journey.cell, Cancel(job_id, journey.job.legs))
        return self._table.flush()

    def revoked(self, keys: Container[str], now: float) -> list[Out]:
        """These keys are not good any more: the jobs fail that were asked for with them."""
        for journey in [journey for journey in self._table.jobs.values() if journey.job.spec.key in keys]:
            legs.revoke(self._table, journey, now)
        return self._table.flush()

    def acknowledged(self, job_id: str, attempt: int, seq: int, now: float) -> list[Out]:
        """The client has taken everything up to this frame of this attempt."""
        journey = self._table.jobs.get(job_id)
        if journey is not None:
            journey.take(attempt, seq, now)
            if journey.taken_events - journey.told[0] >= TAKEN_EVENTS:
                self._table.took(journey)
        return self._table.flush()

    # ---- cells ---------------------------------------------------------------------------------------------------

    def heard(self, cell: ReplicaId, message: ToEdge, now: float) -> list[Out]:
        """A cell says something of our jobs."""
        hearing.heard(self._table, cell, message, now)
        return self._table.flush()

    def resync(self, cell: ReplicaId, now: float) -> list[Out]:
        """Something of ours was lost on the way to the cell, or of what it says on the way to us."""
        self._table.ask_all(cell, now)
        return self._table.flush()

    def lost(self, cell: ReplicaId, now: float) -> list[Out]:
        """The cell is dead. What its workers have begun to give waits for them; the rest goes elsewhere at once."""
        for journey in self._table.at(cell):
            lease = journey.job.lease
            begun = lease is not None and (lease.tokens > 0 or lease.began_at is not None)
            if begun and not journey.job.cancelled:
                journey.lost_at = now if journey.lost_at is None else journey.lost_at
            else:
                legs.lose(self._table, journey, "its cell is gone", now)
        return self._table.flush()

    def reclaim(self, question: Reclaim, cell: ReplicaId, now: float) -> tuple[Reclaimed, list[Out]]:
        """A worker has come to this cell with attempts of our jobs."""
        return Reclaimed(reclaiming.reclaim(self._table, question, cell, now)), self._table.flush()

    # ---- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Out]:
        """To be called four times a second."""
        for journey in list(self._table.jobs.values()):
            self._tick(journey, now)
        return self._table.flush()

    def _tick(self, journey: Journey, now: float) -> None:
        table, job = self._table, journey.job
        if journey.left is not None and now - journey.left.since >= table.limits.resume_window_s:
            journey.left = None
        error = too_late(job, now) or clocks.waited(journey, table.limits, now)
        if job.cancelled:
            if journey.cancelled_at is not None and now - journey.cancelled_at >= clocks.cancel_s(table.limits):
                legs.lose(table, journey, "its Cancel was not answered", now)
        elif error is not None:
            legs.fail(table, journey, error, now)
        elif journey.cell is None:
            if journey.route_at is not None and now >= journey.route_at + AGAIN_S:
                legs.look(table, journey, now)
        elif journey.lost_at is not None:
            patience_s = table.limits.resume_window_s if is_last_try(job, table.limits) else ORPHAN_S
            if now - journey.lost_at >= patience_s:
                legs.lose(table, journey, "its worker did not come back", now)
        elif why := clocks.overdue(journey, table.limits, now):
            legs.lose(table, journey, why, now)
        elif clocks.is_quiet(journey, now):
            table.ask(journey, now)
        else:
            table.count(journey)
            if journey.taken != journey.told:
                table.took(journey)

    # ---- questions -----------------------------------------------------------------------------------------------

    def cells(self) -> frozenset[ReplicaId]:
        """Those that have a job of ours."""
        return frozenset(journey.cell for journey in self._table.jobs.values() if journey.cell is not None)
