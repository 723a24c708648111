"""What may never be where there are several replicas, asked of the history when all is over. That each client has its
tokens once and in order, and one end, is asked of every world (history.py)."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tools.simulation.coordinator import ACCOUNT
from tools.simulation.history import History
from tools.simulation.world import World
from wire.errors import ErrorCode

SILENT = ("replica frozen", "cut off", "mute", "deaf", "parted", "bus dark", "node killed")
# Nobody was there at this moment, or no room: said before anything has begun, and with when to come again.
AT_THE_DOOR = frozenset({ErrorCode.QUEUE_TIMEOUT, ErrorCode.NO_WORKER, ErrorCode.SHUTTING_DOWN})
BLAMED = ("worker rests", "stalled", "violation", "cancel not answered")
HEARD_OF_S = 10.0  # on top of the longest wait in a queue, until its edge knows that a cell is gone


def violations(world: World) -> Iterator[str]:
    history, limits = world.history, world.scenario.limits
    yield from _tried_too_often(history, limits.starts + silences(history))
    yield from world.ledger.violations(history)
    yield from _waited(history, limits.queue_wait_s + HEARD_OF_S)
    yield from _nonsense(history)


def harmless(history: History, attempts: int) -> Iterator[str]:
    """Where lines, replicas and nodes of the bus ended, and nothing else went wrong, no job failed that had begun, and
    no worker was blamed for anything. But each attempt that its cell takes along counts as one, else a request that
    kills replicas would kill them all: who lost all of them so fails (seed 2825)."""
    lost, died = Counter[object](), set[object]()
    for _, what, details in history.records:
        if what == "noted" and details[0] == "lost its cell" and details[1]:
            lost[details[2]] += 1
            if details[3] == "its cell is gone":
                died.add(details[2])
    yield from history.none_failed(AT_THE_DOOR, {str(job) for job in died if lost[job] >= attempts})
    for now, what, details in history.records:
        if what == "noted" and details[0] in BLAMED:
            yield f"{now:.3f}: {details[0]} {details[1:]}, and nothing was wrong with it"


def silences(history: History) -> int:
    """How often somebody was not heard: it may try on what others try too."""
    return sum(history.count[what] for what in SILENT)


def unheard_crashes(history: History) -> int:
    """Engines that died of a job while their worker was at another replica than the one that had given it the job, or
    when that one had given the job up: it had been told to stop, and that word was on its way (seeds 1423, 84)."""
    at, given, unheard = dict[object, object](), dict[str, object](), 0
    last = dict[object, str]()  # the newest attempt of each job
    for _, what, details in history.records:
        match what, details:
            case "noted", ("worker joined", worker, *_, where):
                at[worker] = where
            case "placed", (job, _, attempt, where):
                last[job] = f"{job}.{attempt}"
                given[last[job]] = where
            case "noted", ("moved", _, job, *_) if job in last:
                given[last[job]] = "nobody"
            case "kept", (job, attempt):
                given.pop(f"{job}.{attempt}", None)  # it goes on there, and its end is heard there
            case "poisoned", (process, attempt):
                here = at.get(f"{ACCOUNT}/{str(process).partition('/')[0]}")
                unheard += here != given.get(str(attempt), here)
    return unheard


def _tried_too_often(history: History, most: int) -> Iterator[str]:
    """Each time that a worker goes on with a job, another may have been asked meanwhile, for nothing. What of an answer
    that was lost had come to nobody was counted by nobody, nor was whom a cell gave a job to just before it died: that
    word may have died with it (seed 810, where it was to come four seconds late)."""
    tries = Counter(details[0] for _, what, details in history.records if what == "placed")
    kept = Counter(details[0] for _, what, details in history.records if what == "kept")
    gone = Counter(
        details[2]
        for _, what, details in history.records
        if what == "noted" and details[0] == "lost its cell" and details[3] == "its cell is gone"
    )
    back = Counter(details[0] for _, what, details in history.records if what == "comes back")
    for job, times in tries.items():
        if times > most * (1 + back[job]) + kept[job] + gone[job]:
            yield f"{job}: was given to workers {times} times, and {kept[job]} times kept by them"


def _nonsense(history: History) -> Iterator[str]:
    """All cells are honest here: what they say of the leg that counts is never what cannot be."""
    for now, what, details in history.records:
        if what == "noted" and details[0] == "lost its cell" and details[3] == "its cell says what cannot be":
            yield f"{now:.3f}: {details[2]}: its cell said what cannot be"


def _waited(history: History, most_s: float) -> Iterator[str]:
    """Until somebody has it first. A replica that is frozen knows of no time."""
    frozen: defaultdict[object, float] = defaultdict(float)
    begun: defaultdict[object, list[float]] = defaultdict(list)
    for now, what, details in history.records:
        if what in ("placed", "attached"):
            begun[details[0]].append(now)
        elif what == "thawed":
            frozen[details[0]] += float(str(details[1]))
    for job, story in history.stories.items():
        until = [at for at in begun[story.order.spec.id] if at >= story.came] + [at for at, _, _ in story.ends]
        waited_s = min(until, default=story.came) - story.came
        if waited_s > most_s + sum(frozen.values()):
            yield f"{job}: waited {waited_s:.0f} s"
