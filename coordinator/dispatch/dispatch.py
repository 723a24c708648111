"""The heart of the coordinator, pure: frames, clients' wishes and ticks come in, effects go out.

Every job ends in exactly one of Finished, Failed, Stopped, or leaves for another cell. A slot is a lease: it ends when
the worker says so, when the worker is gone, or when a Cancel has stayed unanswered for too long.
"""

from collections.abc import Container, Iterable, Sequence

from coordinator.artefact import Artefact
from coordinator.dispatch import (
    catalog_changes,
    deadlines,
    drain,
    ends,
    frames,
    handback,
    health_check,
    leases,
    membership,
    orders,
    placing,
    takeover,
    unservable,
    uploads,
)
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Effect, Queued
from coordinator.dispatch.lessons import Learned
from coordinator.dispatch.outlook import Outlook
from coordinator.dispatch.so_far import Claim, SoFar
from coordinator.scheduler.state import JobSpec, Limits, Peer
from wire.errors import ErrorCode, SupernetError
from wire.media import MediaOffer
from wire.messages import Hello, ToCoordinator
from wire.offers import ModelOffer


class Dispatch(Outlook):
    """All jobs and workers of one coordinator.

    Every method that changes something takes `now`, in seconds of one monotonic clock, and returns the effects that
    the caller must perform, in their order and before the next call's. Methods are plain: nothing can interleave
    inside one. They raise nothing, whatever a worker or a client does; any exception is a bug.
    """

    def __init__(self, limits: Limits | None = None, replica: str = "") -> None:
        self.limits = limits or Limits()
        self._state = State(self.limits, replica)
        # Those of clients that are being answered; the caller adds them and takes them out. Until there is none a drain
        # is not over.
        self.requests = self._state.requests
        self.learned = Learned(self._state)
        self.orders = orders.Orders(self._state)
        self.catalog = catalog_changes.CatalogChanges(self._state)

    def give_out(self, version: str) -> None:
        """Tell workers from now on that this is the newest version of theirs which can be had here."""
        self._state.newest = version

    # ---- workers -------------------------------------------------------------------------------------------------

    def worker_joined(self, hello: Hello, peer: Peer, now: float) -> list[Effect]:
        """A socket said Hello. Answered by Welcome, or by an error and a close."""
        membership.joined(self._state, hello, peer, now)
        return self._state.flush()

    def worker_left(self, session: str, resumable: bool, now: float) -> list[Effect]:
        """A socket ended. `resumable`: it dropped, so the worker may come back for its jobs. A session that is not
        known, or was replaced, changes nothing."""
        membership.left(self._state, session, resumable, now)
        return self._state.flush()

    def received(self, session: str, message: ToCoordinator, now: float) -> list[Effect]:
        """A worker's frame, decoded and valid by itself, that came on the socket of `session`.

        Returns what follows from it: tokens and ends for clients, acknowledgements and Starts for this and other
        workers, often nothing. A frame that the protocol does not allow now is no exception: its worker is sent an
        Error and the job goes on elsewhere. A frame of a session that has been replaced or has left means nothing.
        """
        worker = self._state.fleet.by_session(session)
        if worker is not None and worker.connected:
            frames.received(self._state, worker, message, now)
        else:
            self._state.counters.late_frames += 1
        return self._state.flush()

    # ---- other cells ---------------------------------------------------------------------------------------------

    def adopt(self, hello: Hello, peer: Peer, claims: Sequence[Claim], now: float) -> list[Effect]:
        """As worker_joined, for a worker that brings attempts from another cell. Every claim is a job of this cell from
        now on: with its attempt where the worker still has it, else in the queue."""
        membership.joined(self._state, hello, peer, now, claims)
        return self._state.flush()

    def release(self, job_id: str, now: float, *, goes: str = "") -> tuple[SoFar | None, list[Effect]]:
        """The job leaves this cell without an end. `goes`: the worker that has gone to another cell and goes on with
        it there; an attempt of any other is cancelled, if its worker is here. None: it is not here, or its client has
        left."""
        so_far = takeover.release(self._state, job_id, goes, now)
        return so_far, self._state.flush()

    def departed(self, worker: str, instance: str, now: float) -> list[Effect]:
        """This process of the worker is in another cell now. It is not to blame, and jobs that it did not take along
        wait for another."""
        membership.departed(self._state, worker, instance, now)
        return self._state.flush()

    def move(self, session: str, now: float) -> list[Effect]:
        """Send a worker to another cell: it dials again, and its jobs wait for it for a while."""
        membership.move(self._state, session)
        return self._state.flush()

    def expect(self, offers: Iterable[ModelOffer | MediaOffer], now: float) -> None:
        """Workers that offer this have lost their cell and dial again, somewhere: jobs wait for them for a moment, as
        for any that were here."""
        for offer in offers:
            self._state.fleet.has_left(offer, now)

    @property
    def elsewhere(self) -> frozenset[str]:
        """Models that other cells serve: a job of one that cannot go on here is handed back."""
        return self._state.elsewhere

    @elsewhere.setter
    def elsewhere(self, models: frozenset[str]) -> None:
        self._state.elsewhere = models

    # ---- clients -------------------------------------------------------------------------------------------------

    def submit(self, spec: JobSpec, now: float, so_far: SoFar | None = None, part: bool = False) -> list[Effect]:
        """A new job: placed at once, queued, or failed with a reason that says when to come back. `spec.id` must be
        new. `so_far`: of one that was in another cell; it goes on from there, and was let in before. `part`: of a
        request that is being answered, which goes on although no more requests are taken."""
        state = self._state
        state.counters.submitted += so_far is None
        job = takeover.begin(state, spec, so_far, now)
        error = unservable.why(state, job, now, part)
        if error is not None:
            handback.give_or_fail(state, job, error, now)
            return state.flush()
        full = None if job.starts else state.queue.full(spec.account)
        state.queue.add(job)
        placing.place(state, spec.model, now)
        place = state.queue.place(job)
        if place is not None and full is not None:
            state.counters.refused_full += 1
            state.queue.remove(job)
            wait_s = state.retry_after_s(spec.model)
            message = f"{full}: try again in {wait_s:.0f} s"
            handback.give_or_fail(state, job, SupernetError(ErrorCode.QUEUE_FULL, message, retry_after_s=wait_s), now)
        elif place is not None:
            state.emit(Queued(spec.id, place))
        return state.flush()

    def upload(self, job_id: str, attempt: int, token: str) -> JobSpec | None:
        """The job of the attempt that may upload what it made with this token; None: nobody waits for it, or it is
        another's token. A spec without an account is of a test: what it made is looked at, and not kept."""
        return uploads.allowed(self._state, job_id, attempt, token)

    def uploaded(
        self, job_id: str, attempt: int, artefact: Artefact | SupernetError, now: float
    ) -> list[Effect] | None:
        """What the attempt made is verified and stored, and its job is finished with it. Or it may not be kept or
        shown, for the reason that is given instead, and the job ends so. None: it came too late, or is not the first of
        this attempt, and must not be kept."""
        taken = uploads.ended(self._state, job_id, attempt, artefact, now)
        return self._state.flush() if taken else None

    def cancel(self, job_id: str, now: float) -> list[Effect]:
        """The client has left. The job ends as Stopped once its slot is free; without a slot at once. A job that has
        ended is left alone."""
        state = self._state
        job = state.jobs.get(job_id)
        if job is None or job.cancelled:
            return []
        job.cancelled = True
        state.queue.remove(job)
        worker = None if job.lease is None else state.fleet.workers[job.lease.worker]
        if job.lease is not None and worker is not None and worker.connected:
            leases.cancel(state, worker, job.lease, now)
        else:
            ends.stop(state, job, now)
        return state.flush()

    def revoked(self, keys: Container[str], now: float) -> list[Effect]:
        """These keys are not good any more: the jobs fail that were asked for with them, whoever has their clients."""
        for job in [job for job in self._state.jobs.values() if job.spec.key in keys]:
            ends.fail(self._state, job, ends.revoked(), now)
        return self._state.flush()

    def acknowledged(self, job_id: str, attempt: int, seq: int, now: float) -> list[Effect]:
        """The client has taken everything up to frame `seq` of `attempt`. Acks go out in batches and with ticks."""
        state = self._state
        job = state.jobs.get(job_id)
        lease = None if job is None else job.lease
        if lease is not None and lease.attempt == attempt:
            lease.take(seq, now)
            worker = state.fleet.workers[lease.worker]
            if worker.connected and lease.taken_seq - lease.acked_seq >= self.limits.ack_frames:
                leases.acknowledge(state, worker, [lease], now)
        return state.flush()

    # ---- time ----------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """To be called four times a second: deadlines, and acknowledgements that have waited long enough."""
        state = self._state
        orders.step(state, now)
        catalog_changes.step(state)
        for job in list(state.jobs.values()):
            deadlines.check_client(state, job, now)
        for worker in list(state.fleet.workers.values()):
            membership.watch(state, worker, now)
            if worker.connected and worker.leases:
                deadlines.check_leases(state, worker, now)
        for model in state.queue.models():
            for job in state.queue.jobs(model):
                deadlines.check_wait(state, job, now)
            placing.place(state, model, now)
        health_check.tick(state, now)
        state.quarantine.forget(now)
        drain.step(state, now)
        return state.flush()

    def drain(self, within_s: float, now: float) -> list[Effect]:
        """Take no more requests; once the last is answered, or after `within_s` seconds, send the workers away."""
        drain.begin(self._state, within_s, now)
        return self._state.flush()
