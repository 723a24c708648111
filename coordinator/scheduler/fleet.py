"""The workers and their seats: who is there, what is free, who may take a job."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from coordinator.scheduler.fairness import GUEST_S, crowds, room
from coordinator.scheduler.placement import ANSWER_TOKENS, Candidate, choose, least_context
from coordinator.scheduler.quarantine import Probation
from coordinator.scheduler.state import Job, Lease, Limits, Peer, Seat, Worker
from wire.chat import Usage
from wire.messages import DEAD_AFTER_S, Capacity, Hello

MOST_CLAIMS = 8  # different ones of a model, told to clients: a crowd of liars must not fill the answer


def key_of(hello: Hello, peer: Peer) -> str:
    """Worker ids are the worker's own choice, so they count only within an account."""
    return f"{peer.account}/{hello.worker}"


class Fleet:
    def __init__(self, limits: Limits) -> None:
        self.probation = Probation(limits)
        self.workers: dict[str, Worker] = {}
        self._sessions: dict[str, str] = {}
        self._served: dict[str, float] = {}  # when a worker of the model was last seen leaving
        self._held: defaultdict[str, Counter[str]] = defaultdict(Counter)  # leases by model and account
        self._guests: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by model: last start

    # ---- membership ----------------------------------------------------------------------------------------------

    def by_session(self, session: str) -> Worker | None:
        key = self._sessions.get(session)
        return None if key is None else self.workers[key]

    def add(self, hello: Hello, peer: Peer, now: float) -> Worker:
        """A worker without a past; whoever had its key before must be gone."""
        seats = {offer.id: Seat(offer, offer.slots) for offer in hello.models}
        worker = Worker(key_of(hello, peer), peer, hello, seats, seen=now)
        worker.sessions.append(peer.session)
        self.workers[worker.key] = worker
        self._sessions[peer.session] = worker.key
        return worker

    def reattach(self, worker: Worker, hello: Hello, peer: Peer, now: float) -> None:
        """The same process has a new socket. Its seats start unknown again, its leases stand."""
        self._sessions.pop(worker.peer.session, None)
        self._sessions[peer.session] = worker.key
        worker.sessions.append(peer.session)
        worker.peer, worker.hello, worker.seen, worker.left, worker.draining = peer, hello, now, None, False
        worker.issues.clear()  # it tells those that are left again after the Welcome; one may have ended meanwhile
        before, worker.seats = worker.seats, {offer.id: Seat(offer, offer.slots) for offer in hello.models}
        for model, seat in worker.seats.items():
            if model in before:
                seat.remembered, seat.proven = before[model].remembered, before[model].proven
        for lease in worker.leases.values():
            if lease.model in worker.seats:
                worker.seats[lease.model].held += 1

    def settled(self, worker: Worker) -> None:
        """It speaks on its new socket, so it has read our Welcome: the sessions before are over."""
        while len(worker.sessions) > 1:
            worker.sessions.popleft()

    def detach(self, worker: Worker, left: float) -> None:
        worker.left = left
        for model in worker.seats:
            self._served[model] = left

    def remove(self, worker: Worker) -> None:
        self._sessions.pop(worker.peer.session, None)
        del self.workers[worker.key]
        for lease in worker.leases.values():
            self._holds(lease, -1)

    # ---- seats ---------------------------------------------------------------------------------------------------

    def capacity(self, worker: Worker, capacity: Capacity) -> None:
        """What the worker says of its slots. Frames on the way from us make it seem freer, never fuller, than it is."""
        for state in capacity.models:
            seat = worker.seats.get(state.id)
            if seat is None:
                continue
            seat.status, seat.slots = state.status, state.slots
            if seat.status != "ready":
                seat.remembered.forget()
            seat.hidden = max(0, seat.slots - seat.held - state.free)

    def lease(self, worker: Worker, job: Job, now: float) -> Lease:
        job.starts += 1
        spec = job.spec
        lease = Lease(spec.id, job.starts, worker.key, spec.model, spec.account, since=now, last_progress=now)
        worker.leases[lease.job, lease.attempt] = lease
        seat = worker.seats[lease.model]
        seat.held += 1
        self._holds(lease, 1)
        guests = self._guests[lease.model]
        guests.pop(lease.account, None)
        guests[lease.account] = now
        while now - guests[oldest := next(iter(guests))] > GUEST_S:
            del guests[oldest]
        lease.known = seat.remembered.known(job.trail)
        worker.used = now
        return lease

    def release(self, lease: Lease) -> None:
        worker = self.workers.get(lease.worker)
        if worker is None or worker.leases.pop((lease.job, lease.attempt), None) is None:
            return
        self._holds(lease, -1)
        seat = worker.seats.get(lease.model)
        if seat is not None:
            seat.held -= 1

    def _holds(self, lease: Lease, more: int) -> None:
        held = self._held[lease.model]
        held[lease.account] += more
        if not held[lease.account]:
            del held[lease.account]

    def proved(self, lease: Lease) -> None:
        """The engine has finished a job, and gave tokens for it; a test is as good as a client's."""
        worker = self.workers.get(lease.worker)
        seat = None if worker is None else worker.seats.get(lease.model)
        if seat is not None and lease.tokens:
            seat.proven = True

    # ---- prefixes ------------------------------------------------------------------------------------------------

    def read(self, worker: Worker, job: Job) -> None:
        """The worker's engine has read the job's prompt."""
        seat = worker.seats.get(job.spec.model)
        if seat is not None:
            seat.remembered.remember(job.trail, seat.slots)

    def counted(self, worker: Worker, lease: Lease, job: Job, usage: Usage) -> None:
        """The worker says how much of the prompt it had."""
        seat = worker.seats.get(lease.model)
        if seat is not None:
            seat.remembered.learn(lease.known, job.trail, usage.cached, usage.prompt)

    # ---- questions -----------------------------------------------------------------------------------------------

    def serving(self, model: str) -> list[Worker]:
        """Connected workers that take jobs of the model, or will once it is loaded."""
        return list(self._serving(model))

    def _serving(self, model: str) -> Iterator[Worker]:
        """One by one: of a thousand workers the first often says enough."""
        for worker in self.workers.values():
            if worker.left is None and not worker.draining:
                seat = worker.seats.get(model)
                if seat is not None and seat.status != "broken":
                    yield worker

    def hopeful(self, model: str, now: float) -> bool:
        """Is there a worker for the model, or was there one a moment ago? One that offers no slots (paused, its
        owner plays) may not for hours."""
        if any(worker.seats[model].slots for worker in self._serving(model)):
            return True
        return now - self._served.get(model, -DEAD_AFTER_S) < DEAD_AFTER_S

    def count(self, account: str) -> int:
        return sum(worker.peer.account == account for worker in self.workers.values())

    def slots(self, model: str) -> int:
        return sum(worker.seats[model].slots for worker in self.serving(model))

    def longest_context(self, model: str) -> int:
        """Of those that take jobs, or will once the model is loaded; who offers no slots may not for hours."""
        seats = (worker.seats[model] for worker in self._serving(model))
        return max((seat.offer.context for seat in seats if seat.slots), default=0)

    def claims(self, model: str) -> tuple[tuple[str, int], ...]:
        """The sha256 of the weights that workers which are ready say they have, and how many: the commonest first."""
        seats = (worker.seats[model] for worker in self._serving(model))
        said = (seat.offer.sha256 for seat in seats if seat.status == "ready" and seat.offer.sha256)
        return tuple(Counter(said).most_common(MOST_CLAIMS))

    def any_open(self, model: str, now: float) -> bool:
        """Could any job of the model be placed now?"""
        return any(self._open(worker, model, now) for worker in self._serving(model))

    def room_is_kept(self, account: str, model: str, now: float) -> bool:
        """Are the slots that are free now kept from the account, for one that holds fewer?"""
        held, slots = self._held[model], self.slots(model)
        last_of_others = next((at for other, at in reversed(self._guests[model].items()) if other != account), -GUEST_S)
        if now - last_of_others >= GUEST_S or not crowds(held[account], len(held), slots):
            return False
        free = sum(worker.seats[model].free for worker in self._serving(model) if self._open(worker, model, now))
        return free <= room(slots)

    def another_open(self, worker: Worker, model: str, now: float) -> bool:
        """Could anybody else take a job of the model now?"""
        return any(other is not worker and self._open(other, model, now) for other in self._serving(model))

    def choose(self, job: Job, now: float, answer: float = ANSWER_TOKENS) -> Worker | None:
        """The worker for the job, whose answer is expected to have so many tokens; one that failed it before only when
        no other has the context for it."""
        model = job.spec.model
        context = least_context(job.prompt, job.context, self.longest_context(model))
        large = [worker for worker in self._serving(model) if worker.seats[model].offer.context >= context]
        others = [worker for worker in large if worker.incarnation not in job.avoid]
        open_now = [self._candidate(w, job) for w in others or large if self._open(w, model, now)]
        key = choose(open_now, context, job.prompt, answer)
        return None if key is None else self.workers[key]

    def _open(self, worker: Worker, model: str, now: float) -> bool:
        return self.probation.may_serve(worker.key) and self.has_room(worker, model, now)

    def has_room(self, worker: Worker, model: str, now: float) -> bool:
        seat = worker.seats[model]
        return seat.status == "ready" and seat.free > 0 and seat.busy_until <= now

    def _candidate(self, worker: Worker, job: Job) -> Candidate:
        seat = worker.seats[job.spec.model]
        return Candidate(
            worker=worker.key,
            busy=seat.held,
            context=seat.offer.context,
            speed=seat.offer.speed,
            failures=self.probation.failures(worker.key),
            used=worker.used,
            known=int(seat.remembered.known(job.trail) * seat.remembered.trust),
        )
