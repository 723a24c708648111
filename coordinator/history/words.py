"""The history as the API tells it; pure. Nothing in it names anybody."""

from collections.abc import Mapping, Sequence
from typing import Any

from coordinator.history.figures import BOUNDS, percentile
from coordinator.history.uptime import Uptime

Json = dict[str, Any]
BUCKETS = {name: tuple(f"{name}_{bucket}" for bucket in range(len(bounds) + 1)) for name, bounds in BOUNDS.items()}


def jobs(row: Mapping[str, int]) -> Json:
    """What was asked and what became of it. `requests` are those that a worker had, each choice one."""
    return {
        "requests": row.get("requests", 0),
        "failed": row.get("failed", 0),
        "client_errors": row.get("faulty", 0),
        "cancelled": row.get("cancelled", 0),
        "moved": row.get("moved", 0),
        "no_worker": row.get("no_worker", 0),
        "turned_away": row.get("turned_away", 0),
        "gave_up": row.get("gave_up", 0),
        "prompt_tokens": row.get("prompt", 0),
        "cached_tokens": row.get("cached", 0),
        "completion_tokens": row.get("completion", 0),
        "reasoning_tokens": row.get("reasoning", 0),
        "units": row.get("units", 0),
    }


def figures(row: Mapping[str, int]) -> Json:
    """The same, with how quickly it was done."""
    return {
        **jobs(row),
        "queue_ms": _percentiles(row, "queue", (50, 95)),
        "ttft_ms": _percentiles(row, "ttft", (50, 95)),
        "total_ms": _percentiles(row, "total", (50, 95)),
        "tokens_per_second": _percentiles(row, "speed", (5, 50, 95)),
    }


def _percentiles(row: Mapping[str, int], name: str, parts: Sequence[int]) -> Json:
    counts = [row.get(bucket, 0) for bucket in BUCKETS[name]]
    found = {f"p{part}": percentile(name, counts, part / 100) for part in parts}
    return {"count": sum(counts), **{part: None if value is None else round(value, 1) for part, value in found.items()}}


def state(row: Mapping[str, int], measured: int) -> Json:
    """The means of the samples of so many minutes; None: there were none."""
    names = ("workers", "ready", "slots", "busy", "waiting")
    means = {name: round(row.get(name, 0) / measured, 2) if measured else None for name in names}
    return {**means, "waiting_most": row.get("waiting_most", 0)}


def uptime_json(found: Uptime) -> Json:
    return {
        "minutes": found.minutes,
        "measured": found.measured,
        "up": found.up,
        "share": None if found.share is None else round(found.share, 5),
    }


def demand(waiting: int, day: Mapping[str, int], week: Mapping[str, int]) -> Json:
    """How much a model is wanted: what waits now, and what came in the last 24 hours and the last 7 days."""
    told: Json = {"waiting": waiting}
    for name, row in (("24h", day), ("7d", week)):
        told[f"requests_{name}"] = row.get("requests", 0)
        told[f"tokens_{name}"] = row.get("prompt", 0) + row.get("completion", 0)
        told[f"units_{name}"] = row.get("units", 0)
        told[f"no_worker_{name}"] = row.get("no_worker", 0)
        told[f"turned_away_{name}"] = row.get("turned_away", 0)
    return told


def missed(told: Mapping[str, int]) -> int:
    """Of a `demand`: the requests that a further worker would have, those that wait and those of a day that nobody
    had room for."""
    return told["waiting"] + told["no_worker_24h"] + told["turned_away_24h"]


def of_worker(row: Mapping[str, Any]) -> Json:
    """One day of a worker."""
    return {
        "requests": row.get("requests", 0),
        "failed": row.get("failed", 0),
        "cancelled": row.get("cancelled", 0),
        "prompt_tokens": row.get("prompt", 0),
        "completion_tokens": row.get("completion", 0),
        "units": row.get("units", 0),
        "online_minutes": row.get("online", 0),
        "ready_minutes": row.get("ready", 0),
    }
