"""The files of a job that its worker lacks: which of them it may have, and how long their way there may take.

A worker asks once an attempt, between the offer and its answer (wire/blobs.py). It may have the files of that job and
no others. A slow line and a worker that pretends to one cannot be told apart: a job waits for its files as long as a
line of SLOWEST_BYTES_PER_S takes, and then goes elsewhere. That is no fault, until an owner's workers do it with one
job after another (rests.handed_back).
"""

from collections.abc import Mapping

from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import File, SendFiles, StopFiles
from coordinator.scheduler.state import Job, Lease, Limits
from coordinator.scheduler.workers import Worker
from wire.blobs import Need
from wire.job_state import JobState

ASKING_S = 10.0  # the way of the question, and of what else stands before the files
SLOWEST_BYTES_PER_S = 125_000  # a line of 1 Mbit/s


def send(state: State, worker: Worker, lease: Lease, need: Need) -> str | None:
    """Send what the worker asks for. Returns what it may not ask for, in words; None: it is on its way."""
    if lease.state is not JobState.OFFERED:
        return None  # it crossed our Cancel
    if lease.wanted_bytes:
        return "its files were asked for twice"
    known = _files(state, lease)
    found = [known.get(wanted.sha256) for wanted in need.files]
    files = [File(x.sha256, x.offset, data) for x, data in zip(need.files, found, strict=False) if data is not None]
    if len(files) < len(need.files):
        return "a file that is not of this job"
    if len({file.sha256 for file in files}) < len(files):
        return "a file that was asked for twice"
    if any(file.offset >= len(file.data) for file in files):
        return "a file from beyond its end"
    lease.wanted_bytes = sum(len(file.data) - file.offset for file in files)
    lease.sending = True
    state.emit(SendFiles(worker.peer.session, lease.job, lease.attempt, tuple(files)))
    return None


def _files(state: State, lease: Lease) -> Mapping[str, bytes]:
    """Those of its job, or of the test of its worker."""
    job = state.current(lease)
    if job is not None:
        return job.spec.blobs
    return lease.spec.blobs if lease.spec is not None and state.quarantine.test(lease.worker) is lease else {}


def stop(state: State, worker: Worker, lease: Lease) -> None:
    """The worker has said what becomes of the attempt, or is told that nobody wants it: its files are not needed."""
    if lease.sending:
        lease.sending = False
        state.emit(StopFiles(worker.peer.session, lease.job, lease.attempt))


def accept_s(job: Job | None, lease: Lease, limits: Limits) -> float:
    """Seconds from Start in which the worker has to accept or refuse."""
    least = limits.accept_pictures_s if job is not None and job.spec.blobs else limits.accept_s
    return least + (ASKING_S + lease.wanted_bytes / SLOWEST_BYTES_PER_S if lease.wanted_bytes else 0.0)
