"""The one form in which every bench of the project prints a comparison: ours against a peer's, with the spread.

Ours and the peer are measured in turns, so that a machine which others use meanwhile is equally busy for both; the
ratio of a pair is then steadier than either number.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """Medians of `ours` and `peer`; the median, least and largest ratio ours / peer of the pairs; None: has no peer."""

    case: str
    ours: float
    peer: float | None
    unit: str
    ratio: float | None
    ratio_min: float | None
    ratio_max: float | None
    runs: int


def row(case: str, unit: str, ours: Sequence[float], peer: Sequence[float] = ()) -> Row:
    """One row of numbers measured in pairs; no `peer`: something that only we have. Pairs with a peer of 0 are left out
    of the ratio.
    """
    pairs = list(zip(ours, peer, strict=True)) if peer else []
    ratios = [round(mine / other, 4) for mine, other in pairs if other]
    middle, least, most = (median(ratios), min(ratios), max(ratios)) if ratios else (None, None, None)
    return Row(
        case, round(median(ours), 3), round(median(peer), 3) if peer else None, unit, middle, least, most, len(ours)
    )


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, which is readable as it is."""
    head = ("case", "ours", "peer", "unit", "ours / peer", "least to most", "runs")
    body = [
        (each.case, _short(each.ours), _short(each.peer), each.unit, _short(each.ratio), _range(each), str(each.runs))
        for each in rows
    ]
    widths = [max(len(line[i]) for line in (head, *body)) for i in range(len(head))]
    lines = [head, tuple("-" * width for width in widths), *body]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def as_json(rows: Sequence[Row]) -> str:
    """One line of JSON for each row."""
    return "\n".join(json.dumps(asdict(each)) for each in rows)


def _short(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}" if abs(number) < 1000 else f"{number:.0f}"


def _range(each: Row) -> str:
    return "-" if each.ratio is None else f"{_short(each.ratio_min)} to {_short(each.ratio_max)}"
