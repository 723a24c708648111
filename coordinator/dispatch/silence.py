"""Tokens that say nothing: a worker is paid by the token, and these cost it nothing.

A parser holds text back for a while, and the argument of a call until it is whole, so tokens without a text are no lie
by themselves. What is too long is the request's doing or the worker's: testimony.py finds out. Tokens behind the last
text are taken back: the client has nothing of them, so it does not pay for them, and another worker does not go on from
them.
"""

from coordinator.scheduler.state import Job, Lease
from wire.chat import CallDelta, ChatRequest, Notice
from wire.messages import Delta

MOST = 512  # tokens, where nothing is held back for long
MOST_WITH_TOOLS = 8192  # the argument of a call, some 32 KB
TOKENS_PER_CHAR = 4  # a character is four tokens at most: a byte each
UNPAID = 16  # tokens at the end of an answer; a template's own marks are fewer


def chars(delta: Delta) -> int:
    """How much it says to the client. A Notice is about the answer and not of it."""
    said = 0
    for part in delta.parts:
        if isinstance(part, CallDelta):
            said += len(part.name or "") + len(part.arguments)
        elif not isinstance(part, Notice):
            said += len(part.text)
    return said


def listen(job: Job, lease: Lease, delta: Delta) -> None:
    """Count what the next delta of an attempt says."""
    said, tokens = chars(delta), len(delta.tokens)
    lease.silent = max(0, lease.silent + tokens - TOKENS_PER_CHAR * said)
    lease.unsaid = 0 if said else lease.unsaid + tokens
    job.said = job.said or said > 0


def is_too_long(job: Job, lease: Lease) -> bool:
    """Whether the attempt has given too many tokens for what they said."""
    tools = isinstance(job.spec.request, ChatRequest) and bool(job.spec.request.tools)
    return lease.silent > (MOST_WITH_TOOLS if tools else MOST)


def is_empty(job: Job, lease: Lease) -> bool:
    """Whether the answer that ends now says nothing at all."""
    trailing = lease.trailing
    return job.work.tokens > 0 and not job.said and (trailing is None or not chars(trailing))


def says_too_little(job: Job, lease: Lease) -> bool:
    """Whether the answer that ends now has had too many tokens for all that they said: what was held back has come."""
    return _silent_at_end(lease) > MOST


def take_back(job: Job, lease: Lease) -> None:
    """Count the attempt's tokens behind its last text as not delivered."""
    _take_back(job, lease, lease.unsaid)


def end(job: Job, lease: Lease) -> None:
    """The answer is whole: what is silent at its end is not paid for, but for a template's marks, nor what stood
    behind all its texts for too much to have been held back."""
    if says_too_little(job, lease):
        _take_back(job, lease, _silent_at_end(lease))
    elif lease.unsaid > UNPAID and (lease.trailing is None or not chars(lease.trailing)):
        take_back(job, lease)


def _silent_at_end(lease: Lease) -> int:
    said = 0 if lease.trailing is None else chars(lease.trailing)
    return max(0, lease.silent - TOKENS_PER_CHAR * said)


def keep(job: Job, worker: str, tokens: int) -> None:
    """Count no more than the first `tokens` of the job as delivered; the others were this worker's."""
    more = len(job.delivered) - tokens
    if more > 0:
        del job.delivered[tokens:]
        job.served[worker] = max(0, job.served.get(worker, 0) - more)


def _take_back(job: Job, lease: Lease, tokens: int) -> None:
    if tokens:
        keep(job, lease.worker, len(job.delivered) - tokens)
        lease.silent = lease.unsaid = 0
