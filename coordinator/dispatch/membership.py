"""Workers come, drop and come back. A dropped socket is not a lost job: for a while its jobs wait for the worker.

At once, or after the grace that the operator gives, they also stand in the queue: whatever comes first, a free slot
elsewhere or the worker itself, gets them. When the resume window is over the worker is gone.
"""

from coordinator.dispatch.effects import Accepted, CloseWorker, Send
from coordinator.dispatch.jobs import Jobs
from coordinator.scheduler.fleet import key_of
from coordinator.scheduler.state import Lease, Peer, Worker
from wire.errors import CLOSE_DUPLICATE, ErrorCode
from wire.job_state import JobState
from wire.messages import DEAD_AFTER_S, Error, Hello, KeptJob, Welcome

CLOSE_GOING_AWAY = 1001  # RFC 6455, 7.4.1
CLOSE_TRY_AGAIN_LATER = 1013


class Attendance:
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._fleet = jobs.fleet

    def joined(self, hello: Hello, peer: Peer, now: float) -> None:
        """Answered by Welcome, or by an error and a close."""
        old = self._fleet.workers.get(key_of(hello, peer))
        if old is None:
            self._newcomer(hello, peer, now)
            return
        same = old.hello.instance == hello.instance
        if old.connected and not same and now - old.seen < DEAD_AFTER_S:
            self._jobs.counters.duplicate_workers += 1
            message = "a worker with this id is connected already: give each worker its own state folder"
            self._turn_away(peer, ErrorCode.DUPLICATE_WORKER, message, CLOSE_DUPLICATE)
            return
        if old.connected:
            self._jobs.emit(CloseWorker(old.peer.session, CLOSE_DUPLICATE, "this worker has connected again"))
        resume = hello.resume
        if same and resume is not None and resume.session in old.sessions:
            self._reattach(old, hello, peer, now)
        else:
            self.gone(old, "it started anew", now)
            self._newcomer(hello, peer, now)

    def left(self, session: str, resumable: bool, now: float) -> None:
        worker = self._fleet.by_session(session)
        if worker is not None and worker.connected:
            self._detach(worker, "the connection ended", now)
            if not resumable:
                self.gone(worker, "it has left", now)
                return
            self.watch(worker, now)
            for model in worker.seats:
                self._jobs.place(model, now)

    def watch(self, worker: Worker, now: float) -> None:
        """Deadlines of the link itself."""
        if worker.connected and now - worker.seen >= DEAD_AFTER_S:
            reason = f"silent for {DEAD_AFTER_S:.0f} s"
            self._jobs.emit(CloseWorker(worker.peer.session, CLOSE_GOING_AWAY, reason))
            self._detach(worker, reason, now)
        if worker.left is None:
            return
        if now - worker.left >= self._jobs.limits.resume_window_s:
            self.gone(worker, "it did not come back", now)
        elif now - worker.left >= self._jobs.limits.resume_grace_s or now - worker.seen >= DEAD_AFTER_S:
            self._offer_elsewhere(worker, now)

    def gone(self, worker: Worker, why: str, now: float) -> None:
        """It will not come back: its jobs move on."""
        if worker.connected:
            self._detach(worker, why, now)
        self._jobs.counters.workers_lost += 1
        self._fleet.remove(worker)
        for lease in worker.leases.values():
            self._jobs.lose(lease, why, now, worker)

    def _newcomer(self, hello: Hello, peer: Peer, now: float) -> None:
        most = self._jobs.limits.workers_per_account
        if self._fleet.count(peer.account) >= most:
            message = f"this account has {most} workers connected: that is the limit"
            self._turn_away(peer, ErrorCode.RATE_LIMIT_EXCEEDED, message, CLOSE_TRY_AGAIN_LATER)
        else:
            self._welcome(self._fleet.add(hello, peer, now), ())

    def _reattach(self, worker: Worker, hello: Hello, peer: Peer, now: float) -> None:
        self._jobs.counters.reattached += 1
        self._fleet.reattach(worker, hello, peer, now)
        alive = {(r.job, r.attempt): r.next_seq for r in hello.resume.jobs} if hello.resume else {}
        kept: list[KeptJob] = []
        for key, lease in list(worker.leases.items()):
            job = self._jobs.current(lease)
            running = lease.state in (JobState.OFFERED, JobState.RUNNING) and lease.model in worker.seats
            if job is not None and running and alive.get(key, -1) >= lease.next_seq:
                self._jobs.waiting.remove(job)
                self._resumed(lease, now)
                kept.append(KeptJob(job=lease.job, attempt=lease.attempt, next_seq=lease.next_seq))
                self._jobs.counters.kept += 1
            else:  # the worker stops what is not kept, and its next Capacity counts a slot that is slow to stop
                self._jobs.lose(lease, "it came back without the job", now)
        self._welcome(worker, tuple(kept))

    def _resumed(self, lease: Lease, now: float) -> None:
        """The worker lists only what it has accepted; its Accepted and our last Ack may be lost with the old socket."""
        lease.state, lease.since, lease.last_progress = JobState.RUNNING, now, now
        lease.acked_seq, lease.acked_at = 0, 0.0
        self._jobs.emit(Accepted(lease.job, lease.attempt))

    def _welcome(self, worker: Worker, kept: tuple[KeptJob, ...]) -> None:
        welcome = Welcome(
            session=worker.peer.session,
            resume_window_s=self._jobs.limits.resume_window_s,
            window_tokens=self._jobs.limits.window_tokens,
            kept=kept,
        )
        self._jobs.send(worker, welcome)
        self._jobs.note("worker joined", worker.key, detail=", ".join(worker.seats))

    def _turn_away(self, peer: Peer, code: ErrorCode, message: str, close: int) -> None:
        self._jobs.emit(Send(peer.session, Error(code=code, message=message)))
        self._jobs.emit(CloseWorker(peer.session, close, message))
        self._jobs.note("worker turned away", peer.account, detail=code)

    def _detach(self, worker: Worker, why: str, now: float) -> None:
        """Its jobs wait for it a while; what only had to be stopped is stopped by that."""
        self._fleet.detach(worker, now)
        self._jobs.note("worker dropped", worker.key, detail=why)
        for lease in list(worker.leases.values()):
            if lease.state is JobState.CANCELLING:
                self._jobs.lose(lease, why, now)

    def _offer_elsewhere(self, worker: Worker, now: float) -> None:
        """The jobs stand in the queue and still belong to the worker: what comes first, wins."""
        for lease in worker.leases.values():
            job = self._jobs.current(lease)
            if job is not None and job not in self._jobs.waiting and not self._jobs.last_try(job):
                job.waiting_since = now
                self._jobs.waiting.add(job)
