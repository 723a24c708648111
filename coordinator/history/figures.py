"""Sums over ended jobs and over minutes, pure: which rows they go to, and what of a job is counted where.

A row is of a model (or of the whole network: ALL) and of a step of time. Times and speeds go into histograms with fixed
bounds, so that the median of any window can be told from the sums of its rows.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from wire.chat import FinishReason
from wire.errors import ErrorCode

ALL = ""  # the model of rows that count the whole network
MINUTE_MS, FIVE_MINUTES_MS, HOUR_MS, DAY_MS = 60_000, 300_000, 3_600_000, 86_400_000
MASKS, MOST = ("up", "measured"), "waiting_most"  # what is not added up: minutes, as bits, and the longest queue
KEPT_MS = {FIVE_MINUTES_MS: 2 * DAY_MS, HOUR_MS: 31 * DAY_MS}  # step -> how long its rows are kept
WORKERS_KEPT_DAYS = 31

TIMES_MS = (50, 100, 150, 250, 400, 600, 900, 1300, 2000, 3000, 4500, 7000, 10_000, 15_000, 25_000, 40_000, 60_000,
            120_000, 300_000, 900_000)  # fmt: skip
SPEEDS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 55, 75, 100, 140, 200, 300, 450, 700, 1000, 2000)  # tokens a second
BOUNDS: dict[str, tuple[int, ...]] = {"queue": TIMES_MS, "ttft": TIMES_MS, "total": TIMES_MS, "speed": SPEEDS}
LEAST_TOKENS = 8  # of an answer whose speed says something

# The client's own: no worker and no operator could have helped it. All other codes are the network's fault.
CLIENTS = frozenset(
    {
        ErrorCode.INVALID_REQUEST,
        ErrorCode.PERMISSION_DENIED,
        ErrorCode.MODEL_NOT_FOUND,
        ErrorCode.NOT_FOUND,
        ErrorCode.REQUEST_TOO_LARGE,
        ErrorCode.CONTEXT_LENGTH_EXCEEDED,
        ErrorCode.INSUFFICIENT_QUOTA,
        ErrorCode.RATE_LIMIT_EXCEEDED,
        ErrorCode.IDEMPOTENCY_CONFLICT,
        ErrorCode.POISON_REQUEST,
        ErrorCode.CONTENT_FILTER,
        ErrorCode.MEDIA_QUOTA,
        ErrorCode.INVALID_MEDIA,
        ErrorCode.EXPIRED,
    }
)
# By these a client ends its own request, as by leaving (billing/billing.py).
LEAVING = frozenset({"cancelled", ErrorCode.DEADLINE_EXCEEDED, ErrorCode.INVALID_API_KEY})
FINISHED = frozenset(get_args(FinishReason))
LOST = "coordinator_lost"  # how a row of usage ends whose times nobody knows (ledger/recovery.py)
# Of jobs that no worker ever had: what they are counted as. Others of them are the client's own fault.
UNSERVED: dict[str, str] = {
    ErrorCode.NO_WORKER: "no_worker",
    ErrorCode.QUEUE_FULL: "turned_away",
    ErrorCode.QUEUE_TIMEOUT: "turned_away",
    ErrorCode.OVERLOADED: "turned_away",
    **dict.fromkeys(LEAVING, "gave_up"),
}


class Key(NamedTuple):
    """Which row."""

    step: int
    model: str
    at_ms: int


class WorkerKey(NamedTuple):
    """Which row of a worker, account/worker."""

    worker: str
    day: int


@dataclass(frozen=True)
class Sums:
    """What is to be added to the rows."""

    models: Mapping[Key, Counter[str]]
    workers: Mapping[WorkerKey, Counter[str]]


def keys(model: str, at_ms: int, now_ms: int) -> list[Key]:
    """The rows of a model that a moment belongs to, without those that are not kept any more."""
    return [Key(step, model, at_ms - at_ms % step) for step, kept in KEPT_MS.items() if now_ms - at_ms < kept]


def fold(rows: Iterable[Any], now_ms: int) -> Sums:
    """The sums of rows of usage."""
    models: dict[Key, Counter[str]] = {}
    workers: dict[WorkerKey, Counter[str]] = {}
    for row in rows:
        counted = of_row(row)
        for key in keys(row.model, row.at_ms, now_ms):
            models.setdefault(key, Counter()).update(counted)
        if row.worker and now_ms - row.at_ms < WORKERS_KEPT_DAYS * DAY_MS:
            own = {name: counted[name] for name in OF_A_WORKER if name in counted}
            workers.setdefault(WorkerKey(row.worker, row.at_ms // DAY_MS), Counter()).update(own)
    return Sums(with_all(models), workers)


OF_A_WORKER = ("requests", "failed", "cancelled", "prompt", "completion", "units")


def with_all(models: dict[Key, Counter[str]]) -> dict[Key, Counter[str]]:
    """The same, and the rows of the whole network."""
    whole: dict[Key, Counter[str]] = {}
    for key, counted in models.items():
        whole.setdefault(key._replace(model=ALL), Counter()).update(counted)
    return models | whole


def of_row(row: Any) -> dict[str, int]:
    """What a row of usage, an ended job that a worker had, adds to its rows here."""
    counted = {name: getattr(row, name) for name in ("prompt", "cached", "completion", "reasoning")}
    counted |= {"requests": 1, "units": row.units or 0, "moved": int(row.attempts > 1)}
    if row.finish not in FINISHED:
        counted[_failure(row.finish)] = 1
    if row.finish == LOST:
        return counted
    counted[bucket("queue", row.queued_ms)] = 1
    if row.first_token_ms is not None:
        counted[bucket("ttft", row.first_token_ms)] = 1
    if row.finish in FINISHED:
        counted[bucket("total", row.total_ms)] = 1
        streamed_ms = row.total_ms - (row.first_token_ms or 0)
        if row.first_token_ms is not None and row.completion >= LEAST_TOKENS and streamed_ms > 0:
            counted[bucket("speed", (row.completion - 1) * 1000 / streamed_ms)] = 1
    return counted


def _failure(finish: str) -> str:
    if finish in LEAVING:
        return "cancelled"
    return "faulty" if finish in CLIENTS else "failed"


def bucket(name: str, value: float) -> str:
    """The column of a histogram that the value is counted in."""
    return f"{name}_{bisect_left(BOUNDS[name], value)}"


def percentile(name: str, counts: list[int], part: float) -> float | None:
    """The value that `part` of those counted do not exceed, as if they lay evenly within each bucket; None: there are
    none. What is beyond the last bound is told as that."""
    whole = sum(counts)
    if not whole:
        return None
    bounds, rank = BOUNDS[name], part * whole
    for place, count in enumerate(counts):
        if count and rank <= count:
            low = bounds[place - 1] if place else 0
            high = bounds[min(place, len(bounds) - 1)]
            return low + (high - low) * rank / count
        rank -= count
    return float(bounds[-1])  # rounding alone leads here
