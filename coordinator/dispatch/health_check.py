"""The test of a worker that has rested: a tiny job that belongs to nobody (questions.py).

It holds a slot like any other job. A worker that gives tokens and an end, or uploads what it was to make, may serve
again; one that fails, falls silent or breaks the protocol rests once more, and longer.
"""

from hashlib import sha256

from coordinator.dispatch import leases, rests
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.questions import FILES, question
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job, JobSpec, Lease
from coordinator.scheduler.workers import Worker
from wire import messages as wire
from wire.errors import ErrorCode
from wire.job_state import JobState
from wire.media import MediaRequest

TEST_S = 60.0  # Accepted to the end: a prompt of a few tokens, beside whatever else the worker runs
MAKING_S = 180.0  # the same of something that is made
AGAIN_S = 5.0  # when it could not be made: one heartbeat
# Not a fault: it had no room, or is about to leave.
NO_VERDICT = frozenset({ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED, ErrorCode.WORKER_DRAINING})


def tick(state: State, now: float) -> None:
    """Begin the tests that are due, and end those that take too long."""
    for key, lease in state.quarantine.tests():
        _watch(state, key, lease, now)
    for key in state.quarantine.due(now):
        worker = state.fleet.workers.get(key)
        if worker is not None and worker.connected and not worker.draining:
            _begin(state, worker, now)


def ended(state: State, worker: Worker, lease: Lease, frame: leases.AttemptEnd, now: float) -> None:
    """A lease without a job is over: perhaps it was the test."""
    if state.quarantine.test(worker.key) is not lease:
        return
    if isinstance(frame, wire.Done) and lease.fruitful:
        state.counters.tests_passed += 1
        state.fleet.proved(lease)
        state.quarantine.end(worker.key, passed=True)
        state.note("test passed", worker.key)
    elif isinstance(frame, wire.Refused | wire.Failed) and frame.code in NO_VERDICT:
        if frame.code is ErrorCode.WORKER_DRAINING:
            state.fleet.drains(worker)
        if (replica := worker.replicas.get(lease.model)) is not None:
            replica.busy_until = now + AGAIN_S
        state.quarantine.end(worker.key, passed=False)
    else:
        _failed(state, worker, now)


def _begin(state: State, worker: Worker, now: float) -> None:
    model = _tested(state, worker, now)
    if model is None:
        return
    request = question(worker.replicas[model].offer, state.limits.window_tokens)
    if request is None:
        state.quarantine.end(worker.key, passed=True)
        state.note("serves again without a test", worker.key)
        return
    number = next(state.test_numbers)
    name = sha256(f"{worker.peer.session}/{number}".encode()).hexdigest()[:32]  # looks like any other's
    # Who makes something uploads it as for any job. The secret need not be one: what comes is looked at and not kept.
    job_id = f"{name}.0.{state.replica}" if state.replica else f"{name}.0"
    spec = JobSpec(job_id, "", model, request, seed=number, upload_secret=f"test {name}", blobs=FILES)
    job = Job(spec, submitted=now, waiting_since=now)
    test = state.fleet.lease(worker, job, now)
    state.quarantine.begin(worker.key, test)
    leases.start(state, worker, job, test.attempt)


def _tested(state: State, worker: Worker, now: float) -> str | None:
    """What of the worker is tested now: where its fault was, unless that is gone; None: there is no room."""
    faulty = state.quarantine.model(worker.key)
    replica = worker.replicas.get(faulty)
    if replica is not None and replica.status != "broken":
        return faulty if candidates.has_room(worker, faulty, now) else None
    return next((model for model in worker.replicas if candidates.has_room(worker, model, now)), None)


def _watch(state: State, key: str, lease: Lease, now: float) -> None:
    worker = state.fleet.workers.get(key)
    if worker is None or not worker.connected or (lease.job, lease.attempt) not in worker.leases:
        state.quarantine.end(key, passed=False)  # it went with its worker's connection
    elif lease.state is JobState.CANCELLING or now - lease.since >= _within_s(lease):
        leases.cancel(state, worker, lease, now)
        _failed(state, worker, now)


def _within_s(lease: Lease) -> float:
    return MAKING_S if lease.spec is not None and isinstance(lease.spec.request, MediaRequest) else TEST_S


def _failed(state: State, worker: Worker, now: float) -> None:
    state.counters.tests_failed += 1
    rests.rest(state, worker, now)
