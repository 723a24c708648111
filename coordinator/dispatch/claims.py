"""Bounds on what one attempt of a worker may claim: beyond them it is no honest worker's, and no client pays for it.

A worker owns its machine. Text without tokens is never billed and has no end, and tokens beyond the window look to the
client's buffer like a client that does not read: both are caught here, before anything is kept.
"""

from coordinator.scheduler.state import Job, Lease
from wire import scalars
from wire.chat import CallDelta, Usage
from wire.messages import Delta

TEXT_PER_TOKEN = 512  # the longest tokens have some 130 characters, and as text in JSON each may become six
PART_BYTES = 64  # of a part beside its text; a token brings one or two
LOGPROB_PER_TOKEN = 64  # bytes of one alternative, with its figure
TEXT_SLACK = 64 * 1024  # what a parser held back comes at once: a call, the rest of a thought
FAR_ABOVE = 1.5  # times our count: other versions of a tokeniser or template differ by less
FAR_TOKENS = 64  # and by less than so many tokens, however short the prompt
OVERRUN = 2  # windows: a pause reaches the engine some steps late


def size_bytes(delta: Delta) -> int:
    """About how many bytes a delta keeps: its parts and its logprobs."""
    texts = PART_BYTES * len(delta.parts)
    for part in delta.parts:
        if isinstance(part, CallDelta):
            texts += scalars.size_bytes(part.name or "") + scalars.size_bytes(part.arguments)
        else:
            texts += scalars.size_bytes(part.text)
    for token in delta.logprobs:
        texts += sum(32 + len(piece) for piece in (token.bytes, *(piece for piece, _ in token.top)))
    return texts


def violation(job: Job, lease: Lease, delta: Delta, size: int, window_tokens: int) -> str | None:
    """What is wrong with an attempt's next delta, in words; None if it may be kept. `size`: its size_bytes."""
    tokens, top = len(delta.tokens), job.work.top_logprobs
    if not job.work.tokens:
        return "a delta of what is made without tokens"
    if len(job.delivered) + tokens > job.work.tokens:
        return "more tokens than were asked for"
    if lease.trailing is not None:
        return "something follows a delta without tokens"
    if lease.untaken_tokens + tokens > OVERRUN * window_tokens:
        return "more tokens than its window has room for"
    if len(delta.logprobs) > (0 if top is None else tokens):
        return "logprobs that nobody asked for"
    each = TEXT_PER_TOKEN + (0 if top is None else LOGPROB_PER_TOKEN * (1 + top))
    if lease.size_bytes + size > TEXT_SLACK + each * (lease.tokens + tokens):
        return "more text than its tokens can hold"
    return None


def clamped(usage: Usage, most: int) -> Usage:
    """The usage with no more prompt tokens than `most`: its text and the slot that held it allow no more."""
    prompt = min(usage.prompt, most)
    return usage.model_copy(update={"prompt": prompt, "cached": min(usage.cached, prompt)})


def far_above(claimed: int, counted: int) -> bool:
    """Whether a claim of prompt tokens is beyond what an honest worker's other tokeniser or template could explain."""
    return claimed > max(counted * FAR_ABOVE, counted + FAR_TOKENS)
