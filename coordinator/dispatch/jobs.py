"""The life of a job: placed, started, moved to another worker, ended exactly once.

The state that all of dispatch shares is here, with every change that a job can go through. A token is delivered once
and in order, whatever happens to the worker that made it: when an attempt is over without an answer, the job goes to
the front of the queue with the tokens that the client already has, and the next worker continues from there.
"""

import math

from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished, Noted, Placed, Report, Send, Stopped
from coordinator.dispatch.poison import PoisonList
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.job_queue import Waiting
from coordinator.scheduler.placement import least_context
from coordinator.scheduler.state import Counters, Job, Lease, Limits, Worker
from wire.chat import Timings, Usage
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobMessage, JobState, advance
from wire.messages import Ack, AckItem, Cancel, Done, Start, ToWorker


class Jobs:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.fleet = Fleet(limits)
        self.waiting = Waiting(limits)
        self.poison = PoisonList()
        self.counters = Counters()
        self.all: dict[str, Job] = {}
        self._out: list[Effect] = []

    # ---- placing -------------------------------------------------------------------------------------------------

    def place(self, model: str, now: float) -> None:
        """Give free slots to the jobs that wait for the model, in their order.

        A queue of long prompts that wait for the one worker with the context for them would be held against every
        other worker at every job's end: of those that need as much as one that found no slot, none is tried again.
        """
        longest, too_long = self.fleet.longest_context(model), math.inf
        for job in self.waiting.order(model):
            context = least_context(job.prompt, job.context, longest)
            if context >= too_long:
                continue
            if not self.fleet.any_open(model, now):
                return
            if not job.starts and self.fleet.room_is_kept(job.spec.account, model, now):
                return  # nor may those behind it have them: the order is that of the tokens served
            worker = self.fleet.choose(job, now, self.waiting.expected(job))
            if worker is not None:
                self._start(job, worker, now)
            elif not job.avoid:
                too_long = context

    def _start(self, job: Job, worker: Worker, now: float) -> None:
        self.waiting.start(job)
        if job.lease is not None:  # its worker's socket dropped, and it has waited long enough for it
            lost = self.fleet.workers.get(job.lease.worker)
            if lost is not None:
                job.avoid.add(lost.incarnation)
            job.failures += 1
            self._drop_lease(job)
            self._count_move(job)
        job.lease = self.fleet.lease(worker, job, now)
        job.worker, job.error = worker.key, None
        job.placed_at = now if job.placed_at is None else job.placed_at
        self.counters.starts += 1
        self.send_start(worker, job)
        self.emit(Placed(job.spec.id, worker.key, job.starts))

    def send_start(self, worker: Worker, job: Job) -> None:
        spec = job.spec
        start = Start(
            job=spec.id,
            attempt=job.starts,
            model=spec.model,
            request=spec.request,
            seed=spec.seed,
            delivered=tuple(job.delivered),
            traceparent=spec.trace,
        )
        self.send(worker, start)

    # ---- an attempt is over --------------------------------------------------------------------------------------

    def move(self, job: Job, error: SupernetError, now: float) -> None:
        """The attempt ended without an answer: back to the front of the queue, unless enough has been tried."""
        job.lease = None
        if job.cancelled:
            self.stop(job, now)
        elif job.crashes >= self.limits.crashes:
            self.counters.poisoned += 1
            self.poison.block(job.spec, now)
            message = f"{job.crashes} engines ended while they worked on this request: it is not tried again"
            self.fail(job, SupernetError(ErrorCode.POISON_REQUEST, message), now)
        elif job.cut is not None and self.fleet.longest_context(job.spec.model) < job.context:
            self.fail(job, error, now)  # who was to go on is gone: there is nobody to wait for
        elif self._tried_enough(job):
            message = f"{job.starts} attempts failed, the last one with {error.code}: try again later"
            self.fail(job, SupernetError(error.code, message, retry_after_s=self.wait_s(job)), now)
        else:
            self._count_move(job)
            job.error = error
            if job not in self.waiting:  # one that waited while it could still be resumed has waited already
                job.waiting_since = now
                self.waiting.add(job)
            self.place(job.spec.model, now)

    def _tried_enough(self, job: Job) -> bool:
        limits = self.limits
        return job.failures >= limits.attempts or job.refusals >= limits.refusals or job.starts >= limits.starts

    def last_try(self, job: Job) -> bool:
        """If this attempt fails, there is no other: better to wait for its worker as long as there is hope."""
        return job.failures + 1 >= self.limits.attempts or job.starts >= self.limits.starts

    def lose(self, lease: Lease, why: str, now: float, gone: Worker | None = None) -> None:
        """A lease ended with the link. `gone`: the worker that is to blame."""
        self.fleet.release(lease)
        job = self.current(lease)
        if job is None:
            return
        if gone is not None:
            job.failures += 1
            job.avoid.add(gone.incarnation)
        self.move(job, SupernetError(ErrorCode.WORKER_LOST, f"the worker was lost: {why}"), now)

    def give_up(self, worker: Worker, lease: Lease, error: SupernetError, now: float) -> None:
        """Take a job away from a connected worker that failed it. The slot stays leased until the worker frees it."""
        job = self.current(lease)
        self.cancel_lease(worker, lease, now)
        if job is not None:
            job.failures += 1
            self.blame(worker, job, now)
            self.move(job, error, now)

    def blame(self, worker: Worker, job: Job, now: float) -> None:
        job.avoid.add(worker.incarnation)
        self.rest(worker, now)

    def rest(self, worker: Worker, now: float) -> None:
        """It failed somebody: no jobs for a while, and a test before it gets any."""
        self.counters.rests += 1
        self.fleet.probation.rest(worker.key, now)
        worker.faults += 1
        self.note("worker rests", worker.key)

    def cancel_lease(self, worker: Worker, lease: Lease, now: float) -> None:
        """Ask for the slot back. Asking twice is of no use."""
        if lease.state in (JobState.OFFERED, JobState.RUNNING):
            lease.state = advance(lease.state, JobMessage.CANCEL)
            lease.since = now
            self.send(worker, Cancel(job=lease.job, attempt=lease.attempt))

    # ---- the end -------------------------------------------------------------------------------------------------

    def fail(self, job: Job, error: SupernetError, now: float) -> None:
        """No answer, unless it had ended where a worker's context did: then that end stands."""
        if job.cancelled:
            self.stop(job, now)
            return
        self._end(job, now)
        if job.cut is not None:
            if job.cut.last_words is not None and job.cut.tokens == len(job.delivered):
                self.emit(Deliver(job.spec.id, job.cut.last_words, job.cut.tokens))
            self.finished(job, job.cut.done, now)
            return
        self.counters.failed += 1
        self.emit(Failed(job.spec.id, error, self.report(job, now)))

    def finished(self, job: Job, done: Done, now: float) -> None:
        self.counters.finished += 1
        report = self.report(job, now, done.usage, done.timings)
        self.emit(Finished(job.spec.id, done.finish_reason, report))

    def stop(self, job: Job, now: float, claimed: Usage | None = None) -> None:
        """The client had left."""
        self._end(job, now)
        self.counters.stopped += 1
        self.emit(Stopped(job.spec.id, self.report(job, now, claimed)))

    def _end(self, job: Job, now: float) -> None:
        self.waiting.remove(job)
        read = job.first_token_at is not None or (job.cancelled and job.starts > 0)
        self.waiting.ended(job, job.prompt if read else 0)
        worker = None if job.lease is None else self.fleet.workers.get(job.lease.worker)
        if job.lease is not None and worker is not None and worker.connected:
            self.cancel_lease(worker, job.lease, now)
        else:
            self._drop_lease(job)
        del self.all[job.spec.id]

    def report(self, job: Job, now: float, claimed: Usage | None = None, timings: Timings | None = None) -> Report:
        """Only the prompt's length is taken from the worker: what was delivered, we have counted ourselves."""
        completion = len(job.delivered)
        usage = Usage(prompt=0, cached=0, completion=completion, reasoning=0)
        if claimed is not None:
            cached, reasoning = min(claimed.cached, claimed.prompt), min(claimed.reasoning, completion)
            usage = Usage(prompt=claimed.prompt, cached=cached, completion=completion, reasoning=reasoning)
        return Report(
            usage=usage,
            timings=timings or Timings(),
            attempts=job.starts,
            worker=job.worker,
            served=tuple(job.served.items()),
            queued_s=(now if job.placed_at is None else job.placed_at) - job.submitted,
            first_token_s=None if job.first_token_at is None else job.first_token_at - job.submitted,
            total_s=now - job.submitted,
        )

    # ---- acknowledgements ----------------------------------------------------------------------------------------

    def acknowledge(self, worker: Worker, leases: list[Lease], now: float) -> None:
        """Tell the worker what the clients have taken: its window opens, its replay buffer shrinks."""
        behind = [lease for lease in leases if self.current(lease) and lease.taken_seq > lease.acked_seq]
        for lease in behind:
            lease.acked_seq, lease.acked_at = lease.taken_seq, now
        if behind:
            items = tuple(AckItem(job=x.job, attempt=x.attempt, next_seq=x.acked_seq) for x in behind)
            self.send(worker, Ack(items=items))

    # ---- small things --------------------------------------------------------------------------------------------

    def current(self, lease: Lease) -> Job | None:
        """The job of a lease; None when the job has ended or moved on, and the frames do not count any more."""
        job = self.all.get(lease.job)
        return job if job is not None and job.lease is lease else None

    def wait_s(self, job: Job) -> float:
        return self.waiting.retry_after_s(job.spec.model, self.fleet.slots(job.spec.model))

    def send(self, worker: Worker, message: ToWorker) -> None:
        self.emit(Send(worker.peer.session, message))

    def note(self, event: str, worker: str = "", job: str = "", detail: str = "") -> None:
        self.emit(Noted(event, worker, job, detail))

    def emit(self, effect: Effect) -> None:
        self._out.append(effect)

    def flush(self) -> list[Effect]:
        """Everything that has to be done since the last flush, in order."""
        out, self._out = self._out, []
        return out

    def _count_move(self, job: Job) -> None:
        if job.delivered:
            self.counters.moved_in_stream += 1
        else:
            self.counters.moved_before_first_token += 1
        self.note("moved", job.worker or "", job.spec.id, f"{len(job.delivered)} tokens delivered")

    def _drop_lease(self, job: Job) -> None:
        if job.lease is not None:
            self.fleet.release(job.lease)
            job.lease = None
