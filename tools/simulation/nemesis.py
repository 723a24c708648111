"""When something goes wrong, and of which kinds. Each seed draws its own set, so that rare combinations meet."""

from tools.simulation import faults
from tools.simulation.cluster import strikes
from tools.simulation.faults import Fault
from tools.simulation.world import Kind, World

KINDS: dict[Kind, list[Fault]] = {"media": faults.OF_MEDIA, "cluster": strikes.OF_CLUSTERS}

FEW = 5  # of so many kinds of faults most worlds with several replicas have no more: then each of them is frequent

FEIGNED = 0.5  # of the others in which chance is helped


class Nemesis:
    """Strikes at random times between start() and stop()."""

    def __init__(self, world: World) -> None:
        self._world, self._dice = world, world.dice
        self._on = False
        self.strikes = 0
        if world.scenario.mode == "cuts":
            self._kinds = strikes.HARMLESS if world.kind == "cluster" else faults.OF_LINES
        else:
            kinds = KINDS.get(world.kind, faults.ALL)
            most = FEW if world.kind == "cluster" and self._dice.random() < 0.7 else len(kinds)
            self._kinds = self._dice.sample(kinds, min(self._dice.randint(1, most), len(kinds)))
            if world.kind == "cluster" and self._dice.random() < FEIGNED:  # one of these, and little that keeps it off
                self._kinds = [self._dice.choice(strikes.FEINTS), *self._kinds[: self._dice.randint(0, 2)]]

    def start(self) -> None:
        self._on = True
        self._next()

    def stop(self) -> None:
        """From here on all is well: what is down comes up, what is slow gets fast."""
        self._on = False
        self._world.history.note("faults end")
        for machine in self._world.machines:
            machine.heal()
        if self._world.kind == "cluster":
            strikes.heal(self._world)
        if self._world.books is not None:
            self._world.books.broken = 0.0

    def _next(self) -> None:
        self._world.timeline.after(self._dice.expovariate(1 / self._world.scenario.mean_fault_s), self._strike)

    def _strike(self) -> None:
        if self._on:
            self.strikes += 1
            self._dice.choice(self._kinds)(self._world)
            self._next()
