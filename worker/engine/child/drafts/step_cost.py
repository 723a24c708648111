"""What a pass over the weights takes with so many rows, as measured while serving."""

import statistics
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence

_LATELY = 5  # passes of one size, by their median: one that met a busy moment changes nothing
_LEAST_S = 1e-9  # of a pass: nothing is divided by 0


class StepCost:
    """Learns from `record` and answers with the seconds of a pass of so many rows, as it was before the first step.

    Only how passes compare is of use. How deep the answers are, and what else the machine does, makes all of them
    slower, so two steps that follow one another are compared, and what is learnt is the larger of them: then a size
    that was measured long ago is as true as it was. `first`: seconds by rows before the first step; at least one.
    """

    def __init__(self, first: Mapping[int, float]) -> None:
        self._usual = {rows: max(seconds, _LEAST_S) for rows, seconds in sorted(first.items())}
        self._seen = {rows: deque([seconds], _LATELY) for rows, seconds in self._usual.items()}
        self._sizes = list(self._usual)
        self._asked: dict[int, float] = {}  # answers of `of` since something was learnt: a choice asks for many
        self._before: tuple[Sequence[int], float] | None = None  # the passes of the last step, and its seconds

    def of(self, rows: int) -> float:
        """Seconds; between two measured sizes, and beyond them, as if each row cost the same. At most what passes of
        fewer rows take that have as many together: a size that was last measured at a busy moment would else be
        believed for as long as it seems too dear to be tried."""
        if rows not in self._asked:
            apart = (-(-rows // fewer) * self._usual[fewer] for fewer in self._sizes if fewer < rows)
            self._asked[rows] = min(self._reckoned(rows), *apart, float("inf"))
        return self._asked[rows]

    def _reckoned(self, rows: int) -> float:
        place = bisect_left(self._sizes, rows)
        if place < len(self._sizes) and self._sizes[place] == rows:
            return self._usual[rows]
        if len(self._sizes) == 1:
            return self._usual[self._sizes[0]] * rows / self._sizes[0]
        place = min(max(place, 1), len(self._sizes) - 1)
        low, high = self._sizes[place - 1], self._sizes[place]
        slope = max(0.0, self._usual[high] - self._usual[low]) / (high - low)
        return max(self._usual[low] + slope * (rows - low), _LEAST_S)

    def record(self, passes: Sequence[int], seconds: float) -> None:
        """A step of passes of so many rows each took so long."""
        now = passes, max(seconds, _LEAST_S)
        before, self._before = self._before, now
        if before is None or sum(before[0]) == sum(passes):
            return
        (small, small_s), (large, large_s) = sorted((before, now), key=lambda step: sum(step[0]))
        largest = max(large)
        others = sum(map(self.of, large)) - self.of(largest)
        took = sum(map(self.of, small)) * large_s / small_s - others
        if largest not in self._seen:
            self._seen[largest] = deque([self.of(largest)], _LATELY)
            self._sizes = sorted(self._seen)
        self._seen[largest].append(max(took, _LEAST_S))
        self._usual[largest] = statistics.median(self._seen[largest])
        self._asked.clear()
