"""One seed from beginning to end, and what is to be said of it."""

from dataclasses import dataclass, field
from functools import partial

from coordinator.scheduler.state import Counters
from tools.simulation import orders
from tools.simulation.clients import HABITS, Clients
from tools.simulation.coordinator import start
from tools.simulation.history import History
from tools.simulation.nemesis import Nemesis
from tools.simulation.workers import Machine
from tools.simulation.world import BOUND_S, NEW_JOBS, SETTLE_S, World

START_S = 5.0  # the workers load and say hello
STEP_S = 5.0
LAST_S = 12.0  # the last Ack is on the way, the last Capacity comes with a heartbeat


@dataclass
class Outcome:
    """Figures of one seed. `violations` empty: every promise held."""

    seed: int
    mode: str
    violations: list[str] = field(default_factory=list)
    jobs: int = 0
    finished: int = 0
    failed: int = 0
    kills: int = 0
    cuts: int = 0
    strikes: int = 0
    longest_s: float = 0.0
    virtual_s: float = 0.0
    digest: str = ""
    totals: Counters = field(default_factory=Counters)


def simulate(seed: int, pictures: bool = False) -> tuple[Outcome, History]:
    """`pictures`: most jobs have some, some lines are slow, and not every worker sees."""
    world = World(seed, pictures)
    world.clients = Clients(world)
    start(world)
    world.machines = [Machine(world, f"w{i}") for i in range(world.scenario.workers)]
    mode, dice = world.scenario.mode, world.dice
    nemesis = Nemesis(world)
    kinds = orders.HEALTHY if mode == "cuts" else orders.KINDS
    for _ in range(world.scenario.bursts):
        habits, size = dice.choice((("reads",), HABITS)), dice.randint(1, 10)
        world.timeline.after(
            dice.uniform(START_S, world.scenario.faults_s),
            partial(world.clients.burst, size, habits, kinds),
        )
    world.timeline.run(START_S)
    nemesis.start()
    world.timeline.run(world.scenario.faults_s)
    if mode == "liveness":
        nemesis.stop()
    _until_idle(world)
    nemesis.stop()
    world.timeline.run(world.timeline.now + SETTLE_S)
    late = _new_jobs(world)
    return _outcome(world, nemesis, late), world.history


def _until_idle(world: World) -> None:
    """Until every job has ended, or should have."""
    limit = world.timeline.now + BOUND_S + 2
    while world.timeline.now < limit:
        world.timeline.run(world.timeline.now + STEP_S)
        if not world.clients.open:
            return


def _new_jobs(world: World) -> list[str]:
    """All is well: whoever comes now is served, and nothing is left when they have gone."""
    for machine in world.machines:
        machine.heal()  # a job that is left may have broken its engine for good
    if world.pictures is not None:
        world.pictures.heal()
    world.timeline.run(world.timeline.now + 2 * START_S)
    before = set(world.history.stories)
    for _ in range(NEW_JOBS):
        world.clients.burst(1, ("reads",), orders.HEALTHY)
        world.timeline.run(world.timeline.now + 2)
        _until_idle(world)
    world.timeline.run(world.timeline.now + LAST_S)
    stories = world.history.stories.items()
    return [job for job, story in stories if job not in before and story.order.kind in orders.HEALTHY]  # no late retry


def _outcome(world: World, nemesis: Nemesis, late: list[str]) -> Outcome:
    history = world.history
    assert world.coordinator is not None
    history.counters(world.coordinator.dispatch.counters)
    violations = list(history.violations(world.scenario.limits, BOUND_S))
    if not violations and world.scenario.mode == "cuts":
        violations += history.undisturbed()
    if history.totals.violations and not any(machine.liar.ever for machine in world.machines):
        violations.append(f"{history.totals.violations} frames of honest workers were called violations")
    for job in late:
        how = [how for _, how, _ in history.stories[job].ends]
        if how != ["Finished"]:
            violations.append(f"{job}: came when all was well and ended {how}")
    if len(late) != NEW_JOBS:
        violations.append(f"{len(late)} jobs came at the end")
    violations += _left_over(world)
    stories = [story for story in history.stories.values() if story.ends]
    ends = [story.ends[0][1] for story in stories]
    return Outcome(
        seed=world.seed,
        mode=world.scenario.mode,
        violations=violations,
        jobs=len(history.stories),
        finished=ends.count("Finished"),
        failed=ends.count("Failed"),
        kills=history.count["kill"],
        cuts=history.count["cut"],
        strikes=nemesis.strikes,
        longest_s=max((story.seconds for story in stories), default=0.0),
        virtual_s=world.timeline.now,
        digest=history.digest(),
        totals=history.totals,
    )


def _left_over(world: World) -> list[str]:
    """State that should be gone, on both sides, now that no job is left."""
    found: list[str] = []
    assert world.coordinator is not None
    dispatch = world.coordinator.dispatch
    if world.coordinator.files.bytes or world.coordinator.unsent():
        found.append(f"{world.coordinator.files.bytes} bytes of files, {world.coordinator.unsent()} have some to send")
    if dispatch.running() or dispatch.online(orders.MODEL).waiting:
        found.append(f"dispatch holds {dispatch.running()} jobs, {dispatch.online(orders.MODEL).waiting} wait")
    honest = sum(not machine.liar.ever for machine in world.machines)  # a liar may say for good that it is leaving
    if not honest <= dispatch.online(orders.MODEL).workers <= len(world.machines):
        found.append(f"dispatch knows {[worker.key for worker in dispatch.workers]}")
    for worker in dispatch.workers:
        replica = worker.replicas[orders.MODEL]
        if worker.leases or replica.held or replica.free != replica.slots:
            found.append(
                f"{worker.key}: leases {list(worker.leases)}, held {replica.held}, elsewhere {replica.taken_elsewhere}"
            )
    for machine in world.machines:
        assert machine.process is not None
        session = machine.process.session
        if session.jobs.chats.pictures.blobs.size_bytes > sum(map(len, world.pictures.files if world.pictures else ())):
            found.append(f"{machine.process.name} keeps more than there is")
        if session.jobs.attempts and not machine.liar.ever:
            found.append(f"{machine.process.name} holds {list(session.jobs.attempts.values())}")
        if session.models[orders.MODEL].slots.free != machine.slots or machine.process.engine.busy:
            found.append(f"{machine.process.name}: slots are taken")
    return found
