"""The speed that a worker measured itself, at any number of streams: asked for each candidate of each job, so kept."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from wire.offers import SpeedPoint


class Pace(NamedTuple):
    """All streams together, in tokens a second; `ttft_ms` is of a prompt of 512 tokens."""

    decode_tps: float
    prefill_tps: float
    ttft_ms: float


class SpeedCurve:
    """Between measured points on a line, outside of them constant."""

    def __init__(self, points: Iterable[SpeedPoint] = ()) -> None:
        self._points = tuple(points)
        self._known: dict[int, Pace] = {}  # by streams: as many as it has slots, and one more

    def at(self, streams: int) -> Pace | None:
        """None where nothing was measured."""
        if streams not in self._known:
            if not self._points:
                return None
            self._known[streams] = Pace(
                _interpolate([(p.streams, p.decode_tps) for p in self._points], streams),
                _interpolate([(p.streams, p.prefill_tps) for p in self._points], streams),
                _interpolate([(p.streams, p.ttft_ms) for p in self._points], streams),
            )
        return self._known[streams]


def _interpolate(points: list[tuple[int, float]], at: int) -> float:
    points = sorted(points)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= at <= x1:
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0) if x1 > x0 else y1
    return points[0][1] if at < points[0][0] else points[-1][1]
