"""What goes wrong: each fault is a function of the world, and draws its victim and its length from the world's dice."""

from collections.abc import Callable
from functools import partial

from tools.simulation.engines import Engine
from tools.simulation.links import Connection, late
from tools.simulation.painters import Painter
from tools.simulation.workers import Machine, Process
from tools.simulation.world import World

Fault = Callable[[World], None]

HALF_OPEN_S = 25.0  # both sides find a dead line out within this by their own pings

# ---- victims ---------------------------------------------------------------------------------------------------------


def _machine(world: World) -> Machine:
    return world.dice.choice(world.machines)


def _process(world: World) -> Process | None:
    return _machine(world).process


def _connection(world: World) -> Connection | None:
    process = _process(world)
    return None if process is None else process.connection


def _for_a_while(world: World, end: Callable[[], None], most_s: float) -> None:
    world.timeline.after(world.dice.uniform(0.1, most_s), end)


# ---- lines -----------------------------------------------------------------------------------------------------------


def cut(world: World) -> None:
    connection = _connection(world)
    if connection is None:
        return
    most_s = 0.0 if world.scenario.mode == "cuts" else HALF_OPEN_S
    connection.cut(late(world.dice, most_s), late(world.dice, most_s))


def clog(world: World) -> None:
    connection = _connection(world)
    if connection is not None:
        stream = world.dice.choice((connection.up, connection.down))
        most_s = 1.0 if world.scenario.mode == "cuts" else 12.0
        stream.clog(world.dice.uniform(0.05, most_s))


def partition(world: World) -> None:
    machine = _machine(world)
    machine.cut_off_until = world.timeline.now + world.dice.uniform(1, 90)
    if machine.process is not None and machine.process.connection is not None:
        machine.process.connection.cut(late(world.dice, HALF_OPEN_S), late(world.dice, HALF_OPEN_S))


# ---- workers ---------------------------------------------------------------------------------------------------------


def kill(world: World) -> None:
    _machine(world).kill(Connection.drop, world.dice.uniform(0.1, 10))


def power_off(world: World) -> None:
    """The machine is gone without a word: the coordinator finds out by itself."""
    _machine(world).kill(lambda connection: connection.cut(0, HALF_OPEN_S), world.dice.uniform(0.1, 40))


def freeze(world: World) -> None:
    process = _process(world)
    if process is not None and not process.frozen:
        process.frozen = True
        _for_a_while(world, process.thaw, 40 if world.dice.random() < 0.2 else 12)


def drain(world: World) -> None:
    process = _process(world)
    if process is not None:
        process.do(partial(process.drain, world.dice.uniform(0, 20)))


def lie(world: World) -> None:
    liar = _machine(world).liar
    liar.begin()
    _for_a_while(world, lambda: setattr(liar, "honest", True), 60)


def slow_prepare(world: World) -> None:
    machine = _machine(world)
    machine.slow_prepare_s = world.dice.uniform(1, 15)
    _for_a_while(world, lambda: setattr(machine, "slow_prepare_s", 0.0), 15)


# ---- engines ---------------------------------------------------------------------------------------------------------


def _engine(world: World) -> Engine | Painter | None:
    """One of those that a process has."""
    process = _process(world)
    if process is None or process.studio is None:
        return None if process is None else process.engine
    return world.dice.choice((process.engine, process.studio.painter))


def crash(world: World) -> None:
    engine = _engine(world)
    if engine is not None:
        engine.crash("by chance")


def hang(world: World) -> None:
    match _engine(world):
        case Engine(up=True) as engine:
            engine.hang(noticed=world.dice.random() < 0.5)
        case Painter(up=True) as painter:
            painter.hang()


def _mood(world: World, name: str, value: float | bool) -> None:
    engine = _engine(world)
    if engine is not None:
        setattr(engine.moods, name, value)
        _for_a_while(world, engine.heal, 15)


def slow(world: World) -> None:
    _mood(world, "slow", world.dice.choice((5.0, 10.0)))


def deaf(world: World) -> None:
    _mood(world, "deaf", True)


def slow_prefill(world: World) -> None:
    _mood(world, "prefill_s", world.dice.uniform(1, 30))


# ---- what is made ----------------------------------------------------------------------------------------------------


def kill_at_half(world: World) -> None:
    """A worker dies that has done half of something."""
    halves = [m for m in world.machines if m.process and m.process.studio and m.process.studio.painter.at_half]
    if halves:
        world.dice.choice(halves).kill(Connection.drop, world.dice.uniform(0.1, 10))


def break_uploads(world: World) -> None:
    """Every other upload breaks on its way, or its answer does."""
    assert world.books is not None
    world.books.broken = 0.5
    _for_a_while(world, partial(setattr, world.books, "broken", 0.0), 20)


# ---- the coordinator -------------------------------------------------------------------------------------------------


def restart_coordinator(world: World) -> None:
    coordinator = world.reach()
    if coordinator is not None and world.dice.random() < 0.3:
        world.history.note("coordinator killed")
        coordinator.stop()


def roll_coordinator(world: World) -> None:
    coordinator = world.reach()
    if coordinator is not None and world.dice.random() < 0.3:
        coordinator.drain(world.dice.uniform(0, 20))


# What a seed does depends on the order: the recorded seeds of tests/simulation do.
OF_LINES: list[Fault] = [cut, clog]
OF_WORKERS: list[Fault] = [
    *OF_LINES, kill, power_off, freeze, crash, hang, slow, deaf, slow_prepare, slow_prefill, drain, partition, lie,
]  # fmt: skip
ALL: list[Fault] = [*OF_WORKERS, restart_coordinator, roll_coordinator]
OF_MEDIA: list[Fault] = [*ALL, kill_at_half, kill_at_half, break_uploads]
