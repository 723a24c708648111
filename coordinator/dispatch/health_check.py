"""The test of a worker that has rested: a job of a few tokens that belongs to nobody.

It holds a slot like any other job. A worker that gives tokens and an end may serve again; one that fails, falls silent
or breaks the protocol rests once more, and longer.
"""

from hashlib import sha256

from coordinator.dispatch.jobs import Jobs
from coordinator.scheduler.state import Job, JobSpec, Lease, Worker
from wire import messages as wire
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode
from wire.job_state import JobState

QUESTION = Message(role="user", content="Count from one to five.")
TOKENS = 8
TEST_S = 60.0  # Accepted to the end: a prompt of a few tokens, beside whatever else the worker runs
AGAIN_S = 5.0  # when it could not be made: one heartbeat
# Not a fault: it had no room, or is about to leave.
NO_VERDICT = frozenset({ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED, ErrorCode.WORKER_DRAINING})

End = wire.Refused | wire.Done | wire.Failed | wire.Cancelled


class Trial:
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._fleet = jobs.fleet
        tokens = min(TOKENS, jobs.limits.window_tokens)  # nobody takes them, so nothing opens its window
        self._request = ChatRequest(messages=(QUESTION,), max_tokens=tokens)
        self._count = 0

    def tick(self, now: float) -> None:
        """Begin the tests that are due, and end those that take too long."""
        for key, lease in self._fleet.probation.tests():
            self._watch(key, lease, now)
        for key in self._fleet.probation.due(now):
            worker = self._fleet.workers.get(key)
            if worker is not None and worker.connected and not worker.draining:
                self._begin(worker, now)

    def ended(self, worker: Worker, lease: Lease, frame: End, now: float) -> None:
        """A lease without a job is over: perhaps it was the test."""
        if self._fleet.probation.test(worker.key) is not lease:
            return
        if isinstance(frame, wire.Done) and lease.tokens:
            self._jobs.counters.tests_passed += 1
            self._fleet.proved(lease)
            self._fleet.probation.end(worker.key, passed=True)
            self._jobs.note("test passed", worker.key)
        elif isinstance(frame, wire.Refused | wire.Failed) and frame.code in NO_VERDICT:
            worker.draining = worker.draining or frame.code is ErrorCode.WORKER_DRAINING
            if (seat := worker.seats.get(lease.model)) is not None:
                seat.busy_until = now + AGAIN_S
            self._fleet.probation.end(worker.key, passed=False)
        else:
            self._failed(worker, now)

    def _begin(self, worker: Worker, now: float) -> None:
        model = next((model for model in worker.seats if self._fleet.has_room(worker, model, now)), None)
        if model is None:
            return
        self._count += 1
        name = sha256(f"{worker.peer.session}/{self._count}".encode()).hexdigest()[:32]  # looks like any other's
        job = Job(JobSpec(f"{name}.0", "", model, self._request, seed=self._count), submitted=now, waiting_since=now)
        self._fleet.probation.begin(worker.key, self._fleet.lease(worker, job, now))
        self._jobs.send_start(worker, job)

    def _watch(self, key: str, lease: Lease, now: float) -> None:
        worker = self._fleet.workers.get(key)
        if worker is None or not worker.connected or (lease.job, lease.attempt) not in worker.leases:
            self._fleet.probation.end(key, passed=False)  # it went with its worker's connection
        elif lease.state is JobState.CANCELLING or now - lease.since >= TEST_S:
            self._jobs.cancel_lease(worker, lease, now)
            self._failed(worker, now)

    def _failed(self, worker: Worker, now: float) -> None:
        self._jobs.counters.tests_failed += 1
        self._jobs.rest(worker, now)
