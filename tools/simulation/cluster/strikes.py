"""What goes wrong with replicas, the bus between them and the database behind them."""

from functools import partial
from typing import TYPE_CHECKING

from coordinator.store.replicas import BEAT_S, STILL
from tools.simulation import faults
from tools.simulation.cluster.bus import NODES
from tools.simulation.cluster.member import Member
from tools.simulation.engines import STALLED_S
from tools.simulation.faults import Fault
from tools.simulation.links import Connection
from tools.simulation.workers import Process
from wire.messages import Move

if TYPE_CHECKING:
    from tools.simulation.world import World

AWAY_S = STILL * BEAT_S + 5, 60.0  # of the database: longer than whoever is dead may be silent
MOVED_EVERY_S = 6  # less than makes a stall
MOVING_S = 2.0  # for so long nobody is sent back
HAUNTED_S = 40.0
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


def haunt(world: "World") -> None:
    """Wherever this job goes, its replica or its worker dies, but the replica of its client."""
    if world.clients.open:
        job = world.dice.choice(list(world.clients.open))
        world.timeline.after(0, partial(_haunts, world, job, world.timeline.now + HAUNTED_S))


def _haunts(world: "World", job: str, until: float) -> None:
    client = world.clients.open.get(job)
    if client is None or world.timeline.now > until:
        return
    where, worker = world.history.placed.get(job, ("", ""))
    member = next((member for member in world.members if member.where == where), None)
    if member is not None and member is not client.coordinator:
        machine = next(machine for machine in world.machines if worker.endswith(f"/{machine.name}"))
        if world.dice.random() < 0.7:
            machine.kill(Connection.drop, world.dice.uniform(0.1, 5))
        if world.dice.random() < 0.7:
            world.history.note("replica killed", member.where)
            member.stop()
    world.timeline.after(world.dice.uniform(0.3, 3), partial(_haunts, world, job, until))


def hang_and_move(world: "World") -> None:
    """An engine hangs unnoticed, and its worker is sent from replica to replica: all of them together must miss what
    it does not give."""
    processes = [machine.process for machine in world.machines if machine.process is not None]
    busy = [process for process in processes if process.engine.busy and not process.engine.moods.hung]
    if not busy or world.pictures is not None:
        return  # pictures may take minutes to be read
    process = world.dice.choice(busy)
    process.engine.hang(noticed=False)
    for at in range(0, int(STALLED_S), MOVED_EVERY_S):
        world.timeline.after(at + world.dice.random(), partial(_move, world, process))


def _move(world: "World", process: Process) -> None:
    connection = process.connection
    if connection is None or not process.engine.moods.hung or world.balancer is None:
        return
    for member in world.members:
        if member is connection.coordinator:
            world.balancer.shun(member, MOVING_S)
            member.do(partial(connection.send_down, Move(after_s=0.0)))


def _while(world: "World") -> float:
    return world.dice.uniform(1, 30) if world.dice.random() < 0.5 else world.dice.uniform(0.1, 3)


# With these alone no job fails whose edge lives.
HARMLESS: list[Fault] = [faults.cut, faults.clog, kill_replica, roll_replica, kill_node, move_workers]
OF_CLUSTERS: list[Fault] = [
    *faults.OF_WORKERS, kill_replica, roll_replica, freeze_replica, cut_off_bus, cut_off_one_way, part_two, dark_bus,
    kill_node, move_workers, hang_and_move, haunt, database_away,
]  # fmt: skip


def heal(world: "World") -> None:
    for member in world.members:
        member.thaw()
    world.bus.heal()
