"""The workers that are or were just connected, what they say of their slots, and the leases of jobs on them."""

from collections import Counter, deque

from coordinator.scheduler import suspects
from coordinator.scheduler.headroom import Headroom
from coordinator.scheduler.owners import Owners
from coordinator.scheduler.pool import Pool
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from coordinator.scheduler.quarantine import Quarantine
from coordinator.scheduler.reading import work_tokens
from coordinator.scheduler.state import Job, Lease, Peer
from coordinator.scheduler.workers import Replica, Worker
from wire.chat import Usage
from wire.media import MediaOffer
from wire.messages import DEAD_AFTER_S, Capacity, Hello
from wire.offers import ModelOffer

MOST_READS = 4096
MOST_STARTS = 64  # of a job in one cell: more than Limits.starts allows


def key_of(hello: Hello, peer: Peer) -> str:
    """Worker ids are the worker's own choice, so they count only within an account."""
    return f"{peer.account}/{hello.worker}"


def _replicas(hello: Hello) -> dict[str, Replica]:
    offers: list[ModelOffer | MediaOffer] = [*hello.models, *hello.media]
    return {offer.id: Replica(offer, offer.slots) for offer in offers}


class Fleet:
    """The workers, their slots and the leases on them, and what changes these; candidates.py asks who could serve."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine = quarantine
        self.headroom = Headroom()
        self.workers: dict[str, Worker] = {}  # by key
        self.owners = Owners()
        self._of_account: Counter[str] = Counter()
        self.pools: dict[str, Pool] = {}  # by model; the catalog bounds them
        # By model: when workers lost their sockets in the last DEAD_AFTER_S, and what they offered, oldest first.
        self.last_left: dict[str, deque[tuple[float, ModelOffer | MediaOffer]]] = {}
        self._sessions: dict[str, str] = {}  # session -> key
        self.reads: deque[PromptPrefixes] = deque(maxlen=MOST_READS)  # that engines here have read lately

    # ---- membership ----------------------------------------------------------------------------------------------

    def by_session(self, session: str) -> Worker | None:
        """The worker whose present socket this is; None for a socket that has been replaced."""
        key = self._sessions.get(session)
        return None if key is None else self.workers[key]

    def of_account(self, account: str) -> int:
        """How many workers belong to the account."""
        return self._of_account[account]

    def pool(self, model: str) -> Pool:
        """What there is of one model; to look at, not to change."""
        return self.pools.get(model, _NOTHING)

    def add(self, hello: Hello, peer: Peer, now: float) -> Worker:
        """Register a worker that has just connected and is not known; its key must be free."""
        replicas = _replicas(hello)
        worker = Worker(key_of(hello, peer), peer, hello, replicas, heard_at=now, owner=self.owners.of(peer.account))
        worker.sessions.append(peer.session)
        self.workers[worker.key] = worker
        self._of_account[peer.account] += 1
        self._sessions[peer.session] = worker.key
        self.count(worker, now)
        return worker

    def reattach(self, worker: Worker, hello: Hello, peer: Peer, now: float) -> None:
        """Give a known worker its new socket. Its replicas start unknown again, its leases stand."""
        self._sessions.pop(worker.peer.session, None)
        self._sessions[peer.session] = worker.key
        worker.sessions.append(peer.session)
        worker.peer, worker.hello, worker.heard_at, worker.left_at, worker.draining = peer, hello, now, None, False
        worker.moved = worker.sent_away = False
        worker.issues.clear()  # those that are left come again after the Welcome; one may have ended meanwhile
        self._leave(worker)
        before, worker.replicas = worker.replicas, _replicas(hello)
        for model, replica in worker.replicas.items():
            if model in before:
                replica.prefix_index, replica.proven = before[model].prefix_index, before[model].proven
                replica.given, replica.read = before[model].given, before[model].read
                replica.slowness, replica.slowness_at = before[model].slowness, before[model].slowness_at
        for lease in worker.leases.values():
            if lease.model in worker.replicas:
                worker.replicas[lease.model].held += 1
        self.count(worker, now)

    def settled(self, worker: Worker) -> None:
        """A frame came on the new socket, so the worker has read our Welcome: the sessions before are over."""
        while len(worker.sessions) > 1:
            worker.sessions.popleft()

    def detach(self, worker: Worker, now: float) -> None:
        """The worker's socket is gone; the worker may come back."""
        worker.left_at = now
        self._leave(worker)
        for replica in worker.replicas.values():
            self.has_left(replica.offer, now)

    def has_left(self, offer: ModelOffer | MediaOffer, now: float) -> None:
        """A worker that offered this has lost its socket, here or in another cell."""
        left = self.last_left.setdefault(offer.id, deque())
        left.append((now, offer))
        while now - left[0][0] >= DEAD_AFTER_S:
            left.popleft()

    def remove(self, worker: Worker) -> None:
        """The worker will not come back."""
        self._sessions.pop(worker.peer.session, None)
        del self.workers[worker.key]
        self._leave(worker)
        self._of_account[worker.peer.account] -= 1
        if not self._of_account[worker.peer.account]:
            del self._of_account[worker.peer.account]
        for lease in worker.leases.values():
            self.headroom.give_back(lease)
        worker.owner.running -= len(worker.leases)

    def forget_owner(self, account: str) -> None:
        """Keep nothing of an owner without workers of which there is nothing to remember."""
        if not self.of_account(account):
            self.owners.forget(account)

    # ---- slots ---------------------------------------------------------------------------------------------------

    def capacity(self, worker: Worker, capacity: Capacity, now: float) -> set[str]:
        """What the worker says of its slots. Frames on the way from us make it seem freer, never fuller, than it is.
        Returns the models of which it has a free slot and had none: jobs that wait may have it."""
        opened = set()
        for state in capacity.models:
            replica = worker.replicas.get(state.id)
            if replica is None:
                continue
            had_room = replica.status == "ready" and replica.free > 0
            replica.status, replica.slots = state.status, state.slots
            replica.tokens_per_step, replica.guesses = state.tokens_per_step, state.guesses
            if replica.status != "ready":
                replica.prefix_index.clear()
            replica.taken_elsewhere = max(0, replica.slots - replica.held - state.free)
            if not had_room and replica.status == "ready" and replica.free > 0:
                opened.add(state.id)
        self.count(worker, now)
        return opened

    def drains(self, worker: Worker) -> None:
        """The worker takes no more jobs, and will leave."""
        worker.draining, worker.sent_away = True, False
        self._leave(worker)

    def lease(self, worker: Worker, job: Job, now: float, attempt: int | None = None) -> Lease:
        """Begin the job's next attempt, or go on with one that the worker has brought along: it holds one of the
        worker's slots from now on."""
        spec, number = job.spec, attempt or _next_attempt(worker, job)
        job.starts = max(job.starts, number - _numbered(job))
        lease = Lease(spec.id, number, worker.key, spec.model, spec.account, now, spec=spec)
        lease.last_progress_at = now
        lease.suspect, lease.apart = job.crashes > 0, job.apart
        suspects.meet(worker, lease)
        worker.leases[lease.job, lease.attempt] = lease
        replica = worker.replicas[lease.model]
        replica.held += 1
        worker.owner.running += 1
        lease.unread, lease.read_before = work_tokens(replica, job), replica.read
        replica.given += lease.unread
        self.headroom.take(lease, now)
        lease.expected_cached = replica.prefix_index.cached_tokens(job.work.prefixes)
        worker.last_used = now
        self.count(worker, now)
        return lease

    def release(self, lease: Lease) -> None:
        """The slot is free, or its worker is gone. Releasing twice is no error."""
        worker = self.workers.get(lease.worker)
        if worker is None or worker.leases.pop((lease.job, lease.attempt), None) is None:
            return
        self.headroom.give_back(lease)
        worker.owner.running -= 1
        replica = worker.replicas.get(lease.model)
        if replica is not None:
            replica.held -= 1
            replica.read += lease.unread
        self.count(worker, worker.heard_at)

    # ---- what an engine has shown --------------------------------------------------------------------------------

    def proved(self, lease: Lease) -> None:
        """The engine has finished a job, and gave something for it; a test is as good as a client's job."""
        worker = self.workers.get(lease.worker)
        replica = None if worker is None else worker.replicas.get(lease.model)
        if replica is not None and lease.fruitful:
            replica.proven = True

    def read(self, worker: Worker, lease: Lease, job: Job) -> None:
        """The worker's engine has read the job's prompt: its first token is there."""
        replica = worker.replicas.get(job.spec.model)
        if replica is not None:
            replica.prefix_index.add(job.work.prefixes, replica.slots)
            self.pools.setdefault(job.spec.model, Pool()).read(worker.key, job.work.prefixes)
            self.reads.append(job.work.prefixes)
            replica.read += lease.unread
        lease.unread = 0

    def counted(self, worker: Worker, lease: Lease, job: Job, usage: Usage) -> None:
        """The worker says how much of the prompt its engine had read before."""
        replica = worker.replicas.get(lease.model)
        if replica is not None:
            replica.prefix_index.learn(lease.expected_cached, job.work.prefixes, usage.cached, usage.prompt)

    # ---- what there is of each model -----------------------------------------------------------------------------

    def count(self, worker: Worker, now: float) -> None:
        """Something of the worker has changed that its pools count."""
        if worker.left_at is not None or worker.draining:
            return
        failures, rests = self.quarantine.failures(worker.key), not self.quarantine.may_serve(worker.key)
        for model, replica in worker.replicas.items():
            pool = self.pools.get(model)
            if pool is None:
                pool = self.pools[model] = Pool()
            if replica.status == "broken":
                pool.leave(worker)
            else:
                pool.count(worker, replica, failures, now, rests=rests)

    def _leave(self, worker: Worker) -> None:
        """The worker takes no jobs of any model."""
        for model in worker.replicas:
            self.pool(model).leave(worker)


def reoffer(fleet: Fleet, worker: Worker, hello: Hello, now: float) -> None:
    """Other offers of this worker are taken from now on. What it has shown of those that stay stands, and the leases of
    those that go end as they would have."""
    for model in worker.replicas:
        fleet.pool(model).leave(worker)
    before, worker.hello, worker.replicas = worker.replicas, hello, _replicas(hello)
    for model, replica in worker.replicas.items():
        if model in before:
            before[model].offer = replica.offer
            worker.replicas[model] = before[model]
        else:
            replica.held = sum(lease.model == model for lease in worker.leases.values())
    fleet.count(worker, now)


def withdraw(fleet: Fleet, model: str) -> None:
    """No worker serves the model any more, whatever it says. If the catalog has it again, its offer is a new one."""
    for worker in fleet.workers.values():
        if worker.replicas.pop(model, None) is not None:
            fleet.pool(model).leave(worker)
            hello = worker.hello
            models, media = ([one for one in offers if one.id != model] for offers in (hello.models, hello.media))
            worker.hello = hello.model_copy(update={"models": tuple(models), "media": tuple(media)})
    fleet.pools.pop(model, None)
    fleet.last_left.pop(model, None)


def _next_attempt(worker: Worker, job: Job) -> int:
    """A number that no attempt of the job has had, at any worker of any cell: what is uploaded is known by it. A cell
    that died may have begun some that nobody has counted, so each leg has numbers of its own. Of a version that gave
    them otherwise the worker may have one of these."""
    resume = worker.hello.resume
    brought = {(one.job, one.attempt) for one in resume.jobs} if resume else set()
    number = _numbered(job) + job.starts + 1
    while (job.spec.id, number) in worker.leases or (job.spec.id, number) in brought:
        number += 1
    return number


def _numbered(job: Job) -> int:
    """Numbers below those of this leg."""
    return max(job.legs - 1, 0) * MOST_STARTS


_NOTHING = Pool()
