"""A worker has dialled another cell, with attempts of our jobs: they go on there."""

from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Kept, Reclaim
from coordinator.dispatch.so_far import SoFar

SURE_S = 2.0  # by then the answer has arrived, or will not
MOST_BYTES = 6 * 1024 * 1024  # of one answer, about: the bus carries 8
CHAR_BYTES = 8  # of a prompt's token, as text in JSON
TOKEN_BYTES = 12  # of a delivered one


def reclaim(table: Journeys, question: Reclaim, cell: ReplicaId, now: float) -> tuple[Kept, ...]:
    """The jobs that go on in the cell that asked, each under a new leg. The cell that had it before is told to stop."""
    kept, size = [], 0
    for job_id, attempt, frame in question.items:
        journey = table.jobs.get(job_id)
        if journey is None or journey.job.cancelled:
            continue
        size += _bytes(journey)
        if size > MOST_BYTES or not journey.resume(question.worker, question.instance, attempt, frame):
            continue
        if journey.cell != cell:
            table.drop(journey)
        journey.board(cell, now)
        journey.sure_at = now + SURE_S
        table.counts.reclaimed += 1
        table.counts.legs["reclaimed"] += 1
        so_far = SoFar.of(journey.job, now, journey.instance)
        kept.append(Kept(job_id, journey.job.legs, journey.job.spec, so_far, journey.so_much()))
    return tuple(kept)


def _bytes(journey: Journey) -> int:
    job = journey.job
    files = sum(map(len, job.spec.blobs.values())) + (journey.answer.bytes if journey.answer else 0)
    return files + CHAR_BYTES * job.prompt + TOKEN_BYTES * len(job.delivered)
