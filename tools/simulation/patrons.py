"""Clients who have something made: several of it at times; they come in bursts, wait, or leave."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from coordinator.artefact import Artefact
from coordinator.dispatch.effects import Failed, Finished, Made, Progressed, Stopped
from coordinator.media.job import MediaJob
from coordinator.scheduler.state import Limits
from tools.simulation import commissions
from tools.simulation.commissions import WELL, Commission
from tools.simulation.world import World
from wire.errors import ErrorCode

if TYPE_CHECKING:
    from tools.simulation.coordinator import Coordinator

End = Finished | Failed | Stopped
HABITS = ("waits", "waits", "waits", "leaves")


@dataclass
class Making:
    """One job as its client saw it."""

    commission: Commission
    request: str  # that it is a choice of
    job: MediaJob
    habit: str
    came: float
    percents: list[int] = field(default_factory=list)
    made: list[Artefact] = field(default_factory=list)
    ends: list[tuple[float, str, End | None]] = field(default_factory=list)
    late: int = 0  # what it was told of it after its end

    @property
    def lost(self) -> bool:
        """With its coordinator."""
        return bool(self.ends) and self.ends[0][1] == "lost"


class Patrons:
    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(1)
        self.makings: dict[str, Making] = {}  # all that there ever were, by job
        self.open: set[str] = set()

    def requests(self) -> dict[str, list[Making]]:
        found: dict[str, list[Making]] = {}
        for making in self.makings.values():
            found.setdefault(making.request, []).append(making)
        return found

    # ---- coming and going ----------------------------------------------------------------------------------------

    def burst(self, size: int, habits: tuple[str, ...], kinds: tuple[str, ...]) -> None:
        dice = self._world.dice
        for _ in range(size):
            come = partial(self._come, next(self._numbers), dice.choice(kinds), dice.choice(habits))
            self._world.timeline.after(dice.uniform(0, 1), come)

    def _come(self, number: int, kind: str, habit: str) -> None:
        world, coordinator = self._world, self._world.reach()
        if coordinator is None:
            return  # connection refused
        name, job = f"m{number}", commissions.request(number, kind, world.dice)
        found = commissions.each(number, kind, job, world.dice)
        for one in found:
            world.history.asks(one.spec, one.question, kind, habit)
            world.commissions[one.spec.id] = one
            self.makings[one.spec.id] = Making(one, name, job, habit, world.timeline.now)
            self.open.add(one.spec.id)
        if habit == "leaves":
            jobs = [one.spec.id for one in found]
            world.timeline.after(world.dice.expovariate(0.1), lambda: self._leave(coordinator, jobs))
        coordinator.submit(name, job, [one.spec for one in found])

    def _leave(self, coordinator: "Coordinator", jobs: list[str]) -> None:
        for job in jobs:
            if job in self.open:
                self._world.history.note("leaves", job)
                coordinator.do(partial(coordinator.cancel, job))

    def coordinator_lost(self) -> None:
        for job in sorted(self.open):
            self._end(job, "lost", None)

    # ---- what they are told --------------------------------------------------------------------------------------

    def tell(self, event: Progressed | Made | End) -> None:
        making = self.makings[event.job]
        making.late += bool(making.ends)
        match event:
            case Progressed():
                making.percents.append(event.percent)
            case Made():
                self._world.history.note("made known", event.job, event.artefact.sha256)
                making.made.append(event.artefact)
            case _:
                self._end(event.job, type(event).__name__, event)

    def _end(self, job: str, how: str, event: End | None) -> None:
        self.open.discard(job)
        code = event.error.code if isinstance(event, Failed) else ""
        self._world.history.note("end", job, how, str(code))
        self.makings[job].ends.append((self._world.timeline.now, how, event))

    # ---- checking ------------------------------------------------------------------------------------------------

    def violations(self, limits: Limits) -> Iterator[str]:
        for job, making in self.makings.items():
            if making.late:
                yield f"{job}: told {making.late} times of something after its end"
            if len(making.ends) != 1:
                yield f"{job}: ended {[how for _, how, _ in making.ends]}"
            else:
                yield from (f"{job}: {what}" for what in self._account(making, limits))

    def _account(self, making: Making, limits: Limits) -> Iterator[str]:
        commission, (at, how, event) = making.commission, making.ends[0]
        if at - making.came > commission.bound_s:
            yield f"took {at - making.came:.0f} s"
        if making.percents != sorted(making.percents):
            yield f"went backwards: {making.percents}"
        if len(making.made) != (how == "Finished"):
            yield f"{how}, and {len(making.made)} were made"
        if any(made.sha256 != commission.made for made in making.made):
            yield f"{making.made} were made, and not {commission.made}"
        if self._world.history.poisoned[commission.spec.id] > limits.attempts:
            yield f"{self._world.history.poisoned[commission.spec.id]} pipelines died of it"
        if event is not None and event.report.attempts > limits.starts:
            yield f"{event.report.attempts} attempts"
        if how == "Stopped" and making.habit == "waits":
            yield "stopped, and its client had not left"
        if how == "Finished" and commission.kind not in WELL:
            yield f"{commission.kind}, and finished"
        if commission.kind == "impossible" and event is not None and event.report.attempts:
            yield "was given to a worker, and none can make it"
        if commission.kind == "impossible" and at > making.came and how != "lost":
            yield "waited, and none can make it"
        blame = event.error.code if isinstance(event, Failed) else None
        if blame is ErrorCode.INVALID_REQUEST or (blame is ErrorCode.CONTENT_FILTER and commission.kind != "blocked"):
            yield f"called {blame}, and it is not"
