"""What one replica shows of its own cell, as another one's dashboard gets it, and all of it together."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from pydantic import TypeAdapter, ValidationError

from coordinator.dashboard.snapshots import WorkerSnapshot

MOST_WORKERS = 1000  # of one replica that another's dashboard shows one by one


@dataclass(frozen=True)
class Look:
    """One cell. `waiting`: jobs in its queue, by model. `history`: tokens a second, the newest last. `left_out`:
    workers that are there besides."""

    workers: tuple[WorkerSnapshot, ...]
    waiting: Mapping[str, int]
    history: tuple[float, ...]
    left_out: int = 0


_LOOKS = TypeAdapter(Look)


def to_text(look: Look) -> str:
    """The look as JSON, with some of its workers if they are very many, and how many there are besides."""
    some = look.workers[:MOST_WORKERS]
    return _LOOKS.dump_json(replace(look, workers=some, left_out=len(look.workers) - len(some))).decode()


def from_text(text: str) -> Look | None:
    """None: it is of a version that says it in other words."""
    try:
        return _LOOKS.validate_json(text)
    except ValidationError:
        return None


def together(own: Look, others: Sequence[Look]) -> Look:
    """All cells as one. A worker that goes from one to the other is in both for a moment, and counts where it is."""
    if not others:
        return own
    looks = (own, *others)
    workers: dict[str, WorkerSnapshot] = {}
    for look in looks:
        for worker in look.workers:
            if worker.key not in workers or workers[worker.key].status == "away":
                workers[worker.key] = worker
    waiting: Counter[str] = Counter()
    for look in looks:
        waiting.update(look.waiting)
    left_out = sum(look.left_out for look in looks)
    return Look(tuple(workers.values()), waiting, _sums(look.history for look in looks), left_out)


def _sums(histories: Iterable[Sequence[float]]) -> tuple[float, ...]:
    """The sum at each moment, counted from the newest."""
    at = zip_longest(*(reversed(history) for history in histories), fillvalue=0.0)
    return tuple(round(sum(moment), 1) for moment in at)[::-1]
