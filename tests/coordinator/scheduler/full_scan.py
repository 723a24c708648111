"""The choice of a worker by a look at every one of them, and made-up fleets: what the index is compared with."""

import random
from collections import Counter
from functools import partial

from coordinator.scheduler import candidates, placement
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.placement import ANSWER_TOKENS, Candidate, least_context
from coordinator.scheduler.quarantine import Quarantine
from coordinator.scheduler.state import Job, JobSpec, Limits, Peer
from coordinator.scheduler.workers import Worker
from tests.coordinator.dispatch.driver import M, seeing
from wire.blobs import VISION
from wire.chat import ChatRequest, Message
from wire.messages import Capacity, Hello
from wire.offers import ModelOffer, ModelState, SpeedPoint

SYSTEM = tuple(Message(role="system", content=f"program {n} " * 40) for n in range(3))


def serving(fleet: Fleet, job: Job) -> list[Worker]:
    """All that could do it, now or soon."""
    found = []
    for worker in fleet.workers.values():
        replica = worker.replicas.get(job.spec.model)
        if worker.connected and not worker.draining and replica is not None and replica.status != "broken":
            if job.work.lacks(replica.offer) is None:
                found.append(worker)
    return found


def choose(fleet: Fleet, job: Job, now: float, answer: float = ANSWER_TOKENS) -> str | None:
    """As candidates.choose_worker."""
    key = placement.choose(
        [candidates._candidate(fleet, worker, job, now) for worker in open_workers(fleet, job, now)],
        partial(job.work.seconds, answer=answer),
        context(fleet, job),
        job.prompt,
    )
    return key


def context(fleet: Fleet, job: Job) -> int:
    offering = [worker.replicas[M] for worker in serving(fleet, job) if worker.replicas[M].slots]
    longest = max((replica.context for replica in offering), default=0)
    return least_context(job.prompt, job.context, longest)


def open_workers(fleet: Fleet, job: Job, now: float) -> list[Worker]:
    """Those that may be asked now."""
    least = context(fleet, job)
    workers = [worker for worker in serving(fleet, job) if worker.replicas[M].context >= least]
    failed = Counter(key.rpartition("/")[0] for key, _ in job.avoid)
    workers = [worker for worker in workers if worker.peer.account not in job.witnesses] or workers
    workers = [worker for worker in workers if worker.incarnation not in job.avoid] or workers

    def is_ready(worker: Worker) -> bool:
        return candidates.is_ready(fleet, worker, M)

    spared = [worker for worker in workers if worker.owner.proven or failed[worker.peer.account] < 2]
    workers = spared if any(map(is_ready, spared)) else workers
    heard = [worker for worker in workers if not worker.owner.awaits_verdicts]
    workers = heard if any(map(is_ready, heard)) else workers
    ready = [worker for worker in workers if is_ready(worker) and candidates.has_room(worker, M, now)]
    within = [worker for worker in ready if worker.owner.within_bound]
    if not within and any(worker.owner.proven and is_ready(worker) for worker in workers):
        return []
    first = within or ready
    if not job.avoid:
        return first
    return candidates._second_try([worker for worker in first if worker.peer.account not in failed] or first, job)


def seconds(fleet: Fleet, job: Job, key: str, now: float) -> float:
    """How long the worker would be expected to take."""
    candidate: Candidate = candidates._candidate(fleet, fleet.workers[key], job, now)
    believed_s: float = placement.believed_s(job.work.seconds(candidate, ANSWER_TOKENS), candidate.slowness)
    return believed_s * 2.0 ** min(candidate.failures, 10)


# ---- made up -------------------------------------------------------------------------------------------------------


def fleet_of(workers: int, draw: random.Random, plain: bool = False, chats: int = 5) -> tuple[Fleet, float]:
    """So many workers with a past, and the time it is now. `plain`: nobody rests, has left or is doubted. `chats`: as
    in `job`."""
    fleet, now = Fleet(Quarantine(Limits())), 100.0
    accounts = [f"a{n}" for n in range(draw.randint(1, max(1, workers)))]
    for n in range(workers):
        owner = draw.choice(accounts)
        worker = fleet.add(_hello(n, draw), Peer(f"s{n}", owner, "k"), now)
        _past(fleet, worker, draw, now, plain, chats)
    return fleet, now


def _hello(n: int, draw: random.Random) -> Hello:
    decodes, reads = draw.lognormvariate(4, 0.7), draw.lognormvariate(7, 0.7)
    grows = draw.uniform(0.2, 0.9)
    curve = tuple(
        SpeedPoint(streams=k, decode_tps=decodes * k**grows, prefill_tps=reads, ttft_ms=30 + 512e3 / reads * k**0.3)
        for k in draw.choice(((), (1,), (1, 4), (1, 2, 4, 8)))
    )
    offer = ModelOffer(
        id=M,
        context=draw.choice((4096, 32768, 262144)),
        slots=draw.choice((1, 2, 4)),
        features=draw.choice(((), (VISION,))),
        speed=curve,
    )
    return Hello(worker=f"w{n}", instance="a", models=(offer,))


def _past(fleet: Fleet, worker: Worker, draw: random.Random, now: float, plain: bool, chats: int) -> None:
    replica = worker.replicas[M]
    worker.last_used = draw.choice((0.0, draw.uniform(0, now)))
    worker.owner.credit = draw.choice((0, 8, 64))
    if not plain and draw.random() < 0.3:
        worker.owner.unsettled, worker.owner.wrong = draw.randint(0, 3), draw.choice((0.0, 1.0, 2.6))
    if draw.random() < 0.2:
        replica.slowness, replica.slowness_at = draw.uniform(1, 5), draw.uniform(0, now)
    status = "ready" if plain else draw.choice(("ready",) * 8 + ("loading", "down", "broken"))
    slots = replica.slots if plain else draw.choice((replica.slots,) * 5 + (0,))
    free = slots if plain else draw.randint(0, slots)
    fleet.capacity(worker, Capacity(models=(ModelState(id=M, status=status, slots=slots, free=free),)), now)
    for k in range(draw.randint(0, replica.slots)):
        past = job(f"{worker.key}/{k}", draw, chats)
        lease = fleet.lease(worker, past, draw.uniform(0, now))
        if draw.random() < 0.7:
            fleet.read(worker, lease, past)
        if plain or draw.random() < 0.6:
            fleet.release(lease)
    if plain:
        return
    if draw.random() < 0.15:
        fleet.quarantine.rest(worker.key, now)
    if draw.random() < 0.1:
        replica.busy_until = now + draw.uniform(-5, 5)
    if draw.random() < 0.05:
        fleet.drains(worker)
    if draw.random() < 0.1:
        fleet.detach(worker, now)
        if draw.random() < 0.5:
            fleet.reattach(worker, worker.hello, worker.peer, now)
        elif draw.random() < 0.5:
            fleet.remove(worker)


def job(name: str, draw: random.Random, chats: int = 5) -> Job:
    """A chat of one of a few programs, now and then a long one, or with a picture. `chats`: how many there are of each
    kind, so that some are of one whose beginning was read."""
    number = draw.randrange(chats)
    if draw.random() < 0.1:
        request, _ = seeing(b"a picture", text=f"{number}: what is this?")
    else:
        said = "word " * draw.choice((1, 50, 1000, 20000))
        question = Message(role="user", content=f"{number} {said}")
        request = ChatRequest(messages=(draw.choice(SYSTEM), question), max_tokens=draw.choice((16, 1000)))
    account = draw.choice(("client", "another"))
    return Job(JobSpec(name, account, M, request, 1, session=draw.choice(("", "", f"chat {number}"))), 0, 0)


def with_past(fleet: Fleet, job: Job, draw: random.Random) -> Job:
    """The job after attempts that failed, perhaps."""
    for worker in draw.sample(list(fleet.workers.values()), min(len(fleet.workers), draw.choice((0, 0, 0, 1, 2)))):
        job.avoid.add(worker.incarnation)
        if draw.random() < 0.5:
            job.witnesses[worker.peer.account] = worker.key
    return job
