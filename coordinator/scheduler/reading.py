"""How long a worker may take to read a prompt before its first token is missed: its own claim is the yardstick.

Who claims to be fast is held to it, and who says that it is slow gets few jobs where others are free, and the minutes
that it needs. A prompt waits for those before it and shares the engine with those behind it, so all count that the
worker was given meanwhile.
"""

from coordinator.scheduler.placement import reading_tps, seeing_s
from coordinator.scheduler.state import Job, Lease, Limits
from coordinator.scheduler.workers import Replica

# A prompt's length is estimated, and may be four times that; a long one is read more slowly than the 512 tokens by
# which speed is measured; and the machine may have something else to do.
PATIENCE = 5.0
UNKNOWN_TPS = 20.0  # a worker that measured nothing may be an honest slow one


def work_tokens(replica: Replica, job: Job) -> int:
    """Tokens that the worker has to read for the job. Its pictures are read as all of the prompt is, but seen first: by
    the worker's claim that takes as long as to read so many more."""
    tps = reading_tps(replica.speed, replica.offer.slots, UNKNOWN_TPS)
    seeing = seeing_s(replica.image_ms, job.work.prefixes.picture_tokens)
    return job.prompt + len(job.delivered) + round(seeing * tps)


def first_token_s(replica: Replica, lease: Lease, limits: Limits) -> float:
    """Seconds from Accepted in which the first token has to come."""
    tokens = replica.given - lease.read_before
    tps = reading_tps(replica.speed, replica.offer.slots, UNKNOWN_TPS)
    reading_s = tokens / max(tps, 0.01)
    return min(limits.first_token_s + PATIENCE * reading_s, limits.first_token_most_s)
