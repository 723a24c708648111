"""Which workers could take a job of a model, now or soon: questions to the fleet, which none of them changes."""

from collections import Counter
from collections.abc import Container, Iterator
from functools import partial
from hashlib import sha256

from coordinator.scheduler import pace
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.placement import ANSWER_TOKENS, Candidate, choose, least_context, seeing_s
from coordinator.scheduler.state import Job
from coordinator.scheduler.work import Work
from coordinator.scheduler.workers import Worker
from wire.media import MediaOffer
from wire.messages import DEAD_AFTER_S
from wire.offers import ModelOffer

FASTER = 4.0  # a stream that is slow moves for that much: its prompt is read again
# Workers of a newcomer that may fail one job, or hand it back, while others could have it: ids are free.
NEWCOMERS_TRIES = 2
MOST_CLAIMS = 8  # different hashes of a model that clients are told: a crowd of liars must not fill the answer


def serving(fleet: Fleet, model: str, work: Work | None = None) -> Iterator[Worker]:
    """Connected workers that take jobs of the model, or will once it is loaded. `work`: those that can do this; None:
    whatever they can. One by one: of a thousand workers the first often says enough."""
    for worker in fleet.workers.values():
        if worker.left_at is None and not worker.draining:
            replica = worker.replicas.get(model)
            if replica is not None and replica.status != "broken" and _does(replica.offer, work):
                yield worker


def _does(offer: ModelOffer | MediaOffer, work: Work | None) -> bool:
    return work is None or work.lacks(offer) is None


def servable(fleet: Fleet, model: str, now: float, work: Work | None = None) -> bool:
    """Is there a worker for the model, or was there one a moment ago? One that offers no slots (it is paused while its
    owner plays) does not count: it may offer none for hours."""
    if any(worker.replicas[model].slots for worker in serving(fleet, model, work)):
        return True
    return any(_does(offer, work) for at, offer in fleet.last_left.get(model, ()) if now - at < DEAD_AFTER_S)


def slots(fleet: Fleet, model: str, work: Work | None = None) -> int:
    return sum(worker.replicas[model].slots for worker in serving(fleet, model, work))


def longest_context(fleet: Fleet, model: str, work: Work | None = None) -> int:
    """Tokens of the largest slot of the model; workers that offer no slots do not count."""
    replicas = (worker.replicas[model] for worker in serving(fleet, model, work))
    return max((replica.context for replica in replicas if replica.slots), default=0)


def claimed_hashes(fleet: Fleet, model: str) -> tuple[tuple[str, int], ...]:
    """The sha256 of the weights that workers which are ready say they have, and how many: the commonest first."""
    replicas = (worker.replicas[model] for worker in serving(fleet, model))
    said = (replica.offer.sha256 for replica in replicas if replica.status == "ready" and replica.offer.sha256)
    return tuple(Counter(said).most_common(MOST_CLAIMS))


def has_room(worker: Worker, model: str, now: float) -> bool:
    """Whether the worker has a free slot of a model that is loaded, and has not just refused a job of it."""
    replica = worker.replicas[model]
    return replica.status == "ready" and replica.free > 0 and replica.busy_until <= now


def any_open(fleet: Fleet, model: str, now: float) -> bool:
    """Could any job of the model be placed now?"""
    return any(_open(fleet, worker, model, now) for worker in serving(fleet, model))


def another_open(fleet: Fleet, worker: Worker, model: str, now: float, work: Work | None = None) -> bool:
    """Could any other worker than this one take a job of the model now?"""
    return any(other is not worker and _open(fleet, other, model, now) for other in serving(fleet, model, work))


def is_owner_ready(fleet: Fleet, model: str, but: Container[str], context: int = 0, work: Work | None = None) -> bool:
    """Could a worker of an owner that is not among `but` take a job of the model now, or once it has a slot free?"""
    return any(
        worker.peer.account not in but and is_ready(fleet, worker, model) and worker.replicas[model].context >= context
        for worker in serving(fleet, model, work)
    )


def is_ready(fleet: Fleet, worker: Worker, model: str) -> bool:
    """Whether the worker takes jobs of the model when it has a slot free: it does not rest, nor is it paused."""
    replica = worker.replicas[model]
    return replica.status == "ready" and replica.slots > 0 and fleet.quarantine.may_serve(worker.key)


def is_crowding(fleet: Fleet, account: str, model: str, now: float) -> bool:
    """Whether the free slots of the model are kept from the account, for accounts that hold fewer."""
    owed = fleet.headroom.owed(account, model, slots(fleet, model), now)
    if not owed:
        return False
    ready = (worker for worker in serving(fleet, model) if _open(fleet, worker, model, now))
    return sum(worker.replicas[model].free for worker in ready) <= owed


def choose_worker(fleet: Fleet, job: Job, now: float, answer: float = ANSWER_TOKENS) -> Worker | None:
    """The worker for the job, whose answer is expected to have so many tokens; None if none is open that has the
    context for it. A worker that failed the job before is chosen only when no other has the context, and one whose
    owner found the request to blame only when there is no other owner's."""
    model, work = job.spec.model, job.work
    context = least_context(job.prompt, job.context, longest_context(fleet, model, work))
    large = [worker for worker in serving(fleet, model, work) if worker.replicas[model].context >= context]
    strangers = [worker for worker in large if worker.peer.account not in job.witnesses] or large
    others = [worker for worker in strangers if worker.incarnation not in job.avoid] or strangers
    open_now = [_candidate(fleet, w, job, now) for w in _first_asked(fleet, others, job, now)]
    key = choose(open_now, partial(job.work.seconds, answer=answer), context, job.prompt)
    return None if key is None else fleet.workers[key]


def is_faster_elsewhere(fleet: Fleet, worker: Worker, job: Job, tps: float, now: float) -> bool:
    """Whether another owner's worker could go on with the job now, and give FASTER times as many tokens a second."""
    model, work = job.spec.model, job.work
    context = least_context(job.prompt + len(job.delivered), job.context, longest_context(fleet, model, work))
    for other in serving(fleet, model, work):
        replica = other.replicas[model]
        if other.peer.account in (worker.peer.account, *job.witnesses) or other.incarnation in job.avoid:
            continue
        if replica.context < context or not other.owner.within_bound or not _open(fleet, other, model, now):
            continue
        if pace.stream_tps(replica, replica.held + 1) / pace.slowness(replica, now) >= FASTER * tps:
            return True
    return False


def _first_asked(fleet: Fleet, workers: list[Worker], job: Job, now: float) -> list[Worker]:
    """Those of the workers with a free slot that may have the job: a newcomer's only within its bound, if an owner that
    has proven itself could have it too, and otherwise the last; not while verdicts on its words are due, if anybody
    else could have it; and not again the owner that failed it, a newcomer's third worker not even while it waits."""
    model = job.spec.model
    failed = Counter(key.rpartition("/")[0] for key, _ in job.avoid)
    spared = [worker for worker in workers if worker.owner.proven or failed[worker.peer.account] < NEWCOMERS_TRIES]
    if any(is_ready(fleet, worker, model) for worker in spared):
        workers = spared
    heard = [worker for worker in workers if not worker.owner.awaits_verdicts]
    if any(is_ready(fleet, worker, model) for worker in heard):
        workers = heard
    ready = [worker for worker in workers if _open(fleet, worker, model, now)]
    within = [worker for worker in ready if worker.owner.within_bound]
    if not within and any(worker.owner.proven and is_ready(fleet, worker, model) for worker in workers):
        return []
    first = within or ready
    if not job.avoid:
        return first
    return _second_try([worker for worker in first if worker.peer.account not in failed] or first, job)


def _second_try(workers: list[Worker], job: Job) -> list[Worker]:
    """Who may have a job that somebody has failed, or found to blame. Not whoever claims to be the fastest: owners in
    league would have it one after the other, each bearing out the one before. Proven owners are asked next. Whose word
    is to decide we choose by lot, the last of them among all: who serves many at first may have waited for this."""
    proven = [worker for worker in workers if worker.owner.proven]
    if proven and not job.witnesses:
        return proven
    jury = proven if proven and len(job.witnesses) == 1 else workers
    owner = min({worker.peer.account for worker in jury}, key=partial(_lot, job.spec.id), default="")
    return [worker for worker in jury if worker.peer.account == owner]


def _lot(job: str, owner: str) -> bytes:
    """Another order of the owners for each job; the job's name is drawn by us."""
    return sha256(f"{job}/{owner}".encode()).digest()


def _open(fleet: Fleet, worker: Worker, model: str, now: float) -> bool:
    return fleet.quarantine.may_serve(worker.key) and has_room(worker, model, now)


def _candidate(fleet: Fleet, worker: Worker, job: Job, now: float) -> Candidate:
    replica = worker.replicas[job.spec.model]
    index, prefixes = replica.prefix_index, job.work.prefixes
    unseen = prefixes.picture_tokens - int(index.cached_picture_tokens(prefixes) * index.trust)
    return Candidate(
        worker=worker.key,
        busy=replica.held,
        context=replica.context,
        speed=replica.speed,
        failures=fleet.quarantine.failures(worker.key),
        last_used=worker.last_used,
        cached=int(index.cached_tokens(prefixes) * index.trust),
        seeing_s=seeing_s(replica.image_ms, unseen),
        slowness=pace.slowness(replica, now),
        effort_s=replica.effort_s,
    )
