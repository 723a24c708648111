"""A speed curve as bars for a terminal, beside an earlier one. Pure."""

from collections.abc import Callable, Sequence

from wire.messages import SpeedPoint

WIDTH = 40
EIGHTHS = " ▏▎▍▌▋▊▉█"
SAME = 0.03  # two runs of the same machine differ by so much without a reason

_ROWS: tuple[tuple[str, Callable[[SpeedPoint], float], str, bool], ...] = (
    ("decode, all streams together", lambda point: point.decode_tps, "tokens/s", True),
    ("prefill", lambda point: point.prefill_tps, "tokens/s", True),
    ("time to first token", lambda point: point.ttft_ms, "ms", False),
)


def curve(points: Sequence[SpeedPoint], earlier: Sequence[SpeedPoint] = ()) -> str:
    """A block of bars for each measure, a bar for each number of streams; below it that of `earlier`."""
    then = {point.streams: point for point in earlier}
    blocks = []
    for title, value, unit, more_is_better in _ROWS:
        most = max([value(point) for point in [*points, *earlier]], default=0.0)
        lines = [f"{title} ({unit})"]
        for point in points:
            was = then.get(point.streams)
            change = "" if was is None else _change(value(point), value(was), more_is_better)
            lines.append(f"{point.streams:4d} {bar(value(point), most)} {value(point):10,.1f}{change}")
            if was is not None:
                lines.append(f"     {bar(value(was), most)} {value(was):10,.1f}   before")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def bar(value: float, most: float) -> str:
    """WIDTH characters, filled to an eighth of one."""
    eighths = round(8 * WIDTH * min(1.0, value / most)) if most > 0 else 0
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(WIDTH)


def _change(now: float, then: float, more_is_better: bool) -> str:
    if then <= 0:
        return ""
    change = now / then - 1
    if abs(change) <= SAME:
        return "   as before"
    better = (change > 0) == more_is_better
    return f"   {change:+.0%}, {'better' if better else 'worse'}"
