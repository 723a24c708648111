"""What others felt of one flood, and of several as the least and the most."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from tools.hostile.flood.flooder import Flooder
from tools.hostile.flood.floods import Flood
from tools.hostile.flood.watch import Cadence, Process

QUIET = "quiet"


@dataclass(frozen=True)
class Felt:
    """Of one run. `sent_mb` and the counts are the flooder's; `asked` is /health of a coordinator, the status that the
    owner of a worker asks for. `worst_gap_ms`: between two tokens of an honest stream; a worker has none here."""

    sent_mb: float
    opened: int
    closed: int
    refused: int
    asked_p99_ms: float
    asked_worst_ms: float
    worst_gap_ms: float
    rss_growth_mb: float
    cpu_s: float

    @classmethod
    def of(cls, flooder: Flooder, asked: Cadence, gaps: Cadence | None, process: Process) -> "Felt":
        return cls(
            round(flooder.sent / 1e6, 1),
            flooder.opened,
            flooder.closed,
            flooder.refused,
            asked.p99_ms(),
            asked.worst_ms(),
            gaps.worst_ms() if gaps else 0.0,
            process.rss_growth_mb(),
            process.cpu_s(),
        )


def name(flood: Flood | None) -> str:
    return flood.name if flood else QUIET


def least_and_most(runs: Iterable[Felt]) -> dict[str, tuple[float, float]]:
    """Of each figure."""
    seen = list(runs)
    figures = {field.name: [getattr(one, field.name) for one in seen] for field in fields(Felt)}
    return {figure: (min(values), max(values)) for figure, values in figures.items()}
