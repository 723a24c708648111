"""Which workers could take a job of a model, now or soon: questions to the fleet, which none of them changes."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from hashlib import sha256
from itertools import chain, islice

from coordinator.scheduler import pace, suspects
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.placement import ANSWER_TOKENS, ROOM, Candidate, choose, least_context, seeing_s
from coordinator.scheduler.pool import TYPICAL, Kind, quickest
from coordinator.scheduler.state import Job
from coordinator.scheduler.work import Work
from coordinator.scheduler.workers import Worker
from wire.media import MediaOffer
from wire.messages import DEAD_AFTER_S
from wire.offers import ModelOffer

FASTER = 4.0  # a stream that is slow moves for that much: its prompt is read again
# Workers of a newcomer that may fail one job, or hand it back, while others could have it: ids are free.
NEWCOMERS_TRIES = 2
FEW = 64  # open workers that are all looked at
EACH = 5  # of more, so many of each order
MOST_CLAIMS = 8  # different hashes of a model that clients are told: a crowd of liars must not fill the answer

Rule = Callable[[Worker], bool]


def able(fleet: Fleet, model: str, work: Work | None = None) -> list[Kind]:
    """The kinds of workers that take jobs of the model, or will once it is loaded. `work`: those that can do this;
    None: whatever they can."""
    return [kind for kind in fleet.pool(model).kinds.values() if _does(kind.offer, work)]


def serving(fleet: Fleet, model: str, work: Work | None = None) -> Iterator[Worker]:
    """The workers of these kinds, one by one: of a thousand the first often says enough."""
    return _members(able(fleet, model, work))


def _does(offer: ModelOffer | MediaOffer, work: Work | None) -> bool:
    return work is None or work.lacks(offer) is None


def servable(fleet: Fleet, model: str, now: float, work: Work | None = None) -> bool:
    """Is there a worker for the model, or was there one a moment ago? One that offers no slots (it is paused while its
    owner plays) does not count: it may offer none for hours."""
    if any(kind.offering for kind in able(fleet, model, work)):
        return True
    return any(_does(offer, work) for at, offer in fleet.last_left.get(model, ()) if now - at < DEAD_AFTER_S)


def slots(fleet: Fleet, model: str, work: Work | None = None) -> int:
    return sum(kind.slots for kind in able(fleet, model, work))


def longest_context(fleet: Fleet, model: str, work: Work | None = None) -> int:
    """Tokens of the largest slot of the model; workers that offer no slots do not count."""
    return max((kind.context for kind in able(fleet, model, work) if kind.offering), default=0)


def claimed_hashes(fleet: Fleet, model: str) -> tuple[tuple[str, int], ...]:
    """The sha256 of the weights that workers which are ready say they have, and how many: the commonest first."""
    return tuple(fleet.pool(model).hashes.most_common(MOST_CLAIMS))


def has_room(worker: Worker, model: str, now: float) -> bool:
    """Whether the worker has a free slot of a model that is loaded, and has not just refused a job of it."""
    replica = worker.replicas[model]
    return replica.status == "ready" and replica.free > 0 and replica.busy_until <= now


def any_open(fleet: Fleet, model: str, now: float) -> bool:
    """Could any job of the model be placed now?"""
    return any(_open(fleet, worker, model, now) for worker in fleet.pool(model).open)


def another_open(fleet: Fleet, worker: Worker, model: str, now: float, work: Work | None = None) -> bool:
    """Could any other worker than this one take a job of the model now?"""
    opened = quickest(able(fleet, model, work), 0)
    return any(other is not worker and _open(fleet, other, model, now) for other in opened)


def is_owner_ready(fleet: Fleet, model: str, but: Container[str], context: int = 0, work: Work | None = None) -> bool:
    """Could a worker of an owner that is not among `but` take a job of the model now, or once it has a slot free?"""
    return any(
        worker.peer.account not in but and is_ready(fleet, worker, model) and worker.replicas[model].context >= context
        for worker in serving(fleet, model, work)
    )


def is_untried_ready(fleet: Fleet, job: Job) -> bool:
    """Could a worker that has not failed the job, of an owner that does not blame it, take it now or once it has a slot
    free?"""
    model = job.spec.model
    return any(
        worker.peer.account not in job.witnesses
        and worker.incarnation not in job.avoid
        and is_ready(fleet, worker, model)
        and worker.replicas[model].context >= job.context
        for worker in serving(fleet, model, job.work)
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
    free = 0
    for worker in fleet.pool(model).open:
        if _open(fleet, worker, model, now):
            free += worker.replicas[model].free
            if free > owed:
                return False
    return True


def choose_worker(fleet: Fleet, job: Job, now: float, answer: float = ANSWER_TOKENS) -> Worker | None:
    """The worker for the job, whose answer is expected to have so many tokens; None if none is open that has the
    context for it. A worker that failed the job before is chosen only when no other has the context, and one whose
    owner found the request to blame only when there is no other owner's."""
    context = least_context(job.prompt, job.context, longest_context(fleet, job.spec.model, job.work))
    kinds = [kind for kind in able(fleet, job.spec.model, job.work) if kind.context >= context]
    rules = _rules(fleet, kinds, job)
    first: Iterable[Worker] = ()
    if not job.avoid and not job.witnesses and sum(len(kind.open) for kind in kinds) > FEW:
        first = _sample(fleet, kinds, job, rules, now)
    first = first or _first_asked(fleet, kinds, job, rules, now)
    open_now = [_candidate(fleet, worker, job, now) for worker in first]
    key = choose(open_now, partial(job.work.seconds, answer=answer), context, job.prompt)
    return None if key is None else fleet.workers[key]


def is_faster_elsewhere(fleet: Fleet, worker: Worker, job: Job, tps: float, now: float) -> bool:
    """Whether another owner's worker could go on with the job now, and give FASTER times as many tokens a second."""
    model, work = job.spec.model, job.work
    context = least_context(job.prompt + len(job.delivered), job.context, longest_context(fleet, model, work))
    kinds = [kind for kind in able(fleet, model, work) if kind.context >= context]
    for other in quickest(kinds, 0):
        if other.peer.account in (worker.peer.account, *job.witnesses) or other.incarnation in job.avoid:
            continue
        if not other.owner.within_bound or not _open(fleet, other, model, now):
            continue
        replica = other.replicas[model]
        if pace.stream_tps(replica, replica.held + 1) / pace.slowness(replica, now) >= FASTER * tps:
            return True
    return False


def _rules(fleet: Fleet, kinds: list[Kind], job: Job) -> list[Rule]:
    """What a worker has to be, each only where some worker is: not of an owner that found the request to blame; not one
    that failed the job; not a newcomer's third that would; not one on whose owner's words verdicts are due. And
    always: not one where suspects would meet whose next death is to tell them apart."""
    model, rules = job.spec.model, list[Rule]()
    if job.crashes:
        rules.append(lambda worker: suspects.may_meet(worker, job))
    failed = Counter(key.rpartition("/")[0] for key, _ in job.avoid)

    def ready(worker: Worker) -> bool:
        return is_ready(fleet, worker, model)

    def narrow(rule: Rule, *among: Rule) -> None:
        wanted = (*rules, *among, rule)
        # Those with a free slot first: they are mostly ready, and of the others a thousand may be paused.
        if any(_passes(worker, wanted) for worker in chain(quickest(kinds, 0), _members(kinds))):
            rules.append(rule)

    if job.witnesses:
        narrow(lambda worker: worker.peer.account not in job.witnesses)
    if job.avoid:
        narrow(lambda worker: worker.incarnation not in job.avoid)
        narrow(lambda worker: worker.owner.proven or failed[worker.peer.account] < NEWCOMERS_TRIES, ready)
    narrow(lambda worker: not worker.owner.awaits_verdicts, ready)
    return rules


def _first_asked(fleet: Fleet, kinds: list[Kind], job: Job, rules: list[Rule], now: float) -> list[Worker]:
    """Those of the workers with a free slot that may have the job: a newcomer's only within its bound, if an owner that
    has proven itself could have it too, and otherwise the last; and not again the owner that failed it."""
    model = job.spec.model
    passed = (worker for worker in quickest(kinds, 0) if _passes(worker, rules))
    opened = [worker for worker in passed if _open(fleet, worker, model, now)]
    within = [worker for worker in opened if worker.owner.within_bound]
    if not within and any(
        worker.owner.proven and is_ready(fleet, worker, model) and _passes(worker, rules) for worker in _members(kinds)
    ):
        return []
    first = within or opened
    if not job.avoid:
        return first
    failed = {key.rpartition("/")[0] for key, _ in job.avoid}
    return _second_try([worker for worker in first if worker.peer.account not in failed] or first, job)


def _sample(fleet: Fleet, kinds: list[Kind], job: Job, rules: list[Rule], now: float) -> list[Worker]:
    """Of many open workers those that a look at all of them would mostly choose from: who has read a beginning of the
    prompt, and who would be quickest with typical jobs. Nobody where none is within its bound: then all are asked."""
    model = job.spec.model

    def may(worker: Worker) -> bool:
        return worker.owner.within_bound and _passes(worker, rules) and _open(fleet, worker, model, now)

    largest = max(kind.context for kind in kinds if kind.open)
    kinds = [kind for kind in kinds if kind.context >= min(largest, job.prompt * ROOM)]
    found: dict[str, Worker] = {}
    for order in range(len(TYPICAL)):
        found |= {worker.key: worker for worker in islice(filter(may, quickest(kinds, order)), EACH)}
    for key in fleet.pool(model).readers(job.work.prefixes):
        kind = next((kind for kind in kinds if key in kind.open), None)
        if kind is not None and may(kind.open[key]):
            found[key] = kind.open[key]
    return list(found.values())


def _members(kinds: Iterable[Kind]) -> Iterator[Worker]:
    return chain.from_iterable(kind.members.values() for kind in kinds)


def _passes(worker: Worker, rules: Iterable[Rule]) -> bool:
    return all(rule(worker) for rule in rules)


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
