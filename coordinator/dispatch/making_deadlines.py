"""How long an attempt that makes something may be silent, and how long it may take.

Its worker says every 10 s how far it is. Loading weights may take minutes, and no step ends meanwhile; from the first
step on there is so much time as such things take, and on a slow machine what its owner claims, within a bound.
"""

from coordinator.scheduler.media_work import MediaWork
from coordinator.scheduler.state import Lease
from coordinator.scheduler.workers import Replica
from wire.job_state import JobState
from wire.media import MediaOffer

SILENT_S = 60.0
LOADING_S = 600.0


def overdue(work: MediaWork, lease: Lease, replica: Replica | None, now: float) -> str | None:
    """Why the attempt is given up; None: it goes on."""
    if lease.state is not JobState.RUNNING or lease.made:
        return None
    if now - lease.last_progress_at > SILENT_S:
        return f"no progress for {SILENT_S:.0f} s"
    if lease.began_at is None:
        return f"not loaded within {LOADING_S:.0f} s" if now - lease.since > LOADING_S else None
    offer = None if replica is None else replica.offer
    within_s = work.timeout_s(offer) if isinstance(offer, MediaOffer) else 0.0
    return f"not made within {within_s:.0f} s" if now - lease.began_at > within_s else None
