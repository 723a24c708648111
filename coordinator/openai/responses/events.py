"""Parts of an answer -> the Response object and the events of its stream, as OpenAI's Responses API writes them.

An answer is a list of items: the thought, the text, each call, each picture (drawings.py). A part of another kind than
the one before closes that one's item and opens a new one. Every event carries the number after the last one's; the
stream ends with `response.completed`, `response.incomplete` (cut by the limit of tokens) or `response.failed`, and
nothing follows.

Three keys are ours: `warnings` beside `output` (what was malformed in an answer that stands, or not done of the
request), `sogni_tool_results` there too (what came of platform tools), and `retry_after` beside the message of an error
that says when to come back. Ids are functions of their place, so that no failover changes them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from coordinator.filled import Places
from coordinator.media.results import for_client
from coordinator.openai.chat_response import Envelope, call_id, logprob_json
from coordinator.openai.json_body import Json
from coordinator.openai.responses.drawings import Drawings, PictureItem
from coordinator.request import PictureWish
from coordinator.rounds.events import ToolProgress
from wire.chat import CallDelta, Content, FinishReason, Notice, Part, Reasoning, Usage
from wire.errors import ErrorCode, SupernetError
from wire.messages import TokenLogprob

Kind = Literal["reasoning", "message", "function_call"]

_PREFIX: Mapping[Kind, str] = {"reasoning": "rs", "message": "msg", "function_call": "fc"}

# The same in every Response: see fields.py for why.
_FIXED: Json = {
    "background": False,
    "max_tool_calls": None,
    "previous_response_id": None,
    "service_tier": "default",
    "store": False,
    "truncation": "disabled",
}


def event_bytes(event: Json) -> bytes:
    """One server-sent event, named as its `type`. Pure ASCII, as in chat_response.sse."""
    data = json.dumps(event, separators=(",", ":"), allow_nan=False)
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def usage_json(usage: Usage) -> Json:
    """`usage` of a Response. Keeping a prefix is not charged, so no token counts as written to a cache."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def error_json(error: SupernetError) -> Json:
    """The `error` of a Response. This API has a list of codes of its own, and what a client does depends on it: Codex
    0.169 was seen to send one request for `invalid_prompt`, `context_length_exceeded` and `insufficient_quota`, and six
    for any other, `poison_request` included. `type` holds the code of our own table."""
    if error.code in (ErrorCode.CONTEXT_LENGTH_EXCEEDED, ErrorCode.INSUFFICIENT_QUOTA):
        code = error.code.value
    elif error.row.status == 429:
        code = "rate_limit_exceeded"
    else:
        code = "invalid_prompt" if error.row.status < 500 else "server_error"
    shown: Json = {"code": code, "message": error.message, "type": error.code.value, "param": error.param}
    return shown if error.retry_after_s is None else {**shown, "retry_after": error.retry_after_s}


@dataclass
class _Item:
    """One entry of `output`. `head` are the keys that do not change."""

    kind: Kind
    place: int
    head: Json
    text: list[str] = field(default_factory=list)
    logprobs: list[Json] = field(default_factory=list)
    status: str = "in_progress"

    @property
    def whole(self) -> str:
        return "".join(self.text)

    def part(self) -> Json:
        """The only content part of an item that is a thought or a text."""
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": self.whole}
        return {"type": "output_text", "text": self.whole, "annotations": [], "logprobs": list(self.logprobs)}

    def json(self, *, empty: bool = False) -> Json:
        shown = {**self.head, "type": self.kind, "status": self.status}
        if self.kind == "function_call":
            return {**shown, "arguments": self.whole}
        if self.kind == "reasoning":
            shown["summary"] = []
        return {**shown, "content": [] if empty else [self.part()]}


class ResponseEvents:
    """One answer: `first`, then `parts` for every step, then `finish` or `fail`. `whole` is the Response until now.
    `warnings` are of the request. `pictures`: how those that are drawn join it, with `places` that stand for them."""

    def __init__(
        self,
        envelope: Envelope,
        repeated: Json,
        names: Mapping[str, Json],
        warnings: Sequence[str] = (),
        pictures: tuple[PictureWish, Places] | None = None,
    ) -> None:
        self._envelope = envelope
        self._repeated = repeated
        self._names = names
        self._number = 0
        self._items: list[_Item | PictureItem] = []
        self._at: _Item | None = None  # the item that is open, unless it is a picture
        self._call: int | None = None  # the wire's index of the call that is open
        self._calls = 0
        self._logprobs: list[Json] = []  # of tokens whose text a parser still holds back
        self._warnings: list[str] = list(warnings)
        self._results: list[Json] = []  # of platform tools
        name = envelope.id.partition("_")[2]
        self._drawings = Drawings(name, *pictures, self._items, self._event) if pictures else None
        self._end: Json = {"status": "in_progress", "error": None, "incomplete_details": None, "usage": None}

    def whole(self) -> Json:
        """The Response object as it is now."""
        return {
            "id": self._envelope.id,
            "object": "response",
            "created_at": self._envelope.created,
            "model": self._envelope.model,
            **_FIXED,
            **self._repeated,
            **self._end,
            "output": [item.json() for item in self._items],
            **({"warnings": self._warnings} if self._warnings else {}),
            **({"sogni_tool_results": self._results} if self._results else {}),
        }

    def first(self) -> list[Json]:
        return [self._event(kind, response=self.whole()) for kind in ("response.created", "response.in_progress")]

    def parts(self, parts: Sequence[Part], logprobs: Iterable[TokenLogprob] = ()) -> list[Json]:
        """The events of one step. Only text has a place for logprobs: those of thoughts and calls are left out."""
        self._logprobs += [logprob_json(token) for token in logprobs]
        events: list[Json] = []
        for part in parts:
            match part:
                case Content(text=text):
                    events += self._text(text)
                case Reasoning(text=text):
                    events += self._thought(text)
                case CallDelta():
                    events += self._call_piece(part)
                case Notice(text=text):
                    self._warnings.append(text)
                case _:
                    assert_never(part)
        if any(isinstance(part, Reasoning | CallDelta) for part in parts):
            self._logprobs = []
        return events

    def tool(self, progress: ToolProgress) -> list[Json]:
        """The events of what is said of a call of a platform tool. The Response says what came of each."""
        if progress.result is not None:
            self._results.append(for_client(progress.result))
        if self._drawings is None or not self._drawings.of(progress.name):
            return []
        return [*self._close("completed"), *self._drawings.told(progress)]

    def finish(self, reason: FinishReason, usage: Usage, extra: Json | None = None) -> list[Json]:
        """`extra` keys (such as a cost) join the usage."""
        cut = reason == "length"
        events = self._close("incomplete" if cut else "completed")
        if reason == "stop" and all(item.kind == "reasoning" for item in self._items):
            events += self._open("message", {"role": "assistant"})  # it said nothing, and clients look for a message
            events += self._close("completed")
        self._end = {
            "status": "incomplete" if cut else "completed",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "usage": {**usage_json(usage), **(extra or {})},
        }
        return [*events, self._event(f"response.{self._end['status']}", response=self.whole())]

    def fail(self, error: SupernetError) -> list[Json]:
        """End with an error. An open item gets no `done` event, so that no client acts on half a call."""
        if self._at is not None:
            self._at.status = "incomplete"
        if self._drawings is not None:
            self._drawings.cut()
        self._end = {**self._end, "status": "failed", "error": error_json(error)}
        return [self._event("response.failed", response=self.whole())]

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _text(self, text: str) -> list[Json]:
        if not text:
            return []
        item, events = self._ensure("message", {"role": "assistant"})
        logprobs, self._logprobs = self._logprobs, []
        item.text.append(text)
        item.logprobs += logprobs
        return [*events, self._of(item, "output_text.delta", content_index=0, delta=text, logprobs=logprobs)]

    def _thought(self, text: str) -> list[Json]:
        if not text:
            return []
        item, events = self._ensure("reasoning", {})
        item.text.append(text)
        return [*events, self._of(item, "reasoning_text.delta", content_index=0, delta=text)]

    def _call_piece(self, piece: CallDelta) -> list[Json]:
        events: list[Json] = []
        if piece.name is not None:
            events = self._close("completed")
            name = self._names.get(piece.name, {"name": piece.name})
            events += self._open("function_call", {"call_id": call_id(self._envelope, 0, self._calls), **name})
            self._call = piece.index
            self._calls += 1
        elif self._call != piece.index:  # no worker of ours does this, but a worker is a stranger's machine
            self._out_of_place()
            return []
        if not piece.arguments or self._at is None:
            return events
        self._at.text.append(piece.arguments)
        return [*events, self._of(self._at, "function_call_arguments.delta", delta=piece.arguments)]

    def _out_of_place(self) -> None:
        """Said once, however many come."""
        warning = "pieces of calls came out of their place and were left out"
        if warning not in self._warnings:
            self._warnings.append(warning)

    # ---- items ---------------------------------------------------------------------------------------------------

    def _ensure(self, kind: Kind, head: Json) -> tuple[_Item, list[Json]]:
        """The open item if it is of this kind, else a new one, with the events of that."""
        if self._at is not None and self._at.kind == kind:
            return self._at, []
        events = [*self._close("completed"), *self._open(kind, head)]
        assert self._at is not None
        return self._at, events

    def _open(self, kind: Kind, head: Json) -> list[Json]:
        place = len(self._items)
        digest = hashlib.sha256(f"{self._envelope.id}/{place}".encode()).hexdigest()
        item = _Item(kind, place, {"id": f"{_PREFIX[kind]}_{digest[:32]}", **head})
        self._items.append(item)
        self._at = item
        added = self._event("response.output_item.added", output_index=place, item=item.json(empty=True))
        if kind == "function_call":
            return [added]
        return [added, self._of(item, "content_part.added", content_index=0, part=item.part())]

    def _close(self, status: Literal["completed", "incomplete"]) -> list[Json]:
        item, self._at, self._call = self._at, None, None
        if item is None:
            return []
        item.status = status
        match item.kind:
            case "function_call":
                ends = [self._of(item, "function_call_arguments.done", arguments=item.whole, name=item.head["name"])]
            case "reasoning":
                ends = [self._of(item, "reasoning_text.done", content_index=0, text=item.whole)]
            case "message":
                logprobs = list(item.logprobs)
                ends = [self._of(item, "output_text.done", content_index=0, text=item.whole, logprobs=logprobs)]
            case _:
                assert_never(item.kind)
        if item.kind != "function_call":
            ends.append(self._of(item, "content_part.done", content_index=0, part=item.part()))
        return [*ends, self._event("response.output_item.done", output_index=item.place, item=item.json())]

    # ---- events --------------------------------------------------------------------------------------------------

    def _of(self, item: _Item, kind: str, **rest: Any) -> Json:
        return self._event(f"response.{kind}", item_id=item.head["id"], output_index=item.place, **rest)

    def _event(self, kind: str, **rest: Any) -> Json:
        number, self._number = self._number, self._number + 1
        return {"type": kind, "sequence_number": number, **rest}
