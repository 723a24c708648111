"""What no honest worker sends: pure bounds on what one attempt may tell, so that a lie costs its worker, no client.

A worker owns its machine. Text without tokens is never billed and has no end, and tokens beyond the window look to the
client's buffer like a client that does not read: both are caught here, before anything is kept.
"""

from coordinator.scheduler.state import Job, Lease
from wire.chat import CallDelta, Usage
from wire.messages import Delta

TEXT_PER_TOKEN = 512  # the longest tokens have some 130 characters, and as text in JSON each may become six
LOGPROB_PER_TOKEN = 64  # bytes of one alternative, with its figure
TEXT_SLACK = 64 * 1024  # what a parser held back comes at once: a call, the rest of a thought
OVERRUN = 2  # windows: a pause reaches the engine some steps late


def weight(delta: Delta) -> int:
    """About how many bytes a delta keeps: its texts and its logprobs."""
    texts = 0
    for part in delta.parts:
        if isinstance(part, CallDelta):
            texts += len(part.name or "") + len(part.arguments)
        else:
            texts += len(part.text)
    for token in delta.logprobs:
        texts += sum(32 + len(piece) for piece in (token.bytes, *(piece for piece, _ in token.top)))
    return texts


def lie(job: Job, lease: Lease, delta: Delta, window_tokens: int) -> str | None:
    """What is wrong with the next delta of an attempt; None if it may be kept."""
    tokens, request = len(delta.tokens), job.spec.request
    top = request.sampling.top_logprobs
    if len(job.delivered) + tokens > request.max_tokens:
        return "more tokens than were asked for"
    if lease.last_words is not None:
        return "something follows a delta without tokens"
    if lease.untaken_tokens + tokens > OVERRUN * window_tokens:
        return "more tokens than its window has room for"
    if len(delta.logprobs) > (0 if top is None else tokens):
        return "logprobs that nobody asked for"
    each = TEXT_PER_TOKEN + (0 if top is None else LOGPROB_PER_TOKEN * (1 + top))
    if lease.weight + weight(delta) > TEXT_SLACK + each * (lease.tokens + tokens):
        return "more text than its tokens can hold"
    return None


def believed(usage: Usage, most: int) -> Usage:
    """A prompt is no longer than its text and the slot that held it allow, whatever the worker claims."""
    prompt = min(usage.prompt, most)
    return usage.model_copy(update={"prompt": prompt, "cached": min(usage.cached, prompt)})
