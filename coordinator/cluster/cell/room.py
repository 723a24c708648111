"""What a cell has room for, of the jobs of other edges."""

from coordinator.dispatch.dispatch import Dispatch
from coordinator.scheduler.state import JobSpec
from wire.errors import ErrorCode, SupernetError
from wire.request import UnknownRequest

MOST = 8192
MOST_BYTES = 512 * 1024 * 1024  # of all their files


def refusal(spec: JobSpec, dispatch: Dispatch, jobs: int, bytes_here: int) -> SupernetError | None:
    """Why this cell cannot take the job beside so many others, with files of so many bytes; None: it can."""
    if isinstance(spec.request, UnknownRequest):
        return SupernetError(ErrorCode.NO_WORKER, "this replica is of an older version")
    if dispatch.job(spec.id) is not None:
        return SupernetError(ErrorCode.OVERLOADED, "this replica has the job already", retry_after_s=1.0)
    if jobs >= MOST or bytes_here + files_bytes(spec) > MOST_BYTES:
        return SupernetError(ErrorCode.OVERLOADED, "too many jobs of other replicas", retry_after_s=1.0)
    return None


def files_bytes(spec: JobSpec) -> int:
    """Of the pictures of its prompt."""
    return sum(map(len, spec.blobs.values()))
