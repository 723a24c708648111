"""How many prompt rows go into a step, so that it takes no longer than it may: beside streams none may stand still for
long, and without them a step must end before the supervisor takes its silence for a hang.

A step costs a floor, which is there without any row of a prompt (the streams' own rows, reading the weights), and so
much for each row, the more the deeper the prompt is. Both are learnt from the steps themselves: the floor from those
that read no prompt, the row from the others, apart for each depth (a power of two). Pure: the times are told to it.
"""

import statistics
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

AIM = 0.75  # of the limit: steps of one size differ, and what counts is the slowest
_LATELY = 5  # steps that count, but for the slowest of them: one that met a busy moment changes nothing
_FLOORS = 9  # steps without a prompt, by their median
_BELOW = 3
_GROWTH = 2.0  # most by which a slice outgrows those before it: they may have been quick by chance
_SHALLOW = 511  # up to so many tokens the depth makes no difference
# Of what a row cost before the first step: if one seems cheaper, the floor was measured while the machine was busy.
_CHEAPEST = 1 / 3
_RETRY = 64  # steps of few rows, after which whole batches are judged as they were at first


@dataclass(frozen=True)
class WarmUpTimes:
    """What was timed before the first step. `row_s`: seconds of a prompt's row at depth 0. `least_rows`: with fewer of
    them a row costs far more, so a prompt always advances by so many. `long_s`: seconds of the longest slice. `passes`:
    seconds by rows, all of which draw; none where nothing is guessed. `foreseen_s`: seconds of a guess of the model's
    own head. `saved_s`: seconds of saving a hybrid model's state and of going back to it."""

    row_s: float
    least_rows: int
    long_s: float = 0.0
    passes: tuple[tuple[int, float], ...] = ()
    foreseen_s: float = 0.0
    saved_s: float = 0.0


class Room(NamedTuple):
    """Prompt rows that a step may have: `rows` to come out at the aim, `ending` if that ends a prompt, which may take
    the step up to its limit."""

    rows: int
    ending: int


NO_ROOM = Room(0, 0)  # of a step that has no prompt to read


class StepBudget:
    """Learns from `record` what steps take, and says with `room` how many prompt rows the next one may have.

    `limit_s`: seconds that a step may take. `most`: rows of a whole batch. `whole_from`: from so many rows on a slice
    costs as much as a whole batch (weights are copied to a GPU for it), so one is either shorter or whole; 0: a row
    always costs a row.
    """

    def __init__(self, limit_s: float, most: int, times: WarmUpTimes, whole_from: int = 0) -> None:
        self._limit_s, self._aim_s, self._most = limit_s, limit_s * AIM, most
        self._warm_up, self._whole_from = times, whole_from
        self._floors: deque[float] = deque(maxlen=_FLOORS)
        self._mixed: deque[float] = deque(maxlen=_BELOW)  # what the last steps that read prompts leave for a floor
        self._rows: dict[int, deque[tuple[float, int]]] = {}  # by bit length of the depth: seconds over the floor, rows
        self._wholes: dict[int, deque[float]] = {}  # the same: seconds of a slice that costs as much as a whole batch
        self._few = 0  # steps since one of those

    @property
    def _budget_s(self) -> float:
        """Seconds that the prompts' rows may take: what the floor leaves of the aim, or what the aim leaves of the
        limit if that is more. On a slow machine the floor alone may exceed the aim, and without such a share prompts
        would stand still while the streams were no quicker for it."""
        return max(self._aim_s - self._floor_s, self._limit_s - self._aim_s)

    @property
    def _floor_s(self) -> float:
        """Seconds of a step without prompts. Where steps that read prompts took so little that it must be less than was
        measured, the machine was busy at the time, and it is what those steps leave for it."""
        floor_s = statistics.median(self._floors) if self._floors else 0.0
        return min(floor_s, max(self._mixed, default=floor_s))

    def room(self, depth: int, streams: int = 0) -> Room:
        """Prompt rows for the next step, whose prompts reach `depth` tokens at most, with `streams` rows of streams."""
        level = _level(depth)
        if not self._whole_from:
            return self._room(self._fitting(level), self._most)
        if self._whole_s(level) <= self._budget_s:
            return Room(self._most, self._most)
        return self._room(self._fitting(level), min(self._most, max(1, self._whole_from - 1 - streams)))

    def _room(self, rows: int, most: int) -> Room:
        return Room(min(rows, most), min(int(rows / AIM), most))

    def _fitting(self, level: int) -> int:
        fitting = self._budget_s / self._row_s(level)
        if seen := self._rows.get(level):
            fitting = min(fitting, _GROWTH * max(rows for _, rows in seen))
        return max(self._warm_up.least_rows, int(fitting))

    def _row_s(self, level: int) -> float:
        """A depth not seen yet is judged by the nearest: a shallower one is doubled for each doubling from there."""
        if below := [seen for seen in self._rows if seen <= level]:
            return _per_row(self._rows[max(below)]) * 2.0 ** (level - max(below))
        if self._rows:
            return _per_row(self._rows[min(self._rows)])
        return self._warm_up.row_s * 2.0 ** (level - _level(0))

    def _whole_s(self, level: int) -> float:
        """Copying weights costs the same at each depth."""
        below = [seen for seen in self._wholes if seen <= level]
        return statistics.median_low(self._wholes[max(below)]) if below else self._warm_up.long_s

    def record(self, depth: int, rows: int, seconds: float, streams: int = 0) -> None:
        """A step took `seconds` for `rows` of prompts, `depth` tokens deep at most, and `streams` rows of streams.

        A step that was far from full says little of a row, unless it took longer than it may.
        """
        if rows == 0:
            self._floors.append(seconds)
            return
        self._mixed.append(max(0.0, seconds - rows * self._warm_up.row_s))
        level = _level(depth)
        over_s = max(seconds - self._floor_s, rows * self._warm_up.row_s * _CHEAPEST)
        if self._whole_from and rows + streams >= self._whole_from:
            self._few = 0
            self._wholes.setdefault(level, deque(maxlen=_LATELY)).append(over_s)
            return
        self._few += 1
        if self._few >= _RETRY:
            self._wholes.clear()
        if 2 * rows >= self.room(depth, streams).rows or seconds > self._limit_s:
            self._rows.setdefault(level, deque(maxlen=_LATELY)).append((over_s, rows))


def _per_row(steps: Iterable[tuple[float, int]]) -> float:
    """Seconds of a row in these steps, one of which, the dearest, may have been unlucky."""
    usual = sorted(steps, key=lambda step: step[0] / step[1])
    usual = usual[:-1] or usual
    return sum(seconds for seconds, _ in usual) / sum(rows for _, rows in usual)


def _level(depth: int) -> int:
    return (depth | _SHALLOW).bit_length()
