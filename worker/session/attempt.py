"""One attempt at one job, from Start until its end is acknowledged: numbering, replay buffer, flow control."""

from collections import deque
from dataclasses import dataclass, field

from wire.chat import ChatRequest, FinishReason, Part, Timings, Usage
from wire.codec import encode
from wire.errors import ERRORS, ErrorCode
from wire.job_state import ENDED, JobMessage, JobState, advance
from wire.messages import Cancelled, Delta, Done, Failed, Refused, TokenLogprob
from worker.chat.answer import Answer
from worker.chat.grammar import constrained_by
from worker.chat.prepared import Prepared
from worker.engine.port import JobUsage, Token
from worker.session.slots import JobKey

Frame = Delta | Done | Failed | Cancelled


@dataclass
class Attempt:
    """What the worker knows of one attempt. Frames stay in `unacked` until the coordinator has them."""

    key: JobKey
    model: str
    request: ChatRequest
    seed: int
    delivered: tuple[int, ...]
    state: JobState = JobState.OFFERED
    answer: Answer | None = None  # set once the request is prepared
    next_seq: int = 0
    unacked: deque[Frame] = field(default_factory=deque)
    unacked_tokens: int = 0
    paused: bool = False
    broken: bool = False  # its answer cannot be read: a bug, which ends this attempt and nothing else
    stopping: bool = False  # the answer is over: the engine has been told, its last tokens are not wanted
    abandoned: bool = False  # the coordinator does not know it any more: nothing is said about it
    handed_back: bool = False  # a drain took it from the engine: it ends as Failed worker_draining

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def step(self, message: JobMessage) -> None:
        self.state = advance(self.state, message)

    def begin(self, prepared: Prepared) -> Answer:
        answer = Answer(prepared.reading)
        for piece in prepared.delivered_pieces:
            answer.push(piece)  # in silence: the client has what they meant
        self.answer = answer
        return answer

    def delta(self, token: Token | None, parts: list[Part]) -> Delta:
        """Number one step's outcome and remember it for replay. Raises if it cannot be put on the wire."""
        logprobs: tuple[TokenLogprob, ...] = ()
        if token is not None and token.logprob is not None:
            top = tuple((tuple(piece), logprob) for piece, logprob in token.top)
            logprobs = (TokenLogprob(bytes=tuple(token.piece), logprob=token.logprob, top=top),)
        delta = Delta(
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

    def end(self, frame: Done | Failed | Cancelled) -> None:
        self.step(JobMessage(frame.type))
        self._remember(frame)

    def failed(self, code: ErrorCode, message: str) -> Failed:
        # the only fault that an engine finds in a checked request is a grammar that is no good
        param = constrained_by(self.request) if code is ErrorCode.INVALID_REQUEST else None
        return Failed(
            job=self.key.job,
            attempt=self.key.attempt,
            seq=self.next_seq,
            code=code,
            message=message,
            param=param,
            retryable=ERRORS[code].retryable,
        )

    def done(self, finish_reason: FinishReason, spent: JobUsage) -> Done:
        key, usage, timings = self.key, self.usage(spent), _timings(spent)
        return Done(
            job=key.job,
            attempt=key.attempt,
            seq=self.next_seq,
            finish_reason=finish_reason,
            usage=usage,
            timings=timings,
        )

    def cancelled(self, spent: JobUsage) -> Cancelled:
        return Cancelled(job=self.key.job, attempt=self.key.attempt, seq=self.next_seq, usage=self.usage(spent))

    def acknowledge(self, next_seq: int) -> None:
        """Forget every frame below `next_seq`: it has arrived."""
        while self.unacked and self.unacked[0].seq < next_seq:
            frame = self.unacked.popleft()
            if isinstance(frame, Delta):
                self.unacked_tokens -= len(frame.tokens)

    def usage(self, spent: JobUsage) -> Usage:
        reasoning = self.answer.reasoning_tokens if self.answer else 0
        return Usage(prompt=spent.prompt, cached=spent.cached, completion=spent.completion, reasoning=reasoning)

    def _remember(self, frame: Frame) -> None:
        self.next_seq += 1
        self.unacked.append(frame)
        if isinstance(frame, Delta):
            self.unacked_tokens += len(frame.tokens)


def _timings(spent: JobUsage) -> Timings:
    return Timings(queued_ms=spent.queued_ms, prefill_ms=spent.prefill_ms, decode_ms=spent.decode_ms)


def refused(key: JobKey, code: ErrorCode, message: str, param: str | None = None) -> Refused:
    """There is no attempt: it was never started."""
    retry_after_s = 1.0 if code is ErrorCode.WORKER_BUSY else None
    return Refused(
        job=key.job, attempt=key.attempt, code=code, message=message, param=param, retry_after_s=retry_after_s
    )
