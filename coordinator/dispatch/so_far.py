"""What there is of a job so far, without its place in any process: what another replica needs to go on with it.

Clocks of two machines are never compared, so every time is an age in seconds. What the client has taken is the number
below which it has everything: told again at each takeover, it needs no message before it to have arrived.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, PlainSerializer, PlainValidator

from coordinator.scheduler.state import Job, JobSpec, Lease, Truncated
from wire.chat import MAX_CALLS, TokenCount, TokenId
from wire.errors import ErrorCode, SupernetError
from wire.job_state import JobState
from wire.media import Stage
from wire.messages import MAX_DELIVERED, WINDOW_TOKENS
from wire.scalars import AttemptNumber, Count

MOST_TRIED = 64  # workers that one job avoids, or that speak against it: more than starts are allowed
MOST_UNTAKEN = 4 * WINDOW_TOKENS

Age = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=256)]  # of an account, a worker's key, an instance
Chars = Annotated[str, Field(max_length=4096)]


def _error(said: Any) -> SupernetError:
    if isinstance(said, SupernetError):
        return said
    if not isinstance(said, list | tuple) or len(said) < 4:
        raise ValueError("an error is a code, a sentence, a field and a time")
    code, message, param, retry_after_s = said[:4]
    if not isinstance(message, str) or not isinstance(param, str | None):
        raise ValueError("an error is said in words")
    if not isinstance(retry_after_s, int | float | None):
        raise ValueError("when to come again is said in seconds")
    wait_s = None if retry_after_s is None else min(max(float(retry_after_s), 0.0), 86400.0)
    return SupernetError(ErrorCode(code), message[:4096], param=param, retry_after_s=wait_s)


def _said(error: SupernetError) -> list[Any]:
    return [error.code.value, error.message, error.param, error.retry_after_s]


AnError = Annotated[SupernetError, PlainValidator(_error), PlainSerializer(_said)]  # as a list; no record


@dataclass(frozen=True)
class Tried:
    """How often a job was tried and by whom in vain, with what that cost. Its cell counts, and tells each time.

    `kept`: tokens that count as delivered. Some that the client has may be taken back, when they said nothing.
    """

    starts: Count = 0
    failures: Count = 0
    refusals: Count = 0
    crashes: Count = 0
    handbacks: Count = 0
    kept: Count = 0
    context: Count = 0
    charged: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] = 0.0
    witnesses: Annotated[tuple[tuple[Name, Name], ...], Field(max_length=MOST_TRIED)] = ()  # (owner, worker's key)
    avoid: Annotated[tuple[tuple[Name, Name], ...], Field(max_length=MOST_TRIED)] = ()  # (worker's key, instance)
    error: AnError | None = None
    truncated: Truncated | None = None
    apart: bool = False  # it is tried once more, without another suspect beside it

    @classmethod
    def of(cls, job: Job) -> "Tried":
        return cls(
            job.starts,
            job.failures,
            job.refusals,
            job.crashes,
            job.handbacks,
            len(job.delivered),
            job.context,
            job.charged,
            tuple(job.witnesses.items())[:MOST_TRIED],
            tuple(sorted(job.avoid))[:MOST_TRIED],
            job.error,
            job.truncated,
            job.apart,
        )

    def put_on(self, job: Job) -> None:
        """Make the job one that was tried so. What was delivered is left as it is."""
        job.starts, job.failures, job.refusals, job.crashes = self.starts, self.failures, self.refusals, self.crashes
        job.handbacks, job.context, job.charged = self.handbacks, self.context, self.charged
        job.witnesses, job.avoid = dict(self.witnesses), set(self.avoid)
        job.error, job.truncated, job.apart = self.error, self.truncated, self.apart


@dataclass(frozen=True)
class AttemptSoFar:
    """An attempt that runs on a worker: its lease, to be rebuilt where the worker comes back. Numbers are of the
    worker's frames: what is below `next_seq` has arrived, what is below `taken_seq` the client has taken."""

    attempt: AttemptNumber
    worker: Name
    instance: Name
    accepted: bool = False
    prompt: TokenCount = 0
    next_seq: Count = 0
    taken_seq: Count = 0
    untaken: Annotated[tuple[tuple[Count, TokenCount], ...], Field(max_length=MOST_UNTAKEN)] = ()
    tokens: Count = 0
    size_bytes: Count = 0
    silent: Count = 0
    unsaid: Count = 0
    stage: Stage | None = None
    percent: int = 0
    since_s: Age = 0.0
    progress_s: Age = 0.0
    token_s: Age | None = None
    began_s: Age | None = None
    accompanied: bool = False  # as far as its edge knows: a cell of another replica does not tell it

    @classmethod
    def of(cls, lease: Lease, instance: str, now: float) -> "AttemptSoFar":
        return cls(
            attempt=lease.attempt,
            worker=lease.worker,
            instance=instance,
            accepted=lease.accepted,
            prompt=lease.prompt,
            next_seq=lease.next_seq if lease.trailing is None else lease.trailing.seq,  # it is asked for again
            taken_seq=lease.taken_seq,
            untaken=tuple(lease.untaken)[:MOST_UNTAKEN],
            tokens=lease.tokens,
            size_bytes=lease.size_bytes,
            silent=lease.silent,
            unsaid=lease.unsaid,
            accompanied=lease.accompanied,
            stage=lease.stage,
            percent=lease.percent,
            since_s=max(0.0, now - lease.since),
            progress_s=max(0.0, now - lease.last_progress_at),
            token_s=_age(lease.last_token_at, now),
            began_s=_age(lease.began_at, now),
        )

    def put_on(self, lease: Lease, now: float) -> None:
        """Make a new lease this attempt, as one whose worker has just come back: its line is no fault of its engine."""
        lease.attempt, lease.state, lease.accepted, lease.prompt = self.attempt, JobState.RUNNING, True, self.prompt
        lease.next_seq, lease.taken_seq, lease.acked_seq = self.next_seq, self.taken_seq, 0
        lease.untaken = deque(self.untaken)
        lease.untaken_tokens = sum(tokens for _, tokens in self.untaken)
        lease.tokens, lease.size_bytes = self.tokens, self.size_bytes
        lease.silent, lease.unsaid = self.silent, self.unsaid
        lease.accompanied = lease.accompanied or self.accompanied
        lease.stage, lease.percent = self.stage, self.percent
        lease.since, lease.last_progress_at = now - self.since_s, now - self.progress_s
        lease.last_token_at, lease.began_at = _time(self.token_s, now), _time(self.began_s, now)
        lease.held_up = lease.adopted = True  # with its line
        lease.watch(now)


@dataclass(frozen=True)
class SoFar:
    """Everything of a job but its spec. `attempt`: the one that runs, if its worker may still bring more of it.

    `legs`: how often it was given to another cell; whoever has the client's connection counts them.
    """

    tried: Tried = field(default_factory=Tried)
    delivered: Annotated[tuple[TokenId, ...], Field(max_length=MAX_DELIVERED)] = ()
    served: Annotated[tuple[tuple[Name, Count], ...], Field(max_length=MOST_TRIED)] = ()
    reader: Name | None = None
    read: Count = 0
    said: bool = False
    calls: Annotated[tuple[Count, ...], Field(max_length=MAX_CALLS)] = ()
    arguments: Annotated[tuple[tuple[Count, str], ...], Field(max_length=MAX_CALLS)] = ()
    argument_chars: Count = 0
    percent: int = -1
    previews: Count = 0
    notices: Count = 0
    worker: Name | None = None
    legs: Count = 0
    submitted_s: Age = 0.0
    waiting_s: Age = 0.0
    placed_s: Age | None = None
    first_token_s: Age | None = None
    attempt: AttemptSoFar | None = None

    @classmethod
    def of(cls, job: Job, now: float, instance: str | None = None) -> "SoFar":
        """The job as it is. `instance`: the process of its lease's worker, if the attempt goes along."""
        lease = job.lease
        return cls(
            tried=Tried.of(job),
            delivered=tuple(job.delivered),
            served=tuple(job.served.items()),
            reader=job.reader,
            read=job.read,
            said=job.said,
            calls=tuple(sorted(job.calls)),
            arguments=tuple((index, "".join(pieces)) for index, pieces in job.arguments.items()),
            argument_chars=job.argument_chars,
            percent=job.percent,
            previews=job.previews,
            notices=job.notices,
            worker=job.worker,
            legs=job.legs,
            submitted_s=max(0.0, now - job.submitted),
            waiting_s=max(0.0, now - job.waiting_since),
            placed_s=_age(job.placed_at, now),
            first_token_s=_age(job.first_token_at, now),
            attempt=None if lease is None or instance is None else AttemptSoFar.of(lease, instance, now),
        )

    def job(self, spec: JobSpec, now: float) -> Job:
        """The job of this spec, without a lease, at this clock's times."""
        job = Job(spec, submitted=now - self.submitted_s, waiting_since=now - self.waiting_s)
        self.tried.put_on(job)
        job.delivered, job.served = list(self.delivered), dict(self.served)
        job.reader, job.read, job.said, job.calls = self.reader, self.read, self.said, set(self.calls)
        job.arguments = {index: [text] for index, text in self.arguments}
        job.argument_chars, job.percent = self.argument_chars, self.percent
        job.previews, job.notices, job.worker, job.legs = self.previews, self.notices, self.worker, self.legs
        job.placed_at, job.first_token_at = _time(self.placed_s, now), _time(self.first_token_s, now)
        return job


@dataclass(frozen=True)
class Claim:
    """A job with an attempt that a worker has brought along from another cell."""

    spec: JobSpec
    so_far: SoFar


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else max(0.0, now - at)


def _time(age_s: float | None, now: float) -> float | None:
    return None if age_s is None else now - age_s
