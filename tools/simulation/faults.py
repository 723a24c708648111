"""What goes wrong, when, and to whom. Each seed draws its own set of kinds, so that rare combinations meet."""

from collections.abc import Callable
from functools import partial

from tools.simulation.links import Connection, late
from tools.simulation.workers import Machine, Process
from tools.simulation.world import World

HALF_OPEN_S = 25.0  # both sides find a dead line out within this by their own pings


class Nemesis:
    def __init__(self, world: World) -> None:
        self._world, self._dice = world, world.dice
        self._on = False
        self.strikes = 0
        kinds: list[Callable[[], None]] = [self._cut, self._clog]
        if world.scenario.mode != "cuts":
            kinds += [
                self._kill, self._power_off, self._freeze, self._crash, self._hang, self._slow, self._deaf,
                self._slow_prepare, self._slow_prefill, self._drain, self._partition, self._lie,
                self._restart_coordinator, self._roll_coordinator,
            ]  # fmt: skip
            kinds = self._dice.sample(kinds, self._dice.randint(1, len(kinds)))
        self._kinds = kinds

    def start(self) -> None:
        self._on = True
        self._next()

    def stop(self) -> None:
        """From here on all is well: what is down comes up, what is slow gets fast."""
        self._on = False
        self._world.history.note("faults end")
        for machine in self._world.machines:
            machine.heal()

    def _next(self) -> None:
        self._world.timeline.after(self._dice.expovariate(1 / self._world.scenario.mean_fault_s), self._strike)

    def _strike(self) -> None:
        if self._on:
            self.strikes += 1
            self._dice.choice(self._kinds)()
            self._next()

    # ---- who -----------------------------------------------------------------------------------------------------

    def _machine(self) -> Machine:
        return self._dice.choice(self._world.machines)

    def _process(self) -> Process | None:
        return self._machine().process

    def _connection(self) -> Connection | None:
        process = self._process()
        return None if process is None else process.connection

    def _for_a_while(self, act: Callable[[], None], most_s: float) -> None:
        self._world.timeline.after(self._dice.uniform(0.1, most_s), act)

    # ---- lines ---------------------------------------------------------------------------------------------------

    def _cut(self) -> None:
        connection = self._connection()
        if connection is None:
            return
        most_s = 0.0 if self._world.scenario.mode == "cuts" else HALF_OPEN_S
        connection.cut(late(self._dice, most_s), late(self._dice, most_s))

    def _clog(self) -> None:
        connection = self._connection()
        if connection is not None:
            stream = self._dice.choice((connection.up, connection.down))
            most_s = 1.0 if self._world.scenario.mode == "cuts" else 12.0
            stream.clog(self._dice.uniform(0.05, most_s))

    def _partition(self) -> None:
        machine = self._machine()
        machine.cut_off_until = self._world.timeline.now + self._dice.uniform(1, 90)
        if machine.process is not None and machine.process.connection is not None:
            machine.process.connection.cut(late(self._dice, HALF_OPEN_S), late(self._dice, HALF_OPEN_S))

    # ---- workers -------------------------------------------------------------------------------------------------

    def _kill(self) -> None:
        self._machine().kill(Connection.drop, self._dice.uniform(0.1, 10))

    def _power_off(self) -> None:
        """The machine is gone without a word: the coordinator finds out by itself."""
        self._machine().kill(lambda connection: connection.cut(0, HALF_OPEN_S), self._dice.uniform(0.1, 40))

    def _freeze(self) -> None:
        process = self._process()
        if process is not None and not process.frozen:
            process.frozen = True
            self._for_a_while(process.thaw, 40 if self._dice.random() < 0.2 else 12)

    def _drain(self) -> None:
        process = self._process()
        if process is not None:
            process.do(partial(process.drain, self._dice.uniform(0, 20)))

    def _lie(self) -> None:
        liar = self._machine().liar
        liar.begin()
        self._for_a_while(lambda: setattr(liar, "honest", True), 60)

    def _slow_prepare(self) -> None:
        machine = self._machine()
        machine.slow_prepare_s = self._dice.uniform(1, 15)
        self._for_a_while(lambda: setattr(machine, "slow_prepare_s", 0.0), 15)

    # ---- engines -------------------------------------------------------------------------------------------------

    def _crash(self) -> None:
        process = self._process()
        if process is not None:
            process.engine.crash("by chance")

    def _hang(self) -> None:
        process = self._process()
        if process is not None and process.engine.up:
            process.engine.hang(noticed=self._dice.random() < 0.5)

    def _mood(self, name: str, value: float | bool) -> None:
        process = self._process()
        if process is not None:
            setattr(process.engine.moods, name, value)
            self._for_a_while(process.engine.heal, 15)

    def _slow(self) -> None:
        self._mood("slow", self._dice.choice((5.0, 10.0)))

    def _deaf(self) -> None:
        self._mood("deaf", True)

    def _slow_prefill(self) -> None:
        self._mood("prefill_s", self._dice.uniform(1, 30))

    # ---- the coordinator -----------------------------------------------------------------------------------------

    def _restart_coordinator(self) -> None:
        if self._world.coordinator is not None and self._dice.random() < 0.3:
            self._world.history.note("coordinator killed")
            self._world.coordinator.stop()

    def _roll_coordinator(self) -> None:
        if self._world.coordinator is not None and self._dice.random() < 0.3:
            self._world.coordinator.drain(self._dice.uniform(0, 20))
