"""What workers say against a request, and what becomes of it: other owners' workers are heard before the client is.

Only a worker can judge whether its engine can serve a request: whether its template takes the conversation, its grammar
compiles, its context is enough; and when an engine dies, or gives tokens without a text, the request may have made it.
But a worker is a stranger's. So one owner's word sends the job to another owner's worker. If OWNERS of them say the
same, the request is to blame. If one serves the job, those before were wrong: three times, and their workers rest.
Where no other owner could serve the job there is nobody to ask, and the client is told so.
"""

import re
from collections.abc import Container

from coordinator.dispatch import ends, failover, handback, leases, rests, silence
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.quotes import quoted
from coordinator.scheduler import candidates
from coordinator.scheduler.state import Job, Lease
from coordinator.scheduler.workers import Worker
from wire.errors import ErrorCode, SupernetError

# That have to find the request to blame. Of 4 owners in league among 12, a first one meets a second by lot in 27 of 100
# cases, and a third in 5; a newcomer is asked nothing else meanwhile (Owner.awaits_verdicts).
OWNERS = 3
NO_ROOM = frozenset({ErrorCode.WORKER_BUSY, ErrorCode.MODEL_NOT_LOADED, ErrorCode.WORKER_DRAINING})
_PARAM = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,63}")  # the name of a field, and no sentence


def accuse(state: State, worker: Worker, job: Job, error: SupernetError, now: float) -> None:
    """The worker says that the request cannot be served. `error`: in its words."""
    _witness(worker, job)
    if _is_convicted(state, job):
        ends.fail(state, job, _verdict(job, error), now)
    else:
        failover.move(state, job, error, now)


def engine_died(state: State, worker: Worker, lease: Lease, job: Job, error: SupernetError, now: float) -> None:
    """An engine died of the job: the request may be to blame only if that engine has finished a job before. A worker
    would always blame the request, and an engine that dies of its first job may do so whatever it is asked. Where two
    suspects were in the engine, either may have killed it: each is tried once more, with no other one beside it."""
    job.failures += 1
    replica = worker.replicas.get(job.spec.model)
    if replica is None or not replica.proven:
        rests.blame(state, worker, job, now)
    else:
        job.crashes += 1
        _witness(worker, job)
        is_clear = not lease.accompanied or job.crashes > state.limits.crashes
        job.apart = job.crashes >= state.limits.crashes and _is_convicted(state, job)
        if job.apart and is_clear:
            state.counters.poisoned += 1
            state.poison.block(job.spec, now, frozenset(job.witnesses))
            message = f"{job.crashes} engines ended while they worked on this request: it is not tried again"
            ends.fail(state, job, SupernetError(ErrorCode.POISON_REQUEST, message), now)
            return
    failover.move(state, job, error, now)


def silent(state: State, worker: Worker, lease: Lease, job: Job, now: float) -> None:
    """The attempt gave too many tokens without a text: they are taken back, and another owner's worker goes on."""
    state.counters.silences += 1
    state.note("tokens without a text", worker.key, job.spec.id)
    silence.take_back(job, lease)
    leases.cancel(state, worker, lease, now)
    job.failures += 1
    _witness(worker, job)
    if _is_convicted(state, job):
        message = "the answer went on without a text, and was ended"
        ends.fail(state, job, SupernetError(ErrorCode.ENGINE_ERROR, message), now)
    else:
        failover.move(state, job, SupernetError(ErrorCode.ENGINE_ERROR, "tokens without a text"), now)


def is_asked_elsewhere(state: State, worker: Worker, lease: Lease, job: Job, now: float) -> bool:
    """An answer ends that says nothing: another owner's worker is asked for one, if there is one. If not, it stands."""
    if job.cancelled or len(job.witnesses) + 1 >= OWNERS or failover.is_last_try(job, state.limits):
        return False
    if not _is_other_ready(state, job, {worker.peer.account, *job.witnesses}):
        return False
    state.counters.silences += 1
    state.note("an empty answer", worker.key, job.spec.id)
    silence.take_back(job, lease)
    _witness(worker, job)
    failover.move(state, job, SupernetError(ErrorCode.ENGINE_ERROR, "an empty answer"), now)
    return True


def refused(state: State, worker: Worker, lease: Lease, job: Job, code: ErrorCode, now: float) -> None:
    """A worker that refuses for want of room is believed, but not for ever: it said that it had some, else it would not
    have been asked."""
    if code in NO_ROOM:
        rests.handed_back(state, worker, lease, job, now)


def contradict(state: State, worker: Worker, job: Job, now: float) -> None:
    """The worker has served the job: an owner that had found the request to blame was wrong, perhaps by mistake."""
    for account, key in job.witnesses.items():
        owner = state.fleet.owners.of(account)
        if account == worker.peer.account or not worker.owner.weighs_as_much_as(owner):
            continue
        doubted = state.fleet.owners.was_wrong(account)
        state.note("contradicted", key, job.spec.id)
        witness = state.fleet.workers.get(key)
        if doubted and witness is not None:
            rests.fault(state, witness, now)
        elif doubted:
            rests.fault_elsewhere(state, key, now)


def blocked_s(state: State, job: Job, now: float) -> float | None:
    """Seconds for which the request is refused because it crashed engines; None while it may be tried. Where it crashed
    those of one owner alone, any other owner's worker may try it."""
    block = state.poison.blocked(job.spec, now)
    if block is None:
        return None
    if len(block.owners) < OWNERS and _is_other_ready(state, job, block.owners):
        return None
    return block.until - now


def _witness(worker: Worker, job: Job) -> None:
    if worker.peer.account not in job.witnesses:
        worker.owner.unsettled += 1
    job.witnesses[worker.peer.account] = worker.key
    job.avoid.add(worker.incarnation)


def _is_convicted(state: State, job: Job) -> bool:
    """Whether enough owners found the request to blame: fewer of them, where no other can be asked, here or in another
    cell."""
    if len(job.witnesses) >= OWNERS:
        return True
    if handback.may(state, job) and not failover.tried_enough(job, state.limits):
        return False
    return not _is_other_ready(state, job, job.witnesses)


def _is_other_ready(state: State, job: Job, but: Container[str]) -> bool:
    """Whether a worker of an owner that is not among `but` could serve the job."""
    return candidates.is_owner_ready(state.fleet, job.spec.model, but, job.context, job.work)


def _verdict(job: Job, error: SupernetError) -> SupernetError:
    """What the client is told: our words first, and the worker's marked as such, on one line."""
    if len(job.witnesses) > 1:
        ours = f"workers of {len(job.witnesses)} owners cannot serve this request"
    else:
        ours = "a worker cannot serve this request, and no other owner's was there to confirm it"
    param = error.param if error.param and _PARAM.fullmatch(error.param) else None
    return SupernetError(error.code, quoted(ours, error.message), param=param)
