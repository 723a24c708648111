"""What goes wrong with replicas, the bus between them and the database behind them."""

from functools import partial
from typing import TYPE_CHECKING

from coordinator.store.replicas import BEAT_S, STILL
from tools.simulation import faults
from tools.simulation.cluster import feints
from tools.simulation.cluster.bus import NODES
from tools.simulation.cluster.member import Member
from tools.simulation.faults import Fault

if TYPE_CHECKING:
    from tools.simulation.world import World

AWAY_S = STILL * BEAT_S + 5, 60.0  # of the database: longer than whoever is dead may be silent
SELDOM = 0.1
RARELY = 0.4  # of the strikes at a whole replica hit: each of them takes all its workers and clients with it


def _member(world: "World") -> Member | None:
    return world.dice.choice(world.members) if world.members else None


def kill_replica(world: "World") -> None:
    member = _member(world)
    if member is not None and world.dice.random() < RARELY:
        world.history.note("replica killed", member.where)
        member.stop()


def roll_replica(world: "World") -> None:
    member = _member(world)
    if member is not None and world.dice.random() < RARELY:
        world.history.note("replica rolled", member.where)
        within_s = 300.0 if world.scenario.mode == "cuts" else world.dice.uniform(5, 60)
        member.do(partial(member.drain, within_s))


def freeze_replica(world: "World") -> None:
    member = _member(world)
    if member is not None and not member.frozen:
        member.freeze(world.dice.uniform(0.3, 40 if world.dice.random() < 0.2 else 8))


def cut_off_bus(world: "World") -> None:
    member = _member(world)
    if member is not None:
        world.history.note("cut off", member.where)
        world.bus.cut_off(member, _while(world))


def cut_off_one_way(world: "World") -> None:
    """It hears and is not heard, or is heard and does not hear."""
    member = _member(world)
    if member is not None:
        mute = world.dice.random() < 0.5
        world.history.note("mute" if mute else "deaf", member.where)
        world.bus.cut_off(member, _while(world), mute=mute, deaf=not mute)


def part_two(world: "World") -> None:
    if len(world.members) > 1:
        one, other = world.dice.sample(world.members, 2)
        world.history.note("parted", one.where, other.where)
        world.bus.part(one, other, _while(world))


def dark_bus(world: "World") -> None:
    world.history.note("bus dark")
    world.bus.dark(_while(world))


def kill_node(world: "World") -> None:
    node = world.dice.randrange(NODES)
    world.history.note("node killed", node)
    world.bus.kill_node(node)


def database_away(world: "World") -> None:
    """One that is away all the time serves nobody, and shows nothing."""
    if world.ledger.away or world.dice.random() > SELDOM:
        return
    world.history.note("database away")
    world.ledger.away = True
    seconds = world.dice.uniform(*(AWAY_S if world.dice.random() < 0.5 else (1, 10)))
    world.timeline.after(seconds, partial(_is_back, world))


def _is_back(world: "World") -> None:
    world.ledger.away = False


def move_workers(world: "World") -> None:
    member = _member(world)
    if member is not None:
        member.do(member.move_some)


def _while(world: "World") -> float:
    return world.dice.uniform(1, 30) if world.dice.random() < 0.5 else world.dice.uniform(0.1, 3)


def slow_bus(world: "World") -> None:
    """What one says to another comes late, and nothing of it is lost."""
    if len(world.members) > 1:
        one, other = world.dice.sample(world.members, 2)
        most_s = feints.LATE_S[1] if world.scenario.mode == "cuts" else 8.0
        world.bus.delays.begin(one.id, other.id, world.dice.uniform(0.05, most_s), _while(world))


# With these alone no job fails whose edge lives.
HARMLESS: list[Fault] = [
    faults.cut, faults.clog, kill_replica, roll_replica, kill_node, move_workers, slow_bus, feints.bounce,
]  # fmt: skip
FEINTS: list[Fault] = [feints.hang_and_move, feints.haunt, feints.echo, feints.bounce, feints.siege]
OF_CLUSTERS: list[Fault] = [
    *faults.OF_WORKERS, kill_replica, roll_replica, freeze_replica, cut_off_bus, cut_off_one_way, part_two, dark_bus,
    kill_node, move_workers, slow_bus, database_away, *FEINTS,
]  # fmt: skip


def heal(world: "World") -> None:
    for member in world.members:
        member.thaw()
    world.bus.heal()
    world.besieged_until = 0.0
