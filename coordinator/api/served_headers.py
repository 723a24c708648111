"""Headers that say how an answer is served, or waits to be."""

import hashlib

from coordinator.dispatch.effects import Report
from coordinator.dispatch.outlook import QueuePosition


def queue_headers(standing: QueuePosition | None) -> dict[str, str]:
    """Place and wait of a stream that begins before its job does."""
    if standing is None:
        return {}
    wait_ms = str(round(standing.wait_s * 1000))
    return {"x-supernet-queue-place": str(standing.place), "x-supernet-queue-wait-ms": wait_ms}


def pseudonym(worker: str | None) -> str:
    """What clients know a worker by: the same for one worker, and nothing of its key."""
    return hashlib.sha256((worker or "").encode()).hexdigest()[:12]


def timing(report: Report) -> dict[str, str]:
    """Headers of a whole answer: how its first choice was served."""
    headers = {
        "x-supernet-attempts": str(report.attempts),
        "x-supernet-queue-ms": str(round(report.queued_s * 1000)),
        "x-supernet-worker": pseudonym(report.worker),
    }
    if report.first_token_s is not None:
        headers["x-supernet-ttft-ms"] = str(round(report.first_token_s * 1000))
    return headers
