"""What one replica sees of workers and requests, pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set

from coordinator.alerts.kinds import FAILING_SHARE, FULL_BYTES, FULL_SHARE, OPERATOR
from coordinator.alerts.subjects import OF_WORKERS, WORKER, Key, Sighting
from coordinator.scheduler.workers import Worker
from program.printable import printable

NAME_CHARS = 60
MOST_ISSUES = 8  # of one worker
HOT = "too_hot"

Wanted = Mapping[str, Set[str]]  # account -> the kinds that it wants to be told of


def of_workers(workers: Iterable[Worker], wanted: Wanted) -> list[Sighting]:
    """The workers of these accounts that are connected, and what they say is wrong: that is over when the worker is
    there and says so no more, so it is noted that it is there where either is asked for."""
    found = list[Sighting]()
    for worker in workers:
        account = worker.peer.account
        asked = wanted.get(account)
        if not asked or not worker.connected:
            continue
        name, own = name_of(worker), worker.hello.worker
        if asked & {WORKER, *OF_WORKERS}:
            found.append(Sighting(Key(account, WORKER, own), name))
        for issue in list(worker.issues.values())[:MOST_ISSUES]:
            kind = "worker_hot" if issue.code == HOT else "worker_problem" if issue.severity == "error" else ""
            if kind in asked:
                words = printable(f"{issue.message} {issue.remedy}").strip()
                found.append(Sighting(Key(account, kind, f"{own}/{issue.code}"), f"{name}\n{words[:500]}"))
    return found


def name_of(worker: Worker) -> str:
    """As its owner called it."""
    return printable(worker.hello.name, "").strip()[:NAME_CHARS] or worker.hello.worker[:NAME_CHARS]


def failing(workers: Iterable[Worker], replica: str) -> list[Sighting]:
    """Whether so many workers say that something keeps them from serving that it may not be theirs alone."""
    connected = [worker for worker in workers if worker.connected]
    errors = [[issue.code for issue in worker.issues.values() if issue.severity == "error"] for worker in connected]
    bad = sum(bool(codes) for codes in errors)
    if not bad or bad < FAILING_SHARE * len(connected):
        return []
    counted = Counter(printable(code)[:40] for codes in errors for code in set(codes))
    listed = ", ".join(f"{code} {count}" for code, count in counted.most_common(8))
    words = f"{bad} of {len(connected)} workers say that something keeps them from serving: {listed}."
    return [Sighting(Key(OPERATOR, "workers_failing", replica), f"{replica}\n{words}")]


def unserved(asked: Mapping[str, int], online: Mapping[str, int]) -> list[Sighting]:
    """`asked`: requests of a moment ago that wait or were refused, by model; `online`: workers that are ready."""
    return [
        Sighting(Key(OPERATOR, "no_worker", model), f"{model}\n{_times(count)} asked for it in the last minute.")
        for model, count in asked.items()
        if count and not online.get(model)
    ]


def full_queue(waiting: int, most: int, replica: str) -> list[Sighting]:
    if waiting < most or not most:
        return []
    words = f"{waiting} requests wait, as many as --queue allows: others are refused. More workers are needed."
    return [Sighting(Key(OPERATOR, "queue_full", replica), f"{replica}\n{words}")]


def lost(orders: int, replica: str) -> list[Sighting]:
    """`orders`: to the ledger that it could not carry out."""
    words = f"{orders} orders to the ledger can never be carried out. The log names each; run `ledger check`."
    return [Sighting(Key(OPERATOR, "books", replica), f"{replica}\n{words}")] if orders else []


def full_disks(disks: Mapping[str, tuple[int, int]], replica: str) -> list[Sighting]:
    """`disks`: folder -> bytes in all, bytes free."""
    found = []
    for folder, (size, room) in disks.items():
        if room < min(max(FULL_SHARE * size, FULL_BYTES), size / 4):
            words = f"{folder} has {room / 2**30:.1f} of {size / 2**30:.0f} GiB left. Free some space, or move it."
            found.append(Sighting(Key(OPERATOR, "disk", f"{replica}:{folder}"), f"{replica}\n{words}"))
    return found


def _times(count: int) -> str:
    return "One request" if count == 1 else f"{count} requests"
