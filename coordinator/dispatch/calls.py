"""Calls of tools that a worker may pass on: those of tools that the request declares.

A worker takes what its model writes for a call only if it names a declared tool; anything else is text. So a call of
another tool, or of any where none may be called, is the worker's own invention, and a client that runs what it is told
to run must not see it. Arguments come in pieces, so that they are JSON shows at the end: a worker mends what its model
breaks, and only an answer that is cut ends inside them.
"""

import json
from collections.abc import Set

from coordinator.scheduler.state import Job, Lease
from wire.chat import CallDelta, ChatRequest
from wire.messages import Delta, Done
from wire.request import Request

MOST_CHARS = (
    256 * 1024
)  # of an answer's arguments, that are kept to be looked at: 5 ms; answers of more are not checked


def unasked_call(request: Request, delta: Delta, begun: Set[int] = frozenset()) -> str | None:
    """What is wrong with the calls of a delta; None: nothing. `begun`: places of the calls that had a name before."""
    calls = [part for part in delta.parts if isinstance(part, CallDelta)]
    if not calls:
        return None
    if not isinstance(request, ChatRequest) or request.tool_choice == "none" or not request.tools:
        return "a tool call that nobody asked for"
    forced = request.tool_choice.startswith("name:")
    wanted = {request.tool_choice.removeprefix("name:")} if forced else {tool.name for tool in request.tools}
    named = {call.name for call in calls if call.name is not None}  # by the first delta of a call alone
    if not named <= wanted:
        return "a call of another tool than was asked for" if forced else "a call of a tool that was not declared"
    if any(call.index not in begun | begun_by(delta) for call in calls):
        return "a piece of a call that was never begun"
    return None


def begun_by(delta: Delta) -> Set[int]:
    """The places of the calls whose name a delta has."""
    return {part.index for part in delta.parts if isinstance(part, CallDelta) and part.name is not None}


def keep(job: Job, delta: Delta) -> None:
    """Remember the arguments of a delta that the client is given."""
    for part in delta.parts:
        if isinstance(part, CallDelta) and part.arguments:
            job.argument_chars += len(part.arguments)
            if job.argument_chars <= MOST_CHARS:
                job.arguments.setdefault(part.index, []).append(part.arguments)


def are_broken(job: Job, lease: Lease, done: Done) -> bool:
    """Whether the answer ends with arguments that are no JSON. One that is cut, at its length or by a stop, may."""
    if done.finish_reason == "length" or done.stop is not None or job.argument_chars > MOST_CHARS:
        return False
    last = [part for part in lease.trailing.parts if isinstance(part, CallDelta)] if lease.trailing else []
    for index in job.calls:
        pieces = [*job.arguments.get(index, []), *(part.arguments for part in last if part.index == index)]
        if not _is_json("".join(pieces) or "{}"):
            return True
    return False


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return True
