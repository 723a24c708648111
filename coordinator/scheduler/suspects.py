"""Requests that were in an engine as it died: which of several killed it can only be told if they part.

Two engines that die with the same two requests in them say nothing of which one did it. So each of them is tried once
more in an engine without another suspect, and waits for one: either that dies too and the request is to blame, or it is
served. Nobody else is kept apart: workers that lie of crashes are mostly without suspects, and would be given all of
them (in one simulated network 17 of 100 jobs were spoilt by ten such workers, in place of 7).
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
