"""Parts of an answer -> the message and the events of its stream, as Anthropic's Messages API writes them.

An answer is a list of blocks: the thought, the text, each call. A part of another kind than the one before closes that
one's block and opens a new one. The stream ends with `message_delta`, which has the usage and why the answer ended, and
`message_stop`; or with `error`.

What the prompt came to is known when the answer ends: the usage of `message_start` has zeros, and that of
`message_delta`, which takes its place, is whole.

Our own keys are `warnings` beside `content` or the delta (what was malformed in an answer that stands, what of the
request was left out), what the answer cost in its usage, and `code` and `param` in an error. Ids are functions of their
place, so that no failover changes them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from coordinator.openai.chat_response import Envelope
from coordinator.openai.json_body import Json, load
from wire.chat import CallDelta, Content, FinishReason, Notice, Part, Reasoning, Usage
from wire.errors import ErrorCode, SupernetError

Kind = Literal["thinking", "text", "tool_use"]

# Of a block: the type of its deltas, and the key of what they add.
_DELTAS: Mapping[Kind, tuple[str, str]] = {
    "thinking": ("thinking_delta", "thinking"),
    "text": ("text_delta", "text"),
    "tool_use": ("input_json_delta", "partial_json"),
}
_REASONS: Mapping[FinishReason, str] = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
CUT_CALL = "a call without whole arguments was left out"


def event_bytes(event: Json) -> bytes:
    """One server-sent event, named as its `type`. Pure ASCII, as in chat_response.sse."""
    data = json.dumps(event, separators=(",", ":"), allow_nan=False)
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def error_json(error: SupernetError, request_id: str) -> Json:
    """The body of an error, and the data of the event `error`.

    A prompt that is too long is called so in Anthropic's own words: Claude Code shortens its conversation when it reads
    them, and gives up on any others.
    """
    message = error.message
    if error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED:
        message = f"prompt is too long: {message}"
    inner: Json = {"message": message, "code": error.code.value, "param": error.param}
    if error.retry_after_s is not None:
        inner["retry_after"] = error.retry_after_s
    return wrapped_error(error.row.status, inner, request_id)


def wrapped_error(status: int, inner: Json, request_id: str) -> Json:
    """Anthropic's envelope around an error: `inner` has its message, and gets the type of an HTTP status."""
    error = {"type": _TYPES.get(status, "invalid_request_error"), **inner}
    return {"type": "error", "error": error, "request_id": request_id}


def usage_json(usage: Usage) -> Json:
    """`usage` of a message: here the input without what was read from a cache. Nothing is charged for keeping any."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }


@dataclass
class _Block:
    """One entry of `content`. `head` are the keys that do not change."""

    kind: Kind
    head: Json
    text: list[str] = field(default_factory=list)

    @property
    def whole(self) -> str:
        return "".join(self.text)

    def begun(self) -> Json:
        """The block as its first event shows it: without its text."""
        empty: Mapping[Kind, Json] = {
            "thinking": {"thinking": "", "signature": ""},  # nothing here is sealed
            "text": {"text": ""},
            "tool_use": {"input": {}},
        }
        return {"type": self.kind, **self.head, **empty[self.kind]}

    def json(self) -> Json | None:
        """The whole block; None for a call whose arguments are no whole object, which nobody could carry out."""
        if self.kind != "tool_use":
            return {**self.begun(), self.kind: self.whole}
        given = _arguments(self.whole or "{}")
        return None if given is None else {**self.begun(), "input": given}


def _arguments(text: str) -> Json | None:
    """The arguments of a call as an object; None if they are no whole one, or beyond the bounds of a request, in which
    the client would send them back. A worker's words are a stranger's, and Python reads NaN, halves of characters and
    more, which nobody can be sent."""
    try:
        given = load(text.encode())
    except SupernetError:
        return None
    return given if isinstance(given, dict) else None


class MessageEvents:
    """One answer: `first`, then `parts` for every step, then `finish`. `whole` is the message until now.

    `stops` are the request's stop strings, `warnings` sentences about the request.
    """

    def __init__(self, envelope: Envelope, stops: Sequence[str] = (), warnings: Iterable[str] = ()) -> None:
        self._envelope = envelope
        self._stops = stops
        self._blocks: list[_Block] = []
        self._open = False
        self._call: int | None = None  # the wire's index of the call that is open
        self._warnings = list(warnings)
        self._end: Json = {"stop_reason": None, "stop_sequence": None}
        self._usage = usage_json(Usage(prompt=0, completion=0))

    def whole(self) -> Json:
        blocks = [block.json() for block in self._blocks]
        warnings = [*self._warnings, *([CUT_CALL] if None in blocks else [])]
        return {
            "id": self._envelope.id,
            "type": "message",
            "role": "assistant",
            "model": self._envelope.model,
            "content": [block for block in blocks if block is not None],
            **self._end,
            "usage": self._usage,
            **({"warnings": warnings} if warnings else {}),
        }

    def first(self) -> list[Json]:
        """The first events, before there is an answer."""
        return [{"type": "message_start", "message": self.whole()}, {"type": "ping"}]

    def parts(self, parts: Sequence[Part]) -> list[Json]:
        """The events of one step."""
        events: list[Json] = []
        for part in parts:
            match part:
                case Content(text=text):
                    events += self._text("text", text)
                case Reasoning(text=text):
                    events += self._text("thinking", text)
                case CallDelta():
                    events += self._call_piece(part)
                case Notice(text=text):
                    self._warnings.append(text)
                case _:
                    assert_never(part)
        return events

    def finish(self, reason: FinishReason, stop: str | None, usage: Usage, extra: Json | None = None) -> list[Json]:
        """The last events. `stop`: the stop string that ended the answer; `extra` keys (such as a cost) join the
        usage."""
        events = self._close()
        self._usage = {**usage_json(usage), **(extra or {})}
        stopped = reason == "stop" and stop in self._stops  # what a worker says is believed of the request's own only
        self._end = {
            "stop_reason": "stop_sequence" if stopped else _REASONS[reason],
            "stop_sequence": stop if stopped else None,
        }
        warned = {"warnings": self._warnings} if self._warnings else {}
        delta = {"type": "message_delta", "delta": self._end, "usage": self._usage, **warned}
        return [*events, delta, {"type": "message_stop"}]

    # ---- blocks --------------------------------------------------------------------------------------------------

    def _text(self, kind: Kind, text: str) -> list[Json]:
        if not text:
            return []
        events = [] if self._open and self._blocks[-1].kind == kind else self._begin(kind, {})
        return [*events, self._delta(text)]

    def _call_piece(self, piece: CallDelta) -> list[Json]:
        events: list[Json] = []
        if piece.name is not None:
            events = self._begin("tool_use", {"id": self._call_id(), "name": piece.name})
            self._call = piece.index
        elif self._call != piece.index:  # no worker of ours does this, but a worker is a stranger's machine
            warning = "pieces of calls came out of their place and were left out"
            self._warnings += [] if warning in self._warnings else [warning]
            return []
        return [*events, self._delta(piece.arguments)] if piece.arguments else events

    def _call_id(self) -> str:
        digest = hashlib.sha256(f"{self._envelope.id}/{len(self._blocks)}".encode()).hexdigest()
        return f"toolu_{digest[:24]}"

    def _begin(self, kind: Kind, head: Json) -> list[Json]:
        events = self._close()
        block = _Block(kind, head)
        self._blocks.append(block)
        self._open = True
        return [*events, self._of("content_block_start", content_block=block.begun())]

    def _delta(self, text: str) -> Json:
        block = self._blocks[-1]
        block.text.append(text)
        kind, key = _DELTAS[block.kind]
        return self._of("content_block_delta", delta={"type": kind, key: text})

    def _close(self) -> list[Json]:
        if not self._open:
            return []
        self._open, self._call = False, None
        return [self._of("content_block_stop")]

    def _of(self, kind: str, **rest: Any) -> Json:
        """An event of the last block."""
        return {"type": kind, "index": len(self._blocks) - 1, **rest}
