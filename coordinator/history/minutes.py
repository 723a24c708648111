"""What one replica sees of its own cell, minute by minute, and what it could not serve; pure.

A minute's sample is the last look in it: a replica that dies in a minute leaves it to the one that follows, so that no
minute is counted twice. A model is up in a minute in which any look found a worker that serves it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from coordinator.history.figures import ALL, DAY_MS, MASKS, MINUTE_MS, MOST, UNSERVED, Key, Sums, WorkerKey, keys

WORKERS_MINUTES = 10  # so often workers are counted: ten thousand rows a minute would be for nobody
MOST_REFUSALS = 6  # of one account, model and minute that count: who asks again and again wants it once


@dataclass(frozen=True)
class Seen:
    """A model, or the whole cell, at one moment. `workers` are here, `ready` of them serve it now."""

    workers: int
    ready: int
    slots: int
    busy: int
    waiting: int

    @property
    def counted(self) -> dict[str, int]:
        return dict(vars(self), **{MOST: self.waiting})


@dataclass
class Minutes:
    """Gathers until `taken`. Times are Unix milliseconds."""

    _minute: int | None = None
    _ended: bool = False  # a minute has, since the last look
    _last: Mapping[str, Seen] = field(default_factory=dict)
    _up: set[str] = field(default_factory=set)
    _refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # in this minute, by account and model
    _models: dict[Key, Counter[str]] = field(default_factory=dict)
    _workers: dict[WorkerKey, Counter[str]] = field(default_factory=dict)

    def look(self, at_ms: int, seen: Mapping[str, Seen]) -> bool:
        """The cell now: its models, and all of it together under ALL. Returns whether a minute has just ended."""
        self._turn(at_ms)
        ended, self._ended = self._ended, False
        self._last = seen
        self._up |= {model for model, one in seen.items() if one.ready}
        return ended

    def refused(self, at_ms: int, model: str, account: str, code: str) -> None:
        """A job ended that no worker ever had; `code` as usage would say it."""
        column = UNSERVED.get(code)
        if column is None:
            return
        self._turn(at_ms)
        self._refused[account, model] += 1
        if self._refused[account, model] <= MOST_REFUSALS:
            self._add(at_ms, at_ms, model, {column: 1})
            self._add(at_ms, at_ms, ALL, {column: 1})

    def workers(self, at_ms: int, online: Iterable[tuple[str, bool]]) -> None:
        """Each worker that is here, and whether it serves anything: for WORKERS_MINUTES minutes that end now."""
        for worker, ready in online:
            own = self._workers.setdefault(WorkerKey(worker, at_ms // DAY_MS), Counter())
            own.update(online=WORKERS_MINUTES, ready=WORKERS_MINUTES * ready)

    def taken(self) -> Sums:
        """What has been gathered, to be written: it is forgotten here."""
        sums = Sums(self._models, self._workers)
        self._models, self._workers = {}, {}
        return sums

    # ---- inside --------------------------------------------------------------------------------------------------

    def _turn(self, at_ms: int) -> None:
        """Count the minute that has ended, if one has. A clock that was set makes an end too."""
        minute, before = at_ms // MINUTE_MS, self._minute
        if minute == before:
            return
        self._minute = minute
        if before is not None:
            self._ended = True
            for model in {ALL, *self._up, *self._last}:
                self._count(before * MINUTE_MS, at_ms, model)
        self._up, self._last = set(), {}
        self._refused.clear()

    def _count(self, minute_ms: int, now_ms: int, model: str) -> None:
        seen = self._last.get(model)
        counted = seen.counted if seen is not None and any(vars(seen).values()) else {}
        masks = {"up": model in self._up, "measured": model == ALL}
        self._add(minute_ms, now_ms, model, counted | {name: 1 for name in MASKS if masks[name]})

    def _add(self, at_ms: int, now_ms: int, model: str, counted: Mapping[str, int]) -> None:
        for key in keys(model, at_ms, now_ms) if counted else ():
            bit = 1 << (at_ms - key.at_ms) // MINUTE_MS
            self._merge(key, {name: bit if name in MASKS else count for name, count in counted.items()})

    def _merge(self, key: Key, counted: Mapping[str, int]) -> None:
        own = self._models.setdefault(key, Counter())
        for name, count in counted.items():
            if name in MASKS:
                own[name] |= count
            else:
                own[name] = max(own[name], count) if name == MOST else own[name] + count
