"""Workers join, drop and come back. A dropped socket is not a lost job: for a while its jobs wait for the worker.

At once, or after the grace that the operator gives (`resume_grace_s`), the jobs also stand in the queue: the first of a
free slot elsewhere and the worker itself gets them. When the resume window is over the worker is gone.
"""

from collections.abc import Sequence

from coordinator.dispatch import catalog_changes, failover, handback, placing, rests, takeover
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Accepted, CloseWorker, Send
from coordinator.dispatch.so_far import Claim
from coordinator.scheduler.fleet import key_of
from coordinator.scheduler.state import Lease, Peer, WorkerOrder
from coordinator.scheduler.workers import Worker
from wire.errors import CLOSE_DUPLICATE, ErrorCode
from wire.job_state import JobState
from wire.messages import DEAD_AFTER_S, Error, Hello, KeptJob, Move, Welcome

CLOSE_GOING_AWAY = 1001  # RFC 6455, 7.4.1
CLOSE_TRY_AGAIN_LATER = 1013
MOVE_S = 5.0  # a worker that was sent to dial again is back long before
ORPHAN_S = 3.0  # before another cell is asked to go on: by then most workers have dialled again, somewhere


def joined(state: State, hello: Hello, peer: Peer, now: float, claims: Sequence[Claim] = ()) -> None:
    """A socket said Hello: welcome a new worker, let one that has dropped go on with its jobs, or turn it away.
    `claims`: jobs that it brings from another cell."""
    _joined(state, hello, peer, now, claims)
    takeover.wait(state, claims, now)


def _joined(state: State, hello: Hello, peer: Peer, now: float, claims: Sequence[Claim]) -> None:
    old = state.fleet.workers.get(key_of(hello, peer))
    order = state.orders.get(key_of(hello, peer))
    if order is not None and order.kind == "away" and (old is None or not old.leases):  # else it finishes those first
        _turn_away(state, peer, ErrorCode.PERMISSION_DENIED, away(order, now), CLOSE_TRY_AGAIN_LATER)
        return
    if old is None:
        _newcomer(state, hello, peer, now, claims)
        return
    same = old.hello.instance == hello.instance
    if old.connected and not same and now - old.heard_at < DEAD_AFTER_S:
        state.counters.duplicate_workers += 1
        message = "a worker with this id is connected already: give each worker its own state folder"
        _turn_away(state, peer, ErrorCode.DUPLICATE_WORKER, message, CLOSE_DUPLICATE)
        return
    if old.connected:
        state.emit(CloseWorker(old.peer.session, CLOSE_DUPLICATE, "this worker has connected again"))
    resume = hello.resume
    if same and resume is not None and resume.session in old.sessions:
        _reattach(state, old, hello, peer, now, claims)
    else:
        # The same process was in a cell that died before it could say so, or has never read our Welcome: as where it
        # comes back without a job, that is nobody's failure (seed 1034 of the cluster's simulation).
        gone(state, old, "it was elsewhere" if same else "it started anew", now, blamed=not same)
        _newcomer(state, hello, peer, now, claims)


def left(state: State, session: str, resumable: bool, now: float) -> None:
    """A socket ended; the jobs wait for the worker if it may resume, else they move on."""
    worker = state.fleet.by_session(session)
    if worker is not None and worker.connected:
        _detach(state, worker, "the connection ended", now)
        if not resumable:
            gone(state, worker, "it has left", now)
            return
        watch(state, worker, now)
        for model in worker.replicas:
            placing.place(state, model, now)


def watch(state: State, worker: Worker, now: float) -> None:
    """Drop a worker that has been silent for too long, and give up one that has not come back in time."""
    if worker.connected and now - worker.heard_at >= DEAD_AFTER_S:
        reason = f"silent for {DEAD_AFTER_S:.0f} s"
        state.emit(CloseWorker(worker.peer.session, CLOSE_GOING_AWAY, reason))
        _detach(state, worker, reason, now)
    if worker.left_at is None:
        return
    if now - worker.left_at >= state.limits.resume_window_s:
        gone(state, worker, "it did not come back", now)
    elif now - worker.left_at >= _grace_s(state, worker) or now - worker.heard_at >= DEAD_AFTER_S:
        _offer_elsewhere(state, worker, now)


def move(state: State, session: str) -> None:
    """Send the worker to dial again, at once: where its owner's address leads it there may be another cell. It gets no
    more jobs here, and those that it has wait for it."""
    worker = state.fleet.by_session(session)
    if worker is not None and worker.connected and not worker.moved:
        worker.moved = True
        state.fleet.drains(worker)
        state.send(worker, Move(after_s=0.0))


def _grace_s(state: State, worker: Worker) -> float:
    """How long the jobs of a worker that has dropped are offered to nobody else."""
    return max(state.limits.resume_grace_s, MOVE_S if worker.moved else 0.0)


def departed(state: State, key: str, instance: str, now: float) -> None:
    """The worker is in another cell."""
    worker = state.fleet.workers.get(key)
    if worker is None or worker.hello.instance != instance:
        return
    if worker.connected:
        state.emit(CloseWorker(worker.peer.session, CLOSE_DUPLICATE, "this worker has connected elsewhere"))
    gone(state, worker, "it is in another cell", now, blamed=False)


def gone(state: State, worker: Worker, why: str, now: float, *, blamed: bool = True) -> None:
    """The worker will not come back: its jobs move on. `why`: for the log and for the jobs' error."""
    if worker.connected:
        _detach(state, worker, why, now)
    state.counters.workers_lost += 1
    state.fleet.remove(worker)
    for lease in worker.leases.values():
        failover.lose(state, lease, why, now, worker if blamed else None)
    state.fleet.forget_owner(worker.peer.account)
    state.quarantine.left(worker.key)


def _newcomer(state: State, hello: Hello, peer: Peer, now: float, claims: Sequence[Claim]) -> None:
    most = state.limits.workers_per_account
    if state.fleet.of_account(peer.account) >= most:
        message = f"this account has {most} workers connected: that is the limit"
        _turn_away(state, peer, ErrorCode.RATE_LIMIT_EXCEEDED, message, CLOSE_TRY_AGAIN_LATER)
    else:
        worker = state.fleet.add(hello, peer, now)
        if rests.is_rest_of_its_owner(state, worker):
            state.quarantine.inherit(worker.key)
        _welcome(state, worker, takeover.adopt(state, worker, claims, now))


def _reattach(state: State, worker: Worker, hello: Hello, peer: Peer, now: float, claims: Sequence[Claim]) -> None:
    state.counters.reattached += 1
    state.fleet.reattach(worker, hello, peer, now)
    alive = {(r.job, r.attempt): r.next_seq for r in hello.resume.jobs} if hello.resume else {}
    kept: list[KeptJob] = []
    for key, lease in list(worker.leases.items()):
        job = state.current(lease)
        running = lease.state in (JobState.OFFERED, JobState.RUNNING) and lease.model in worker.replicas
        if job is not None and running and alive.get(key, -1) >= lease.next_seq:
            state.queue.remove(job)
            _resumed(state, lease, now)
            kept.append(KeptJob(job=lease.job, attempt=lease.attempt, next_seq=lease.next_seq))
            state.counters.kept += 1
        else:  # the worker stops what is not kept, and its next Capacity counts a slot that is slow to stop
            failover.lose(state, lease, "it came back without the job", now)
    _welcome(state, worker, (*kept, *takeover.adopt(state, worker, claims, now)))


def _resumed(state: State, lease: Lease, now: float) -> None:
    """The worker lists only what it has accepted; its Accepted and our last Ack may be lost with the old socket."""
    lease.state, lease.since, lease.last_progress_at = JobState.RUNNING, now, now
    lease.accepted = True
    lease.held_up = True  # with its line
    lease.watch(now)
    lease.acked_seq, lease.acked_at = 0, 0.0
    state.emit(Accepted(lease.job, lease.attempt))


def _welcome(state: State, worker: Worker, kept: tuple[KeptJob, ...]) -> None:
    welcome = Welcome(
        session=worker.peer.session,
        newest=state.newest,
        resume_window_s=state.limits.resume_window_s,
        window_tokens=state.limits.window_tokens,
        kept=kept,
    )
    state.send(worker, welcome)
    catalog_changes.hand(state, worker)
    state.note("worker joined", worker.key, detail=", ".join(worker.replicas))


def away(order: WorkerOrder, now: float) -> str:
    """What a worker is told that the operator has sent away."""
    note = f": {order.note}" if order.note else ""
    return f"the operator has sent this worker away for {max(order.until - now, 0.0):.0f} s more{note}"


def _turn_away(state: State, peer: Peer, code: ErrorCode, message: str, close: int) -> None:
    state.emit(Send(peer.session, Error(code=code, message=message)))
    state.emit(CloseWorker(peer.session, close, message))
    state.note("worker turned away", peer.account, detail=code)


def _detach(state: State, worker: Worker, why: str, now: float) -> None:
    """The socket is gone. Running jobs wait for the worker a while; those that were being cancelled are over."""
    state.fleet.detach(worker, now)
    state.note("worker dropped", worker.key, detail=why)
    for lease in list(worker.leases.values()):
        if lease.state is JobState.CANCELLING:
            failover.lose(state, lease, why, now)


def _is_worth_waiting(worker: Worker, lease: Lease, now: float) -> bool:
    """What it has made so far is lost elsewhere: its job waits as long for the worker as that took, until the worker
    would have been given up as dead."""
    if lease.began_at is None or worker.left_at is None:
        return False
    return now - worker.heard_at < min(DEAD_AFTER_S, worker.left_at - lease.began_at)


def _offer_elsewhere(state: State, worker: Worker, now: float) -> None:
    """Put the jobs in the queue though they still belong to the worker: whichever is ready first has them. Where nobody
    else here can, another cell may, after a while: the worker's own slot is the best place."""
    away_s = 0.0 if worker.left_at is None else now - worker.left_at
    for lease in list(worker.leases.values()):
        job = state.current(lease)
        if job is None or _is_worth_waiting(worker, lease, now) or failover.is_last_try(job, state.limits):
            continue
        if away_s >= ORPHAN_S and handback.is_due(state, job):
            handback.give(state, job, "its worker is away", now)
            continue
        if job in state.queue:
            continue
        job.waiting_since = now
        state.queue.add(job)
