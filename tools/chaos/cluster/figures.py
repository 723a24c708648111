"""What a run showed, and which figures it missed. Pure: streams and moments in, a row out."""

from collections import Counter
from dataclasses import dataclass
from statistics import median

from tools.chaos.client import percentile
from tools.chaos.cluster.faults import Moment
from tools.chaos.cluster.load import TOKENS, Stream
from tools.cluster.books import Used

Row = dict[str, object]


@dataclass(frozen=True)
class Bound:
    """At most so much of a figure, which has to be there."""

    figure: str
    most: float

    def missed(self, row: Row) -> str:
        """What is to be said if the figure is above it."""
        value = row[self.figure]
        if isinstance(value, int | float) and value <= self.most:
            return ""
        return f"{row['fault']}: {self.figure} is {value}, and may be {self.most:g} at most"


ZERO = ("lost", "wrong", "refused_without_retry_after", "overcharged_tokens", "open_holds")
NOTHING_LOST = tuple(Bound(name, 0) for name in ZERO)
NOTHING_BROKE = (*NOTHING_LOST, Bound("failed", 0))
BOUNDS = {
    "quiet": (*NOTHING_BROKE, Bound("refused", 0)),
    "kill_peer": (*NOTHING_BROKE, Bound("pause_p50_s", 0.7), Bound("pause_p99_s", 3.0)),
    "kill_edge": (*NOTHING_BROKE, Bound("again_p99_s", 2.0)),
    "kill_nats": (*NOTHING_BROKE, Bound("pause_p99_s", 0.5)),
    "dark_nats": NOTHING_BROKE,
    "dark_postgres": NOTHING_BROKE,
    "freeze_peer": NOTHING_BROKE,
    "freeze_edge": NOTHING_BROKE,
    "freeze_nats": NOTHING_BROKE,
    "freeze_postgres": NOTHING_BROKE,
    "revoke": (Bound("stayed", 0), *(Bound(f"{what}_p99_s", 1.5) for what in ("ended", "refused", "freed"))),
    "roll": (*NOTHING_BROKE, Bound("pause_p99_s", 1.5)),
}


def row(fault: str, streams: list[Stream], moments: list[Moment], used: Used) -> Row:
    """The figures of one run. `used`: what its account paid for."""
    at_edge = frozenset().union(*(moment.streams for moment in moments))
    broken = [stream for stream in streams if stream.broken]
    again = [again_s for stream in broken if (again_s := stream.again_s) is not None]
    pauses = [pause for moment in moments for pause in _pauses(streams, moment)]
    refused = [answer for stream in streams for answer in stream.refused]
    tokens = TOKENS * len(streams)
    # Whose edge died as it ended has all of it and does not come back: its hold waits for it (billing/replicas.py).
    ended_with_edge = sum(stream.name in at_edge and not stream.broken for stream in streams)
    return {
        "fault": fault,
        "faults": len(moments),
        "streams": len(streams),
        "lost": sum(not stream.whole for stream in streams),
        "errors": dict(Counter(answer.error for stream in streams for answer in stream.tries if not answer.whole)),
        "wrong": sum(stream.whole and not stream.right for stream in streams),
        "failed": sum(stream.name not in at_edge for stream in broken),
        "broken_with_their_edge": sum(stream.name in at_edge for stream in broken),
        "continued": sum(stream.continued for stream in broken),
        "again_p50_s": _seconds(again, 0.5),
        "again_p99_s": _seconds(again, 0.99),
        "refused": len(refused),
        "refused_without_retry_after": sum("retry-after" not in answer.headers for answer in refused),
        "paused": len(pauses),
        "pause_p50_s": _seconds(pauses, 0.5),
        "pause_p99_s": _seconds(pauses, 0.99),
        "first_token_p50_s": _seconds([stream.first_s for stream in streams if stream.whole], 0.5),
        "charged_requests": used.requests,
        "overcharged_tokens": max(0, used.tokens - tokens),
        "undercharged_tokens": max(0, tokens - used.tokens),
        "open_holds": max(0, used.held - ended_with_edge),
    }


def missed(row: Row) -> list[str]:
    return [said for bound in BOUNDS[str(row["fault"])] if (said := bound.missed(row))]


def _pauses(streams: list[Stream], moment: Moment) -> list[float]:
    """How much longer than usual those waited who were reading; where workers were hit, those who read from them."""
    at = moment.begin
    readers = [stream for stream in streams if (worker := stream.worker_at(at)) and _hit(worker, moment)]
    gaps = [gap for stream in readers for gap in stream.gaps_s]
    usual = median(gaps) if gaps else 0.0
    unbroken = [stream for stream in readers if not stream.broken]
    return [max(0.0, stream.pause_s(moment.begin, moment.end) - usual) for stream in unbroken]


def _hit(worker: str, moment: Moment) -> bool:
    return not moment.workers or worker in moment.workers


def _seconds(values: list[float], share: float) -> float | None:
    return round(percentile(values, share), 3) if values else None
