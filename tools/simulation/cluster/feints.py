"""Faults that meet each other: the second strikes while the first is dealt with, which chance alone seldom does.

Each of them watches what becomes of one job or of one worker, and strikes again at that moment.
"""

from functools import partial
from typing import TYPE_CHECKING

from tools.simulation import faults, orders
from tools.simulation.cluster.accord import journeys
from tools.simulation.cluster.member import Member
from tools.simulation.engines import STALLED_S
from tools.simulation.links import Connection
from tools.simulation.workers import Process
from wire.messages import Move

if TYPE_CHECKING:
    from tools.simulation.world import World

WATCH_S = 0.02  # between two looks at the one that is watched
MOVED_EVERY_S = 6  # less than makes a stall
MOVING_S = 2.0  # for so long nobody is sent back
BOUNCING_S = 1.0
LATE_S = 0.2, 1.5  # of what replicas say to each other: less than makes one of them dead
HAUNTED_S = 40.0
FEW_TOKENS = 8
SILENT_S = 20.0  # at most, of a cell that waits for its job to begin elsewhere
SIEGE_S = 75.0
TOKEN_S = 4.0  # from one token to the next in a siege: less than makes a stall
SLOWED_EVERY_S = 0.5
CHASED_EVERY_S = 8.0, 20.0  # less than anybody waits for a slot


def _at(world: "World", where: str) -> Member | None:
    return next((member for member in world.members if member.where == where), None)


def _elsewhere(world: "World") -> list[tuple[str, Member]]:
    """The jobs that were given to a worker of another replica than their client's, and that replica."""
    found = []
    for job, client in world.clients.open.items():
        member = _at(world, world.history.placed.get(job, ("", ""))[0])
        if member is not None and member is not client.coordinator:
            found.append((job, member))
    return found


# ---- workers that are sent about -------------------------------------------------------------------------------------


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
        world.timeline.after(at + world.dice.random(), partial(_move_if_hung, world, process))


def _move_if_hung(world: "World", process: Process) -> None:
    connection = process.connection
    if connection is not None and process.engine.moods.hung:
        _move(world, connection, {connection.coordinator.id}, MOVING_S)


def _move(world: "World", connection: Connection, shunned: set[str], seconds: float) -> None:
    """Send the worker of this line to none of these replicas."""
    for member in world.members:
        if member.id in shunned and world.balancer is not None:
            world.balancer.shun(member, seconds)
        if member is connection.coordinator:
            member.do(partial(connection.send_down, Move(after_s=0.0)))


def bounce(world: "World") -> None:
    """A busy worker is sent to another replica and straight back, while what replicas say to each other is late: what
    was said of its first stay comes in its second."""
    processes = [machine.process for machine in world.machines if machine.process is not None]
    busy = [process for process in processes if process.engine.busy and process.connection is not None]
    if not busy or len(world.members) < 2:
        return
    process = world.dice.choice([process for process in busy if process.engine.paused] or busy)
    assert process.connection is not None
    home = process.connection.coordinator.id
    for member in world.members:
        if member.id != home:
            for one, other in ((member.id, home), (home, member.id)):
                world.bus.delays.begin(one, other, world.dice.uniform(*LATE_S), 2 * BOUNCING_S)
    _bounce(world, process, home, world.dice.randint(1, 3), world.timeline.now + 4 * BOUNCING_S)


def _bounce(world: "World", process: Process, home: str, times: int, until: float) -> None:
    connection = process.connection
    if not process.alive or world.timeline.now > until:
        return
    if connection is not None and process.session.line.welcomed:
        at = connection.coordinator.id
        _move(world, connection, {home} if at == home else {member.id for member in world.members} - {home}, BOUNCING_S)
        times -= at != home
    if times:
        again = partial(_bounce, world, process, home, times, until)
        world.timeline.after(world.dice.uniform(WATCH_S, 0.4), again)


# ---- jobs that find no rest ------------------------------------------------------------------------------------------


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
    member = _at(world, where)
    if member is not None and member is not client.coordinator:
        machine = next(machine for machine in world.machines if worker.endswith(f"/{machine.name}"))
        if world.dice.random() < 0.7:
            machine.kill(Connection.drop, world.dice.uniform(0.1, 5))
        if world.dice.random() < 0.7:
            world.history.note("replica killed", member.where)
            member.stop()
    world.timeline.after(world.dice.uniform(0.3, 3), partial(_haunts, world, job, until))


def echo(world: "World") -> None:
    """A cell falls silent as it has begun with a job, and is heard again once that has gone on elsewhere: with all that
    its worker has said meanwhile."""
    _waits_for_one(world, world.timeline.now + SILENT_S)


def _waits_for_one(world: "World", until: float) -> None:
    begun = [(job, cell) for job, cell in _elsewhere(world) if 0 < len(_tokens(world, job)) <= FEW_TOKENS]
    if begun:
        _silences(world, *world.dice.choice(begun))
    elif world.timeline.now < until:
        world.timeline.after(WATCH_S, partial(_waits_for_one, world, until))


def _silences(world: "World", job: str, cell: Member) -> None:
    if cell.frozen:
        return
    if world.dice.random() < 0.5:
        cell.freeze(SILENT_S)
    else:
        world.history.note("cut off", cell.where)
        world.bus.cut_off(cell, SILENT_S)
    had = len(_tokens(world, job))
    wanted = had + world.dice.randint(max(1, had - 1), had + 1)  # as far as this cell is: the next number is the same
    _echoes(world, job, cell, wanted, world.timeline.now + SILENT_S)


def _tokens(world: "World", job: str) -> list[int]:
    return world.history.stories[job].tokens


def _echoes(world: "World", job: str, cell: Member, wanted: int, until: float) -> None:
    if not cell.running or world.timeline.now > until:
        return
    if job not in world.clients.open or len(_tokens(world, job)) >= wanted:
        cell.thaw()
        world.bus.restore(cell)
    else:
        world.timeline.after(WATCH_S, partial(_echoes, world, job, cell, wanted, until))


def siege(world: "World") -> None:
    """All engines get slow, many clients come, and the cells in which they wait are rolled or die, again and again."""
    now = world.timeline.now
    if now < world.besieged_until:
        return
    world.besieged_until = now + SIEGE_S
    world.history.note("besieged")
    _slow_down(world)
    world.clients.burst(sum(machine.slots for machine in world.machines) + 6, ("reads",), orders.KINDS)
    for _ in world.machines:
        world.timeline.after(world.dice.uniform(2, SIEGE_S / 2), partial(faults.crash, world))
    world.timeline.after(world.dice.uniform(*CHASED_EVERY_S), partial(_chase, world))


def _slow_down(world: "World") -> None:
    """Those that have crashed and are up again, too."""
    for engine in [machine.process.engine for machine in world.machines if machine.process is not None]:
        if world.timeline.now >= world.besieged_until:
            engine.heal()
        elif engine.moods.slow < TOKEN_S / engine.pace_s:
            engine.moods.slow = TOKEN_S / engine.pace_s
    if world.timeline.now < world.besieged_until:
        world.timeline.after(SLOWED_EVERY_S, partial(_slow_down, world))


def _chase(world: "World") -> None:
    """The cell in which most wait for nothing but a slot goes."""
    if world.timeline.now >= world.besieged_until:
        return
    waiting = [job for job in world.clients.open if job not in world.history.placed]
    cells = [journey.cell for member in world.members for job, journey in journeys(member) if job in waiting]
    most = [member for member in world.members if member.id in cells]
    if most:
        member = max(most, key=lambda member: cells.count(member.id))
        if world.dice.random() < 0.5:
            world.history.note("replica killed", member.where)
            member.stop()
        else:
            world.history.note("replica rolled", member.where)
            member.do(partial(member.drain, world.dice.uniform(1, 10)))
    world.timeline.after(world.dice.uniform(*CHASED_EVERY_S), partial(_chase, world))
