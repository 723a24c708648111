"""Requests that were in an engine as it died: which of several killed it can only be told if they part.

Two engines that die with the same two requests in them say nothing of which one did it. So a suspect goes to an engine
without another one, where there is such an engine. Once one more death would convict it, it shares an engine with no
other suspect at all, and waits for one: either it dies again and is to blame, or it is served.
"""

from coordinator.scheduler.state import Job, Lease
from coordinator.scheduler.workers import Worker


def among(worker: Worker, model: str) -> list[Lease]:
    """The attempts of suspects that hold slots of this model on the worker."""
    return [lease for lease in worker.leases.values() if lease.suspect and lease.model == model]


def may_meet(worker: Worker, job: Job) -> bool:
    """Whether the suspect may be put beside those that are there."""
    there = among(worker, job.spec.model)
    return not there if job.apart else not any(lease.apart for lease in there)


def meet(worker: Worker, lease: Lease) -> None:
    """The attempt begins there: if it is a suspect's, all suspects there have company from now on."""
    if not lease.suspect:
        return
    there = among(worker, lease.model)
    lease.accompanied = bool(there)
    for other in there:
        other.accompanied = True
