"""Jobs of other edges in our cell. Dispatch serves them as any other; what it says of them goes to their edges.

Nothing is acknowledged to a worker that the edge's client has not taken. So what an edge lacks, whatever was lost and
whichever replica dies, is still with the worker or here; and a client that does not read pauses the engine.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from coordinator.cluster.cell.lodger import Lodger
from coordinator.cluster.cell.reporting import event_of, events, waits
from coordinator.cluster.cell.room import files_bytes, refusal
from coordinator.cluster.protocol.answer import Answer
from coordinator.cluster.protocol.errands import Tell
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import (
    Attach,
    Attached,
    Cancel,
    Counted,
    EventItem,
    HandedBack,
    Kept,
    No,
    Placed,
    Release,
    Resync,
    Still,
    Submit,
    Taken,
    ToCell,
    Unknown,
)
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished, Handback, JobEvent, Stopped
from coordinator.dispatch.so_far import SoFar

GONE_S = 5.0  # an edge that is dead so long does not come back for its jobs
STAYS_S = 600.0  # an answer without an edge, once it has ended
MOST_ALONE_BYTES = 64 * 1024 * 1024  # of answers without an edge
WAITS_S = 1.0

Out = Effect | Tell


class Lodging:
    """Every method that takes `now` returns what follows, in order. Effects of dispatch are told through `pass_on`,
    once; those that its own methods bring about have been."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch
        self.lodgers: dict[str, Lodger] = {}  # by job; to look at, not to change
        self._stopping: set[str] = set()  # jobs that end in dispatch, and of whose end nobody is to hear
        self._bytes = 0  # of their files
        self._waits_at = 0.0

    def __len__(self) -> int:
        return len(self.lodgers)

    def has(self, job: str) -> bool:
        return job in self.lodgers

    def running(self) -> int:
        """How many of dispatch's jobs are not of our own edge. Those that have ended stay here for a while."""
        return len(self._stopping) + sum(lodger.ended_at is None for lodger in self.lodgers.values())

    def edges(self) -> frozenset[ReplicaId]:
        """Those for whom we have a job."""
        return frozenset(lodger.edge for lodger in self.lodgers.values() if not lodger.stays_alone)

    # ---- what dispatch says --------------------------------------------------------------------------------------

    def pass_on(self, effects: Iterable[Effect], now: float) -> list[Out]:
        """What dispatch has just said: of other edges' jobs it becomes events, the rest stays as it is."""
        out: list[Out] = []
        news: dict[ReplicaId, list[EventItem]] = defaultdict(list)
        for effect in effects:
            if not isinstance(effect, JobEvent) or not (effect.job in self.lodgers or effect.job in self._stopping):
                out.append(effect)
                continue
            over = isinstance(effect, Finished | Failed | Stopped | Handback)
            if (lodger := self.lodgers.get(effect.job)) is None:
                if over:
                    self._stopping.discard(effect.job)
                continue
            if over:
                lodger.ended_at = now
            event = event_of(effect, self._dispatch)
            number = None if event is None else lodger.happens(event)
            if event is not None and number is not None and lodger.is_told:
                news[lodger.edge].append((effect.job, lodger.leg, number, event))
            if lodger.stays_alone and isinstance(effect, Deliver):
                out += self._acknowledge(effect.job, effect.delta.attempt, effect.delta.seq + 1, now)
        for edge, items in news.items():
            out += events(edge, items)
        return out

    # ---- what edges say ------------------------------------------------------------------------------------------

    def heard(self, edge: ReplicaId, message: ToCell, now: float) -> list[Out]:
        """A message of the lane from this edge."""
        match message:
            case Submit():
                return self._submit(edge, message, now)
            case Counted():
                if (counted := _current(self.lodgers, edge, message.job, message.leg)) is not None:
                    counted.spec.prompt.most, counted.spec.prompt.counted = message.prompt, True
                return []
            case Cancel():
                if _current(self.lodgers, edge, message.job, message.leg) is None:
                    return [Tell(edge, Unknown(((message.job, message.leg),)))]
                return self.pass_on(self._dispatch.cancel(message.job, now), now)
            case Release():
                out: list[Out] = []
                for job, leg in message.items:
                    lodger = self.lodgers.get(job)
                    if lodger is not None and lodger.edge == edge and lodger.leg <= leg:
                        out += self.drop(lodger.spec.id, now)
                return out
            case Taken():
                return self._taken(edge, message, now)
            case Resync():
                return self._resync(edge, message, now)

    def _submit(self, edge: ReplicaId, submit: Submit, now: float) -> list[Out]:
        known = self.lodgers.get(submit.job)
        if known is not None and known.edge == edge and known.leg >= submit.leg:
            return []  # said again
        out = self.drop(submit.job, now)
        error = refusal(submit.spec, self._dispatch, len(self.lodgers), self._bytes)
        if error is not None:
            return [*out, Tell(edge, No(submit.job, submit.leg, error))]
        self._lodge(edge, submit, now)
        so_far = replace(submit.so_far, attempt=None, legs=submit.leg)
        return out + self.pass_on(self._dispatch.submit(submit.spec, now, so_far), now)

    def _lodge(self, edge: ReplicaId, job: Submit | Kept, now: float) -> None:
        lodger = Lodger(job.spec, edge, job.leg, now - job.so_far.submitted_s)
        if job.spec.stays and (job.answer or not job.so_far.delivered):
            lodger.answer = Answer()
            for event in job.answer or _begun(job.so_far):
                if lodger.answer is not None and not lodger.answer.add(event):
                    lodger.answer = None
        self.lodgers[job.job] = lodger
        self._stopping.discard(job.job)
        self._bytes += files_bytes(job.spec)

    def _taken(self, edge: ReplicaId, taken: Taken, now: float) -> list[Out]:
        out: list[Out] = []
        for job, leg, event, attempt, frame in taken.items:
            lodger = _current(self.lodgers, edge, job, leg)
            if lodger is not None:
                lodger.taken(event)
                if lodger.behind and not lodger.unasked:
                    out += events(edge, [(job, leg, *due) for due in lodger.due(lodger.sent)])
                out += self._acknowledge(job, attempt, frame, now)
        return out

    def _acknowledge(self, job_id: str, attempt: int, frame: int, now: float) -> list[Out]:
        """Its client has every frame of the attempt below this one, as far as there are any."""
        job = self._dispatch.job(job_id)
        lease = None if job is None else job.lease
        if lease is None or lease.attempt != attempt or not lease.taken_seq < min(frame, lease.next_seq):
            return []
        return self.pass_on(self._dispatch.acknowledged(job_id, attempt, min(frame, lease.next_seq) - 1, now), now)

    def _resync(self, edge: ReplicaId, resync: Resync, now: float) -> list[Out]:
        out = self._taken(edge, resync.taken, now)
        still, unknown, again = list[tuple[str, int]](), list[tuple[str, int]](), list[EventItem]()
        for job, leg, wanted in resync.items:
            lodger = _current(self.lodgers, edge, job, leg)
            if lodger is None:
                unknown.append((job, leg))
                continue
            lodger.unasked = False
            missing = [(job, leg, *due) for due in lodger.due(wanted)]
            again += missing
            if not missing:
                still.append((job, leg))
        if resync.whole:
            listed = {job for job, _, _ in resync.items}
            for job, lodger in list(self.lodgers.items()):
                if lodger.edge == edge and job not in listed and not lodger.unasked:
                    out += self.drop(lodger.spec.id, now)
        if still:
            out.append(Tell(edge, Still(tuple(still))))
        if unknown:
            out.append(Tell(edge, Unknown(tuple(unknown))))
        return out + events(edge, again)

    # ---- jobs that come with a worker, or leave ------------------------------------------------------------------

    def adopt(self, edge: ReplicaId, kept: Kept, now: float) -> list[Out]:
        """A worker brings a job of this edge; dispatch adopts it next. What it had here of it is over, as it has come
        back; another that has been given the job since is told to stop."""
        out = self.drop(kept.job, now, goes=kept.so_far.attempt.worker if kept.so_far.attempt else "")
        self._lodge(edge, kept, now)
        return out

    def handback(self, job: str, why: str, to: ReplicaId | None, now: float) -> list[Out]:
        """Give a job back to its edge, for another cell."""
        lodger = self.lodgers.get(job)
        if lodger is None or lodger.ended_at is not None:
            return []
        so_far, effects = self._dispatch.release(job, now)
        if so_far is None:
            return []
        out = self.pass_on(effects, now)
        lodger.ended_at = now
        event = HandedBack(so_far.tried, why, to)
        number = lodger.happens(event)
        if number is not None and lodger.is_told:
            out += events(lodger.edge, [(job, lodger.leg, number, event)])
        return out

    def drop(self, job: str, now: float, *, goes: str = "", home: bool = False) -> list[Out]:
        """No other edge wants anything of the job any more. `home`: it is our own clients' from now on."""
        if home:
            self._stopping.discard(job)
        lodger = self.lodgers.pop(job, None)
        if lodger is None:
            return []
        self._bytes -= files_bytes(lodger.spec)
        if lodger.ended_at is not None or self._dispatch.job(job) is None:
            return []
        so_far, effects = self._dispatch.release(job, now, goes=goes)
        if so_far is None and not home:  # it is being cancelled, and ends by itself
            self._stopping.add(job)
        return self.pass_on(effects, now)

    # ---- edges that are gone -------------------------------------------------------------------------------------

    def edge_lost(self, edge: ReplicaId, now: float) -> None:
        """The edge is dead, or cannot be reached."""
        for lodger in self.lodgers.values():
            if lodger.edge == edge and lodger.lost_at is None:
                lodger.lost_at = now

    def edge_found(self, edge: ReplicaId) -> list[Out]:
        """It is there after all: it hears what it has missed."""
        missed = list[EventItem]()
        for job, lodger in self.lodgers.items():
            if lodger.edge == edge and lodger.lost_at is not None and not lodger.stays_alone:
                lodger.lost_at = None
                missed += [(job, lodger.leg, number, event) for number, event in lodger.untaken]
        return [*events(edge, missed)]

    def attach(self, question: Attach, edge: ReplicaId, now: float) -> Attached:
        """The client of a lost edge has come back at another: it has the job from now on, and asks for its events. That
        it owns the hold of the job by now says more of the old edge than what we have heard of that."""
        lodger = self.lodgers.get(question.job)
        if lodger is None or lodger.answer is None or lodger.spec.account != question.account:
            return Attached()
        if not (lodger.unasked and lodger.edge == edge):
            lodger.moves_to(edge, now)
        return Attached(lodger.leg, lodger.spec, max(0.0, now - lodger.submitted))

    def tick(self, now: float) -> list[Out]:
        """To be called four times a second."""
        out: list[Out] = []
        for lodger in list(self.lodgers.values()):
            if lodger.ended_at is not None and now - lodger.ended_at >= STAYS_S:
                out += self.drop(lodger.spec.id, now)
            elif lodger.unasked and now - lodger.moved_at >= GONE_S:  # it has not heard our answer, or needs none
                lodger.unasked, lodger.lost_at = False, now
            elif lodger.lost_at is not None and now - lodger.lost_at >= GONE_S and not lodger.stays_alone:
                out += self._alone(lodger, now)
        if now - self._waits_at >= WAITS_S:
            self._waits_at = now
            out += waits(self.lodgers.values(), self._dispatch)
        return out

    def _alone(self, lodger: Lodger, now: float) -> list[Out]:
        """The edge does not come back: its job ends, or runs on for whoever comes for its answer."""
        kept = sum(other.answer.bytes for other in self.lodgers.values() if other.stays_alone and other.answer)
        if lodger.answer is None or kept > MOST_ALONE_BYTES:
            return self.drop(lodger.spec.id, now)
        lodger.stays_alone, lodger.edge = True, ""  # should it come back after all, its leg is not known here
        lodger.untaken.clear()
        job = self._dispatch.job(lodger.spec.id)
        lease = None if job is None else job.lease
        return [] if lease is None else self._acknowledge(lodger.spec.id, lease.attempt, lease.next_seq, now)


def _begun(so_far: SoFar) -> tuple[Placed, ...]:
    """What an answer begins with whose attempt was begun in another cell: whoever hears it from its first event on must
    know whose tokens they are."""
    one = so_far.attempt
    return () if one is None else (Placed(one.worker, one.instance, one.attempt, so_far.tried),)


def _current(lodgers: Mapping[str, Lodger], edge: ReplicaId, job: str, leg: int) -> Lodger | None:
    lodger = lodgers.get(job)
    return lodger if lodger is not None and (lodger.edge, lodger.leg) == (edge, leg) else None
