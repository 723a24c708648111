"""The endpoint that takes what was made, in virtual time: the steps of api/artefact_uploads.py, in their order, with
all that can come between two of them."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from coordinator.api.artefact_uploads import UPLOADS
from coordinator.artefact import Artefact
from coordinator.scheduler.state import JobSpec
from tools.simulation import books
from tools.simulation.commissions import BLOCKED
from tools.simulation.couriers import GARBAGE, Parcel
from wire.errors import SupernetError

if TYPE_CHECKING:
    from tools.simulation.coordinator import Coordinator
    from tools.simulation.world import World

RECEIVE_S, VERIFY_S, COMMIT_S = 2.0, 1.0, 2.0  # at most, on slow lines and disks
FORBIDDEN, GONE, UNUSABLE, BUSY, STORED, KNOWN = 403, 410, 422, 503, 201, 200

Steps = Generator[float, None, int]


class Reception:
    """Of one coordinator."""

    def __init__(self, world: "World", coordinator: "Coordinator") -> None:
        assert world.books is not None
        self.world, self.coordinator, self._books = world, coordinator, world.books
        self._running: set[str] = set()

    def take(self, parcel: Parcel, answer: Callable[[int | None], None]) -> "Taking":
        return Taking(self, parcel.name, self._put(parcel), answer)

    def cut_off(self, attempt: str) -> None:
        self._books.cut_off.add(attempt)

    def _put(self, parcel: Parcel) -> Steps:
        """Seconds until each next step, and at last the status."""
        spec = self._spec(parcel)
        if spec is None:
            return FORBIDDEN
        if parcel.name in self._running or len(self._running) >= UPLOADS:
            return BUSY
        self._running.add(parcel.name)
        try:
            known = self._books.found(parcel.name)
            if known is None:
                return (yield from self._take(parcel, spec))
            if known.sent_sha256 != parcel.sha256:
                return GONE
            self._uploaded(parcel, known.artefact)
            return KNOWN
        finally:
            self._running.discard(parcel.name)

    def _take(self, parcel: Parcel, spec: JobSpec) -> Steps:
        dice = self.world.dice
        yield dice.uniform(0, RECEIVE_S)
        yield dice.uniform(0, VERIFY_S)
        if parcel.data == GARBAGE:  # that it is another picture than it should be nobody could see
            return UNUSABLE
        commission = self.world.commissions.get(parcel.job)
        if commission is not None and commission.kind == "blocked":
            self._uploaded(parcel, BLOCKED)
            return UNUSABLE
        if self._spec(parcel) is None:
            return GONE
        artefact = books.artefact(parcel.name, parcel.data)
        if spec.account:
            self._books.keep(artefact, spec.account, parcel.name, parcel.sha256)
            yield dice.uniform(0, COMMIT_S)
        if self._uploaded(parcel, artefact):
            return STORED
        if spec.account:
            self._books.remove(artefact, spec.account)
        return GONE

    def _spec(self, parcel: Parcel) -> JobSpec | None:
        return self.coordinator.dispatch.upload(parcel.job, parcel.attempt, parcel.token)

    def _uploaded(self, parcel: Parcel, what: Artefact | SupernetError) -> bool:
        return self.coordinator.uploaded(parcel.job, parcel.attempt, what)


class Taking:
    """One request under way. Its line may break while it is sent, or before its answer is through; a process that ends
    ends it where it is."""

    def __init__(self, reception: Reception, name: str, steps: Steps, answer: Callable[[int | None], None]) -> None:
        self._reception, self._name, self._steps, self._answer = reception, name, steps, answer
        self._world = reception.world
        self._sending = True
        assert self._world.books is not None
        dice = self._world.dice
        self._breaks = dice.choice(("sending", "answer")) if dice.random() < self._world.books.broken else ""
        self._after(self._world.scenario.latency_s, self._go)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._world.timeline.after(seconds, act)

    def hangs_up(self) -> None:
        """The worker has ended the connection: what has come as a whole is taken all the same."""
        if self._sending:
            self._steps.close()

    def _go(self, sent: bool = False) -> None:
        if not self._reception.coordinator.running:
            self._reception.cut_off(self._name)
            self._steps.close()
            self._answer(None)
            return
        if sent:
            self._sending = False
        try:
            wait_s = next(self._steps)
        except StopIteration as end:
            status = None if self._breaks == "answer" else end.value
            self._after(self._world.scenario.latency_s, lambda: self._answer(status))
            return
        if self._sending and self._breaks == "sending":
            self._steps.close()
            self._answer(None)
            return
        self._after(wait_s, lambda: self._go(sent=True))
