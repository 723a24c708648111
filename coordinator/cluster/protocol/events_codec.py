"""Events of jobs as JSON lists: what most of the bus carries, a token each.

[job, leg, number, attempt, frame, tokens, parts, logprobs] is a step, [job, leg, number, kind, record] any other event.
A part is [letter, text]; of a call [letter, arguments, place, name]. Lists may be longer than is known here.
"""

import json
import re
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from coordinator.cluster.protocol.messages import MAX_EVENTS, Event, Events, Step
from coordinator.cluster.protocol.unreadable import Unreadable
from wire.bounds import Bounds, excess
from wire.chat import MAX_CALLS, CallDelta, Content, Notice, Part, Reasoning
from wire.messages import MAX_DELTA_TOKENS, MAX_PARTS, Delta, TokenLogprob

BOUNDS = Bounds(containers=2**18, values=2**20)
MOST = 2**53
_TEXTS: dict[type, str] = {Content: "c", Reasoning: "r", Notice: "n"}
_LETTERS: dict[str, type[Content] | type[Reasoning] | type[Notice]] = {"c": Content, "r": Reasoning, "n": Notice}
_RECORDS: dict[str, TypeAdapter[Any]] = {
    kind.__name__: TypeAdapter(kind) for kind in get_args(Event) if kind is not Step
}
_LOGPROBS: TypeAdapter[tuple[TokenLogprob, ...]] = TypeAdapter(tuple[TokenLogprob, ...])
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def events_out(events: Events) -> bytes:
    items = [
        _step_out(job, leg, number, event.delta) if isinstance(event, Step) else _record_out(job, leg, number, event)
        for job, leg, number, event in events.items
    ]
    return json.dumps(items, separators=(",", ":")).encode()


def _step_out(job: str, leg: int, number: int, delta: Delta) -> list[Any]:
    parts = [_part_out(part) for part in delta.parts]
    item: list[Any] = [job, leg, number, delta.attempt, delta.seq, delta.tokens, parts]
    if delta.logprobs:
        item.append([[one.bytes, one.logprob, one.top] for one in delta.logprobs])
    return item


def _part_out(part: Part) -> list[Any]:
    if isinstance(part, CallDelta):
        return ["t", part.arguments, part.index, part.name]
    return [_TEXTS[type(part)], part.text]


def _record_out(job: str, leg: int, number: int, event: Event) -> list[Any]:
    kind = type(event).__name__
    return [job, leg, number, kind, _RECORDS[kind].dump_python(event, mode="json")]


def events_in(data: bytes) -> Events:
    """Raises Unreadable."""
    if too_much := excess(data, BOUNDS):
        raise Unreadable(f"events with {too_much}")
    try:
        items = json.loads(data)
        if type(items) is not list or len(items) > MAX_EVENTS:
            raise Unreadable("no list of events, or too many")
        return Events(tuple([_item_in(item) for item in items]))
    except ValidationError as error:
        raise Unreadable(f"an event: {error.errors(include_url=False, include_input=False)[0]['type']}") from None
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable("an event that is none") from None


def _item_in(item: Any) -> tuple[str, int, int, Event]:
    job, leg, number, kind = item[:4]
    if type(job) is not str or _ID.fullmatch(job) is None:
        raise Unreadable("an event of no job")
    if _count(leg) == 0:
        raise Unreadable("an event of no leg")
    _count(number)
    if type(kind) is str:
        return job, leg, number, _RECORDS[kind].validate_python(item[4])
    return job, leg, number, Step(_step_in(job, kind, item))


def _step_in(job: str, attempt: int, item: list[Any]) -> Delta:
    frame, tokens, parts = item[4:7]
    if _count(attempt) == 0:
        raise Unreadable("a step of no attempt")
    if type(tokens) is not list or len(tokens) > MAX_DELTA_TOKENS:
        raise Unreadable("tokens")
    if type(parts) is not list or len(parts) > MAX_PARTS:
        raise Unreadable("parts")
    for token in tokens:
        if type(token) is not int or not 0 <= token < 2**31:
            raise Unreadable("a token")
    return Delta.model_construct(
        job=job,
        attempt=attempt,
        seq=_count(frame),
        tokens=tuple(tokens),
        parts=tuple([_part_in(part) for part in parts]),
        logprobs=_logprobs_in(item[7], len(tokens)) if len(item) > 7 else (),
    )


def _part_in(part: Any) -> Part:
    letter, text = part[:2]
    if type(text) is not str:
        raise Unreadable("a text")
    if letter != "t":
        return _LETTERS[letter].model_construct(text=text)
    index, name = part[2:4]
    if _count(index) >= MAX_CALLS or not (name is None or type(name) is str):
        raise Unreadable("a call")
    return CallDelta.model_construct(index=index, name=name, arguments=text)


def _logprobs_in(items: Any, tokens: int) -> tuple[TokenLogprob, ...]:
    if type(items) is not list or len(items) > tokens:
        raise Unreadable("logprobs")
    return _LOGPROBS.validate_python([dict(zip(("bytes", "logprob", "top"), item, strict=False)) for item in items])


def _count(number: Any) -> int:
    if type(number) is not int or not 0 <= number < MOST:
        raise Unreadable("a number")
    return number
