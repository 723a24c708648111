"""The network as it is watched, once a second: what each slot does, how fast tokens flow, since when it is so.

Pure: the clocks and what dispatch knows are handed in; what comes out is plain and holds no reference to what changes.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coordinator.scheduler.state import Lease, Seat, Worker
from wire.job_state import JobState
from wire.messages import Hardware, Issue, ModelOffer

STREAM_S = 2.0  # no token for so long: the slot waits
RATE_LOOKS = 4  # a speed is measured over the last three looks
HISTORY = 180  # points of the line of the whole network, one a second

FREE, OFFERED, READING, STREAMING, WAITING, STOPPING, OTHER = ".orswcx"
Held = tuple[str, int]  # job, attempt


@dataclass(frozen=True)
class SeatLook:
    """One model on one worker. `cells` has a letter for each slot (see FREE ... OTHER)."""

    offer: ModelOffer
    status: str
    cells: str
    tps: float
    tokens: int

    @property
    def busy(self) -> int:
        return len(self.cells) - self.cells.count(FREE)


@dataclass(frozen=True)
class WorkerLook:
    """One worker. Times are Unix milliseconds. `rest_s`: no jobs for so long, after a fault; None: it may have some."""

    key: str
    account: str
    name: str
    version: str
    hardware: Hardware
    status: str
    since_ms: int
    joined_ms: int
    rest_s: float | None
    seats: tuple[SeatLook, ...]
    issues: tuple[Issue, ...]
    finished: int
    faults: int

    def serves(self, model: str | None = None) -> list[SeatLook]:
        """Its seats for the model (None: for any) that take jobs now."""
        if self.status in ("away", "draining"):
            return []
        return [seat for seat in self.seats if seat.status == "ready" and model in (None, seat.offer.id)]

    @property
    def tps(self) -> float:
        return sum(seat.tps for seat in self.seats)

    @property
    def tokens(self) -> int:
        return sum(seat.tokens for seat in self.seats)


class Rate:
    """Tokens a second out of a counter that is looked at now and then."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=RATE_LOOKS)

    def look(self, now: float, total: int) -> float:
        """The speed since the oldest look that is remembered; 0 at the first."""
        self._looks.append((now, total))
        then, before = self._looks[0]
        return max(0.0, (total - before) / (now - then)) if now > then else 0.0


@dataclass
class _Memory:
    """What is remembered of a worker between two looks."""

    joined_ms: int
    status: str = ""
    since_ms: int = 0


class Watch:
    """Everything that has to be remembered from one look to the next. Workers that have gone are forgotten."""

    def __init__(self) -> None:
        self.history: deque[float] = deque(maxlen=HISTORY)  # tokens a second of the whole network
        self._total = Rate()
        self._memory: dict[str, _Memory] = {}
        self._rates: dict[tuple[str, str], Rate] = {}  # by worker and model
        self._seats: dict[tuple[str, str], list[Held | None]] = {}

    def count(self, now: float, tokens: int) -> None:
        """Cheap: called every second whether anybody looks or not. `tokens` is the network's counter."""
        self.history.append(round(self._total.look(now, tokens), 1))

    def look(
        self, workers: Sequence[Worker], resting: dict[str, float], now: float, wall_ms: int
    ) -> tuple[WorkerLook, ...]:
        """All workers as they are now. `resting`: seconds by worker key."""
        looks = tuple(self._worker(worker, resting.get(worker.key), now, wall_ms) for worker in workers)
        alive = {worker.key for worker in workers}
        self._memory = {key: memory for key, memory in self._memory.items() if key in alive}
        self._rates = {pair: rate for pair, rate in self._rates.items() if pair[0] in alive}
        self._seats = {pair: seats for pair, seats in self._seats.items() if pair[0] in alive}
        return looks

    def _worker(self, worker: Worker, rest_s: float | None, now: float, wall_ms: int) -> WorkerLook:
        seats = tuple(self._seat(worker, model, seat, now) for model, seat in worker.seats.items())
        memory = self._memory.setdefault(worker.key, _Memory(wall_ms))
        status = status_of(worker, seats, rest_s)
        if status != memory.status:
            memory.status, memory.since_ms = status, wall_ms
        return WorkerLook(
            key=worker.key,
            account=worker.peer.account,
            name=_seen(worker.hello.name) or worker.hello.worker,
            version=worker.hello.version,
            hardware=worker.hello.hardware,
            status=status,
            since_ms=memory.since_ms,
            joined_ms=memory.joined_ms,
            rest_s=rest_s,
            seats=seats,
            issues=tuple(worker.issues.values()),
            finished=worker.finished,
            faults=worker.faults,
        )

    def _seat(self, worker: Worker, model: str, seat: Seat, now: float) -> SeatLook:
        pair = (worker.key, model)
        leases = {held: lease for held, lease in worker.leases.items() if lease.model == model}
        places = self._seats[pair] = arranged(self._seats.get(pair, []), leases, seat.slots)
        tokens = worker.tokens[model]
        hidden = seat.hidden if seat.status == "ready" else 0  # nothing is free while it loads, and nothing taken
        return SeatLook(
            offer=seat.offer,
            status=seat.status,
            cells=cells_of([None if held is None else leases[held] for held in places], hidden, now),
            tps=round(self._rates.setdefault(pair, Rate()).look(now, tokens), 1),
            tokens=tokens,
        )


def _seen(name: str) -> str:
    """Only what can be seen of it: a name of blanks or of marks without width is a link that nobody can click."""
    return "".join(char for char in name[:256] if char.isprintable()).strip()


def arranged(before: Sequence[Held | None], held: Iterable[Held], slots: int) -> list[Held | None]:
    """Who sits where: a job keeps its place for as long as it runs, a new one takes the first free place."""
    waiting = dict.fromkeys(held)
    places: list[Held | None] = [None] * max(slots, len(waiting))
    for place, one in enumerate(before[: len(places)]):
        if one is not None and one in waiting:
            places[place] = one
            del waiting[one]
    free = (place for place, one in enumerate(places) if one is None)
    for one, place in zip(list(waiting), free, strict=False):
        places[place] = one
    return places


def cells_of(places: Sequence[Lease | None], hidden: int, now: float) -> str:
    """A letter for each slot. `hidden` slots are taken and not by us: the last free ones are shown as that."""
    letters = [FREE if lease is None else _letter(lease, now) for lease in places]
    for place in range(len(letters) - 1, -1, -1):
        if hidden > 0 and letters[place] == FREE:
            letters[place] = OTHER
            hidden -= 1
    return "".join(letters)


def _letter(lease: Lease, now: float) -> str:
    match lease.state:
        case JobState.OFFERED:
            return OFFERED
        case JobState.CANCELLING:
            return STOPPING
        case _ if lease.last_token is None:
            return READING
        case _:
            return STREAMING if now - lease.last_token < STREAM_S else WAITING


def status_of(worker: Worker, seats: Sequence[SeatLook], rest_s: float | None) -> str:
    """One word for the whole worker: away, draining, resting, loading, down, paused, busy or ready."""
    if not worker.connected:
        return "away"
    if worker.draining:
        return "draining"
    if rest_s is not None:
        return "resting"
    if not any(seat.status == "ready" for seat in seats):
        return "loading" if any(seat.status == "loading" for seat in seats) else "down"
    if not any(seat.cells for seat in seats):
        return "paused"
    return "busy" if any(seat.busy for seat in seats) else "ready"
