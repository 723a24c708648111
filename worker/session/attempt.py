"""One attempt at one job, from Start until its end is acknowledged: numbering, replay buffer, flow control."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from wire import messages as wire
from wire.chat import FinishReason, Part, Timings, Usage
from wire.codec import encode
from wire.errors import ERRORS, ErrorCode
from wire.job_state import ENDED, JobMessage, JobState, advance
from worker.engine.port import JobUsage, Token
from worker.session.guesses import guesses
from worker.session.slots import JobKey

Frame = wire.Delta | wire.Done | wire.Failed | wire.Cancelled


class Task(Protocol):
    """What an attempt asks of its request, whatever its kind: chat_task.py, media_task.py."""

    @property
    def begun(self) -> bool:
        """The engine has it, or has had it."""
        ...

    @property
    def stop(self) -> str | None:
        """The stop string that ended it, if its kind has any."""
        ...

    def usage(self, spent: JobUsage) -> Usage:
        """Return what the client is told that it used."""
        ...

    def param_at_fault(self, code: ErrorCode) -> str | None:
        """Return the field of the request that an engine's error is about; None: about no field."""
        ...


T = TypeVar("T", bound=Task)


@dataclass
class Attempt(Generic[T]):
    """What the worker knows of one attempt. Frames stay in `unacked` until the coordinator has them."""

    key: JobKey
    model: str
    task: T
    state: JobState = JobState.OFFERED
    next_seq: int = 0
    unacked: deque[Frame] = field(default_factory=deque)
    unacked_tokens: int = 0
    paused: bool = False
    broken: bool = False  # its answer cannot be read: a bug, which ends this attempt and nothing else
    stopping: bool = False  # the answer is over: the engine has been told, its last tokens are not wanted
    abandoned: bool = False  # the coordinator does not know it any more: nothing is said about it
    finishing: tuple[FinishReason, JobUsage] | None = None  # its answer is complete, and being checked
    handed_back: bool = False  # a drain took it from the engine: it ends as Failed worker_draining

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def step(self, message: JobMessage) -> None:
        self.state = advance(self.state, message)

    def delta(self, token: Token | None, parts: list[Part]) -> wire.Delta:
        """Number what one token brought and remember it for replay.

        `token` None: the parts that the end of the answer brought. Raises what the codec raises for text that cannot be
        put on the wire (a lone surrogate, say).
        """
        logprobs: tuple[wire.TokenLogprob, ...] = ()
        if token is not None and token.logprob is not None:
            top = tuple((tuple(piece), logprob) for piece, logprob in token.top)
            logprobs = (wire.TokenLogprob(bytes=tuple(token.piece), logprob=token.logprob, top=top),)
        delta = wire.Delta(
            job=self.key.job,
            attempt=self.key.attempt,
            seq=self.next_seq,
            tokens=() if token is None else (token.id,),
            parts=tuple(parts),
            logprobs=logprobs,
        )
        encode(delta)  # here it can cost its own job only; in the frame it travels with those of others
        self.step(JobMessage.DELTA)
        self._remember(delta)
        return delta

    def end(self, frame: wire.Done | wire.Failed | wire.Cancelled) -> None:
        """Remember the last frame for replay. Raises IllegalTransition for a second end."""
        self.step(JobMessage(frame.type))
        self._remember(frame)

    def failed(self, code: ErrorCode, message: str) -> wire.Failed:
        """Make the attempt's last frame when it failed."""
        return wire.Failed(
            job=self.key.job,
            attempt=self.key.attempt,
            seq=self.next_seq,
            code=code,
            message=message,
            param=self.task.param_at_fault(code),
            retryable=ERRORS[code].retryable,
        )

    def done(self, finish_reason: FinishReason, spent: JobUsage) -> wire.Done:
        """Make the attempt's last frame when its answer is complete."""
        key, usage, timings = self.key, self.task.usage(spent), _timings(spent)
        return wire.Done(
            job=key.job,
            attempt=key.attempt,
            seq=self.next_seq,
            finish_reason=finish_reason,
            stop=self.task.stop,
            usage=usage,
            timings=timings,
        )

    def cancelled(self, spent: JobUsage) -> wire.Cancelled:
        usage = self.task.usage(spent)
        return wire.Cancelled(job=self.key.job, attempt=self.key.attempt, seq=self.next_seq, usage=usage)

    def acknowledge(self, next_seq: int) -> None:
        """Forget every frame below `next_seq`: it has arrived."""
        while self.unacked and self.unacked[0].seq < next_seq:
            frame = self.unacked.popleft()
            if isinstance(frame, wire.Delta):
                self.unacked_tokens -= len(frame.tokens)

    def _remember(self, frame: Frame) -> None:
        self.next_seq += 1
        self.unacked.append(frame)
        if isinstance(frame, wire.Delta):
            self.unacked_tokens += len(frame.tokens)


def _timings(spent: JobUsage) -> Timings:
    return Timings(
        queued_ms=spent.queued_ms,
        prefill_ms=spent.prefill_ms,
        decode_ms=spent.decode_ms,
        completion=spent.completion,
        steps=spent.steps,
        guesses=guesses(spent.guesses),
    )


def refused(key: JobKey, code: ErrorCode, message: str, param: str | None = None) -> wire.Refused:
    """Return the frame that refuses a Start: there is no attempt, so it has no number and is not acknowledged."""
    retry_after_s = 1.0 if code is ErrorCode.WORKER_BUSY else None
    return wire.Refused(
        job=key.job, attempt=key.attempt, code=code, message=message, param=param, retry_after_s=retry_after_s
    )
