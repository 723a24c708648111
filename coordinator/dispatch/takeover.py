"""Jobs that come from another cell or leave for one, with their worker or without.

A worker whose socket ended may dial another coordinator. What it was working on goes with it: its edge tells the new
cell what there is of the job, the lease is rebuilt from that, and the worker sends again what its client lacks.
"""

from collections.abc import Mapping, Sequence

from coordinator.dispatch import handback, leases, placing
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Accepted, Queued
from coordinator.dispatch.so_far import Claim, SoFar
from coordinator.scheduler.state import Job, JobSpec, Lease
from coordinator.scheduler.workers import Worker
from wire.job_state import JobState
from wire.messages import Hello, KeptJob


def begin(state: State, spec: JobSpec, so_far: SoFar | None, now: float) -> Job:
    """A job of this cell from now on, new or as it was elsewhere. Owners that blame it await its verdict here too."""
    job = Job(spec, submitted=now, waiting_since=now) if so_far is None else so_far.job(spec, now)
    if so_far is not None and so_far.attempt is not None:
        job.waiting_since = now  # it ran until now
    state.jobs[spec.id] = job
    for account in job.witnesses:
        state.fleet.owners.of(account).unsettled += 1
    return job


def release(state: State, job_id: str, goes: str, now: float) -> SoFar | None:
    """The job leaves, and nobody is told of an end."""
    job = state.jobs.get(job_id)
    if job is None or job.cancelled:
        return None
    lease = job.lease
    worker = None if lease is None else state.fleet.workers[lease.worker]
    job.handbacks += not goes
    stays_here = worker is not None and worker.connected and worker.key != goes
    so_far = handback.leave(state, job, now, None if worker is None or stays_here else worker.hello.instance)
    if lease is not None and worker is not None:
        if stays_here:
            leases.cancel(state, worker, lease, now)
        else:
            state.fleet.release(lease)
        placing.place(state, job.spec.model, now)
    return so_far


def is_its_own(state: State, job: Job, attempt: int, worker: str, instance: str, next_seq: int) -> bool:
    """Whether this process of a worker has the job's attempt, and all frames of it that are not here."""
    lease = job.lease
    if lease is None or job.cancelled or (lease.worker, lease.attempt) != (worker, attempt) or lease.made:
        return False
    if lease.state not in (JobState.OFFERED, JobState.RUNNING):
        return False
    return state.fleet.workers[worker].hello.instance == instance and next_seq >= _wanted(lease)


def _wanted(lease: Lease) -> int:
    """The first frame that the client's edge lacks: what a parser held back is kept here and was not passed on."""
    return lease.next_seq if lease.trailing is None else lease.trailing.seq


def adopt(state: State, worker: Worker, claims: Sequence[Claim], now: float) -> tuple[KeptJob, ...]:
    """Give a worker that has just joined its attempts back. Returns those that go on; the other jobs wait here."""
    alive = _alive(worker.hello)
    kept = []
    for claim in claims:
        attempt, model = claim.so_far.attempt, claim.spec.model
        if attempt is None or model not in worker.replicas or claim.spec.id in state.jobs:
            continue
        name = claim.spec.id, attempt.attempt
        if name in worker.leases or alive.get(name, -1) < attempt.next_seq:
            continue
        job = begin(state, claim.spec, claim.so_far, now)
        job.lease = lease = state.fleet.lease(worker, job, now, attempt.attempt)
        job.worker = worker.key
        attempt.put_on(lease, now)
        if lease.tokens:
            state.fleet.read(worker, lease, job)
        state.counters.kept += 1
        state.emit(Accepted(lease.job, lease.attempt))
        kept.append(KeptJob(job=lease.job, attempt=lease.attempt, next_seq=lease.next_seq))
    return tuple(kept)


def wait(state: State, claims: Sequence[Claim], now: float) -> None:
    """The jobs of claims that nobody could go on with wait for a slot."""
    for claim in claims:
        if claim.spec.id not in state.jobs:
            job = begin(state, claim.spec, claim.so_far, now)
            state.queue.add(job)
            placing.place(state, claim.spec.model, now)
            place = state.queue.place(job) if job.legs else None
            if place is not None:
                state.emit(Queued(job.spec.id, place))


def _alive(hello: Hello) -> Mapping[tuple[str, int], int]:
    return {(one.job, one.attempt): one.next_seq for one in hello.resume.jobs} if hello.resume else {}
