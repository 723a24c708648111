"""How fast a worker really is: its claim is believed as far as what was seen bears it out.

A worker measures its own speed and may say what it likes. Placement goes by the slower of claim and what its jobs took,
and a stream far below the claim goes on elsewhere if something much faster is free. An honest slow machine claims
little, and is held to that.
"""

from coordinator.scheduler import placement
from coordinator.scheduler.placement import GRACE_S, TOLERANCE, Candidate, decode_tps, reading_tps
from coordinator.scheduler.reading import UNKNOWN_TPS
from coordinator.scheduler.state import Job, Lease, Limits
from coordinator.scheduler.workers import Replica
from wire.media import MediaOffer
from wire.offers import ModelOffer, SpeedPoint

LEARNING = 0.5
HALF_LIFE_S = 600.0  # of what was seen: a worker that nobody asks any more could show nothing better
WATCHED_S = 10.0  # the part of a stream that is held against the claim
SLOW = 0.1  # of the claim, at the load that the worker has
NEARLY = 1.01  # times as slow as claimed: what was seen long ago
MOST_MS = 1e9  # of an offer
UNMEASURED = SpeedPoint(  # what placement takes a worker for that measured nothing
    streams=1,
    decode_tps=placement.UNKNOWN_TPS,
    prefill_tps=placement.UNKNOWN_PREFILL_TPS,
    ttft_ms=placement.UNKNOWN_TTFT_MS,
)
READING_S = 1.0  # while it reads longer prompts than that, streams beside may be slow


def slowness(replica: Replica, now: float) -> float:
    """How many times longer than claimed the worker's jobs took lately; 1 if they kept to TOLERANCE and GRACE_S."""
    left: float = 0.5 ** ((now - replica.slowness_at) / HALF_LIFE_S)
    return 1.0 + (replica.slowness - 1.0) * left


def borne_out(replica: Replica, failures: int, now: float) -> ModelOffer | MediaOffer:
    """The worker's offer with speeds by which a job takes as long as is to be expected of it (placement.believed_s),
    doubled for each of its recent faults."""
    offer, slow, faults = replica.offer, slowness(replica, now) - 1.0, 2.0 ** min(failures, 10)
    times = (1.0 + slow * TOLERANCE) * faults
    if times < NEARLY:
        return offer
    if isinstance(offer, MediaOffer):
        return offer.model_copy(update={"speed": offer.speed / times})
    grace_ms = slow * GRACE_S * faults * 1000
    points = tuple(
        point.model_copy(
            update={
                "decode_tps": point.decode_tps / times,
                "prefill_tps": point.prefill_tps / times,
                "ttft_ms": min(point.ttft_ms * times + grace_ms, MOST_MS),
            }
        )
        for point in offer.speed or (UNMEASURED,)
    )
    return offer.model_copy(update={"speed": points})


def learn(replica: Replica, lease: Lease, job: Job, took_s: float, now: float) -> None:
    """An attempt took that long for its tokens, or for what it made. The claim for a worker with all slots taken is the
    yardstick: it may have been as full as that."""
    slots, speed = replica.offer.slots, replica.speed
    if lease.made:
        full = Candidate(lease.worker, slots - 1, context=0, effort_s=replica.effort_s)
        claimed_s = job.work.seconds(full, 0)
    else:
        reading_s = (replica.given - lease.read_before) / max(reading_tps(speed, slots, UNKNOWN_TPS), 0.01)
        claimed_s = reading_s + lease.tokens / max(stream_tps(replica, slots), 0.01)
    seen = max(took_s / (TOLERANCE * claimed_s + GRACE_S), 1.0)
    before = slowness(replica, now)
    replica.slowness, replica.slowness_at = before + LEARNING * (seen - before), now


def stream_tps(replica: Replica, streams: int) -> float:
    """Tokens a second of one stream among so many, as the worker claims."""
    return decode_tps(replica.speed, streams) / max(streams, 1)


def slow_tps(replica: Replica, lease: Lease, limits: Limits, now: float) -> float | None:
    """The speed of a stream if it was far below the claim while it was watched; None if it was not, or is not known.
    To be asked at ticks. A stream that waits for its client, or stands behind a prompt, is not slow."""
    if lease.last_token_at is None:
        return None
    reading_s = (replica.given - replica.read) / max(reading_tps(replica.speed, 1, UNKNOWN_TPS), 0.01)
    if lease.untaken_tokens >= limits.window_tokens // 2 or reading_s > READING_S:
        lease.watch(now)
        return None
    watched_s = now - lease.watched_at
    if watched_s < WATCHED_S:
        return None
    tps = (lease.tokens - lease.watched_tokens) / watched_s
    lease.watch(now)
    return tps if tps < SLOW * stream_tps(replica, replica.held) else None
