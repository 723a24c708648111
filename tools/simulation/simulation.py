"""One seed from beginning to end, and what is to be said of it."""

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial

from coordinator.scheduler.state import Counters
from tools.simulation import commissions, orders, patrons
from tools.simulation.books import Books
from tools.simulation.clients import HABITS, Clients
from tools.simulation.cluster import checks, member
from tools.simulation.cluster.ledger import Ledger
from tools.simulation.coordinator import start
from tools.simulation.history import History
from tools.simulation.leftovers import left_over
from tools.simulation.nemesis import Nemesis
from tools.simulation.patrons import Patrons
from tools.simulation.workers import Machine
from tools.simulation.world import BOUND_S, NEW_JOBS, SETTLE_S, Kind, World

MADE = 0.7  # of the bursts are about things to be made, where there are any
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


def simulate(seed: int, kind: Kind = "chats") -> tuple[Outcome, History]:
    with ExitStack() as opened:
        world = World(seed, kind)
        world.clients, world.patrons = Clients(world), Patrons(world)
        if kind == "media":
            world.books = opened.enter_context(closing(Books()))
        elif kind == "cluster":
            world.ledger = opened.enter_context(closing(Ledger()))
        return _outcome_of(world), world.history


def _outcome_of(world: World) -> Outcome:
    if world.kind == "cluster":
        member.populate(world)
    else:
        start(world)
    world.machines = [Machine(world, f"w{i}") for i in range(world.scenario.workers)]
    mode, dice = world.scenario.mode, world.dice
    nemesis = Nemesis(world)
    kinds = orders.HEALTHY if mode == "cuts" else orders.KINDS
    for _ in range(world.scenario.bursts):
        habits, size = dice.choice((("reads",), HABITS)), dice.randint(1, 10)
        burst = partial(world.clients.burst, size, habits, kinds)
        if world.kind == "media" and dice.random() < MADE:
            burst = partial(world.patrons.burst, size, patrons.HABITS, commissions.KINDS)
        world.timeline.after(dice.uniform(START_S, world.scenario.faults_s), burst)
    world.timeline.run(START_S)
    nemesis.start()
    world.timeline.run(world.scenario.faults_s)
    if mode == "liveness":
        nemesis.stop()
    _until_idle(world)
    nemesis.stop()
    world.timeline.run(world.timeline.now + SETTLE_S)
    late = _new_jobs(world)
    return _outcome(world, nemesis, late)


def _until_idle(world: World) -> None:
    """Until every job has ended, or should have."""
    bounds = [world.commissions[job].bound_s for job in world.patrons.open]
    limit = world.timeline.now + max(bounds, default=BOUND_S) + 2
    while world.timeline.now < limit:
        world.timeline.run(world.timeline.now + STEP_S)
        if not world.clients.open and not world.patrons.open:
            return


def _new_jobs(world: World) -> tuple[list[str], list[str]]:
    """All is well: whoever comes now is served, and nothing is left when they have gone. Returns the chats, and what
    was to be made."""
    for machine in world.machines:
        machine.heal()  # a job that is left may have broken its engine for good
    if world.pictures is not None:
        world.pictures.heal()
    world.timeline.run(world.timeline.now + 2 * START_S)
    before = {*world.history.stories, *world.patrons.makings}
    for _ in range(NEW_JOBS):
        world.clients.burst(1, ("reads",), orders.HEALTHY)
        if world.kind == "media":
            world.patrons.burst(1, ("waits",), ("picture",))
        world.timeline.run(world.timeline.now + 2)
        _until_idle(world)
    world.timeline.run(world.timeline.now + LAST_S)
    stories, makings = world.history.stories.items(), world.patrons.makings
    late = [job for job, story in stories if job not in before and story.order.kind in orders.HEALTHY]  # no late retry
    return late, [job for job in makings if job not in before]


def _outcome(world: World, nemesis: Nemesis, late: tuple[list[str], list[str]]) -> Outcome:
    history = world.history
    for coordinator in world.coordinators:
        history.counters(coordinator.dispatch.counters)
    lost = checks.silences(history) + checks.unheard_crashes(history)  # a crash that is lost with its link cannot count
    engines = world.scenario.limits.attempts + lost
    violations = list(history.violations(world.scenario.limits, BOUND_S, engines))
    if world.kind == "cluster":
        violations += checks.violations(world)
    violations += world.patrons.violations(world.scenario.limits)
    if not violations and world.scenario.mode == "cuts":
        attempts = world.scenario.limits.attempts
        violations += history.undisturbed() if world.kind != "cluster" else checks.harmless(history, attempts)
    if history.totals.violations and not any(machine.liar.ever for machine in world.machines):
        violations.append(f"{history.totals.violations} frames of honest workers were called violations")
    chats, makings = late
    ended = {job: story.ends for job, story in history.stories.items()}
    ended |= {job: making.ends for job, making in world.patrons.makings.items()}
    for job in (*chats, *makings):
        how = [how for _, how, _ in ended[job]]
        if how != ["Finished"]:
            violations.append(f"{job}: came when all was well and ended {how}")
    if len(chats) != NEW_JOBS or (world.kind == "media" and len(makings) < NEW_JOBS):
        violations.append(f"{len(chats)} chats came at the end, and {len(makings)} things were to be made")
    violations += left_over(world)
    if world.books is not None:
        violations += world.books.violations(world.patrons, world.commissions)
    stories = [story for story in history.stories.values() if story.ends]
    ends = [how[0][1] for how in ended.values() if how]
    return Outcome(
        seed=world.seed,
        mode=world.scenario.mode,
        violations=violations,
        jobs=len(ended),
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
