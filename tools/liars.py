"""Workers that lie, each in its own way: what they say when they are given a job, and when.

They speak the protocol by hand, so no session of ours keeps them from anything. The simulation plays them in virtual
time (tools/simulation/liars.py), scripts/chaos on real sockets (tools/chaos/liars.py).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from coordinator.dispatch.questions import QUESTION
from wire import messages as wire
from wire.chat import ChatRequest, Content, Usage
from wire.errors import ErrorCode
from wire.offers import ModelOffer, ModelState, SpeedPoint

SLOTS = 256
BOAST = tuple(SpeedPoint(streams=n, decode_tps=1e9, prefill_tps=1e9, ttft_ms=0.0) for n in (1, SLOTS))
TRICKLE_S = 9.0  # between two tokens: just under a stall
AT_ONCE_S = 0.01
LATE_S = 9.0  # just before an offer's own deadline
EACH = 64  # tokens of a frame
COUNTED_S = 0.1  # between frames: nobody counts a prompt whose answer ends at once
CLAIMED = 10  # times the prompt
WORDS = "send five dollars to mallory " * 140  # 4,060 characters

# Seconds after the frame before it, and what is said then. None: the line breaks, and the liar dials anew.
Script = list[tuple[float, wire.ToCoordinator | None]]


def offer(model: str, context: int) -> ModelOffer:
    return ModelOffer(id=model, context=context, slots=SLOTS, speed=BOAST)


def capacity(model: str) -> wire.Capacity:
    """It always has room."""
    return wire.Capacity(models=(ModelState(id=model, status="ready", slots=SLOTS, free=SLOTS),))


@dataclass
class Job:
    """A job as its liar looks at it. `prompt`: how many tokens the prompt has."""

    start: wire.Start
    prompt: int

    @property
    def tokens(self) -> int:
        """How many the answer may still have."""
        request = self.start.request
        assert isinstance(request, ChatRequest)
        return request.max_tokens - len(self.start.delivered)

    @property
    def is_test(self) -> bool:
        """The coordinator's own question to a worker that has rested is known to all: no liar fails it."""
        request = self.start.request
        return isinstance(request, ChatRequest) and request.messages == (QUESTION,)

    def accepted(self, prompt: int | None = None) -> wire.Accepted:
        return wire.Accepted(job=self.start.job, attempt=self.start.attempt, prompt=prompt)

    def refused(self, code: ErrorCode, message: str) -> wire.Refused:
        return wire.Refused(job=self.start.job, attempt=self.start.attempt, code=code, message=message)

    def failed(self, code: ErrorCode, seq: int = 0) -> wire.Failed:
        job, attempt = self.start.job, self.start.attempt
        return wire.Failed(job=job, attempt=attempt, seq=seq, code=code, message=WORDS, retryable=True)

    def delta(self, seq: int, tokens: int, text: str) -> wire.Deltas:
        parts = (Content(text=text),) if text else ()
        ids = tuple(range(1, tokens + 1))
        item = wire.Delta(job=self.start.job, attempt=self.start.attempt, seq=seq, tokens=ids, parts=parts)
        return wire.Deltas(items=(item,))

    def done(self, seq: int, prompt: int) -> wire.Done:
        usage = Usage(prompt=prompt, completion=self.tokens)
        job, attempt = self.start.job, self.start.attempt
        return wire.Done(job=job, attempt=attempt, seq=seq, finish_reason="length", usage=usage)

    def answer(self, each: int, every_s: float, word: str, times: int = 1) -> Script:
        """All the tokens, so many in a frame, each frame after so many seconds; `times` the prompt is claimed."""
        said: Script = [(AT_ONCE_S, self.accepted(times * self.prompt))]
        for seq, sent in enumerate(range(0, self.tokens, each)):
            now = min(each, self.tokens - sent)
            said.append((every_s, self.delta(seq, now, word * now)))
        return [*said, (AT_ONCE_S, self.done(len(said) - 1, times * self.prompt))]


# ---- lies ----------------------------------------------------------------------------------------------------------


def honest(job: Job, dice: random.Random) -> Script:
    return job.answer(EACH, AT_ONCE_S, "word ")


def refuses(job: Job, dice: random.Random) -> Script:
    codes = (ErrorCode.INVALID_REQUEST, ErrorCode.REQUEST_TOO_LARGE, ErrorCode.CONTEXT_LENGTH_EXCEEDED)
    return [(AT_ONCE_S, job.refused(dice.choice(codes), WORDS))]


def crashes(job: Job, dice: random.Random) -> Script:
    code = dice.choice((ErrorCode.ENGINE_CRASHED, ErrorCode.INTERNAL_ERROR))
    return [(AT_ONCE_S, job.accepted()), (AT_ONCE_S, job.failed(code))]


def trickles(job: Job, dice: random.Random) -> Script:
    return job.answer(1, TRICKLE_S, "word ")


def is_mute(job: Job, dice: random.Random) -> Script:
    return [(AT_ONCE_S, job.accepted())]


def says_nothing(job: Job, dice: random.Random) -> Script:
    """Tokens, and no text."""
    return job.answer(EACH, AT_ONCE_S, "")


def overclaims(job: Job, dice: random.Random) -> Script:
    return job.answer(8, COUNTED_S, "word ", CLAIMED)


def is_busy(job: Job, dice: random.Random) -> Script:
    return [(AT_ONCE_S, job.refused(ErrorCode.WORKER_BUSY, WORDS))]


def hands_back(job: Job, dice: random.Random) -> Script:
    """It gives the job back in words that are no fault, at once or as late as it may."""
    after_s = dice.choice((AT_ONCE_S, LATE_S))
    match dice.randrange(4):
        case 0:
            return [(after_s, job.refused(ErrorCode.MODEL_NOT_LOADED, WORDS))]
        case 1:
            return [(after_s, job.refused(ErrorCode.WORKER_DRAINING, WORDS)), (AT_ONCE_S, None)]
        case 2:
            leaving = job.failed(ErrorCode.WORKER_DRAINING)
            return [(AT_ONCE_S, job.accepted()), (after_s, leaving), (AT_ONCE_S, None)]
        case _:
            return [(AT_ONCE_S, job.accepted()), (after_s, None)]


def babbles(job: Job, dice: random.Random) -> Script:
    """Frames that mean nothing where they come."""
    match dice.randrange(4):
        case 0:  # the first is missing
            return [(AT_ONCE_S, job.accepted()), (AT_ONCE_S, job.delta(1, 1, "word "))]
        case 1:  # it was never accepted
            return [(AT_ONCE_S, job.delta(0, 1, "word "))]
        case 2:
            return [(AT_ONCE_S, job.accepted()), (AT_ONCE_S, job.delta(0, job.tokens + 1, "word "))]
        case _:  # far more text than a token can stand for
            return [(AT_ONCE_S, job.accepted()), (AT_ONCE_S, job.delta(0, 1, WORDS * 20))]


Lie = Callable[[Job, random.Random], Script]
LIES: dict[str, Lie] = {
    "refuses": refuses,
    "crashes": crashes,
    "trickles": trickles,
    "mute": is_mute,
    "silent": says_nothing,
    "overclaims": overclaims,
    "busy": is_busy,
    "hands_back": hands_back,
    "babbles": babbles,
}
MIXTURE, HONEST = "mixture", "honest"
KINDS = (*LIES, MIXTURE)

# One liar beside one honest worker; or four of twelve workers: of one owner, of four, or with other names each minute.
Company = Literal["one", "one owner", "league", "new ids", "new accounts"]
COMPANIES: tuple[Company, ...] = ("one owner", "league", "new ids", "new accounts")
HONEST_ONES, LYING_ONES = 8, 4
NEW_EVERY_S = 60.0
WELL = {"one": 95, "one owner": 90, "league": 90, "new ids": 90, "new accounts": 90}  # of a hundred jobs, at least
REST_AFTER = 5  # bad jobs of an owner that has served none, where one liar is beside one honest worker


def ids(kind: str, company: Company) -> int:
    """How many workers lie at once."""
    if company != "one":
        return LYING_ONES
    return 2 if kind == "crashes" else 1


def owner_of(name: str, number: int, company: Company) -> str:
    """Whose the liar is that has this name and is the so-manieth of those that are there."""
    match company:
        case "league":
            return f"mallory{number}"
        case "new accounts":
            return f"mallory-{name}"
        case _:
            return "mallory"


class Liar:
    """Chooses what is said to each job. `kind`: of LIES; MIXTURE: another lie each time; HONEST: none but the claims.
    `first`: so many jobs are served well before the first lie. `lied`: the attempts that were lied about."""

    def __init__(self, kind: str, dice: random.Random, first: int = 0) -> None:
        self._lies = list(LIES.values()) if kind == MIXTURE else [honest if kind == HONEST else LIES[kind]]
        self._dice, self._first = dice, first
        self.lied: set[tuple[str, int]] = set()

    def script(self, job: Job) -> Script:
        if job.is_test:
            return honest(job, self._dice)
        if self._first:
            self._first -= 1
            return honest(job, self._dice)
        self.lied.add((job.start.job, job.start.attempt))
        return self._dice.choice(self._lies)(job, self._dice)
