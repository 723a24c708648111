"""Parts of an answer -> what OpenAI's clients read: stream chunks, whole completions, errors, server-sent events.

Three keys are ours: `reasoning_content` beside `content` (the thought; the name that DeepSeek began and most clients
read), `warnings` beside `finish_reason` (what was malformed in an answer that stands, or not done of the request), and
`retry_after` in an error event, which has no headers.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from coordinator.openai.json_body import Json
from wire.chat import CallDelta, Content, FinishReason, Notice, Part, Reasoning, Usage
from wire.errors import SupernetError
from wire.messages import TokenLogprob

DONE = b"data: [DONE]\n\n"
_EVENT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)  # json.dumps would make one for each event


@dataclass(frozen=True)
class Envelope:
    """What all chunks of one response share. `id` is `chatcmpl-...`, `created` in Unix seconds."""

    id: str
    created: int
    model: str
    fingerprint: str


def sse(data: Json) -> bytes:
    """One event. Pure ASCII: some clients split lines at U+2028 or U+0085 too, which JSON may hold unescaped."""
    return b"data: " + _EVENT.encode(data).encode() + b"\n\n"


def sse_comment(text: str) -> bytes:
    """A line that clients skip, to keep a waiting connection alive. It ends in one newline: behind a blank line some
    parsers look for an event, and find none."""
    return b": " + " ".join(text.split()).encode() + b"\n"


def error_body(error: SupernetError) -> Json:
    """The body of an error response."""
    row = error.row
    return {
        "error": {
            "message": error.message,
            "type": row.openai_type,
            "param": error.param,
            "code": error.code.value,
        }
    }


def error_event(error: SupernetError) -> Json:
    """The data of an error inside a stream. Always send one: a bare end counts as success with most clients."""
    body = error_body(error)
    if error.retry_after_s is not None:
        body["error"]["retry_after"] = error.retry_after_s
    return body


def usage_json(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def total_usage(usages: Iterable[Usage]) -> Usage:
    """The sum over all choices. Every choice is a job that reads the prompt itself: it is counted each time."""
    each = list(usages)
    return Usage(
        prompt=sum(usage.prompt for usage in each),
        cached=sum(usage.cached for usage in each),
        completion=sum(usage.completion for usage in each),
        reasoning=sum(usage.reasoning for usage in each),
    )


def call_id(envelope: Envelope, choice: int, index: int) -> str:
    """The id of a tool call: a function of its place, so that a failover cannot change it."""
    digest = hashlib.sha256(f"{envelope.id}/{choice}/{index}".encode()).hexdigest()
    return f"call_{digest[:24]}"


def logprob_json(token: TokenLogprob) -> Json:
    top = [_token(data, logprob) for data, logprob in token.top]
    return {**_token(token.bytes, token.logprob), "top_logprobs": top}


def _token(data: Sequence[int], logprob: float) -> Json:
    """A token of `logprobs`: `token` is readable text, `bytes` is exact for a token that is part of a character."""
    return {"token": bytes(data).decode(errors="replace"), "logprob": logprob, "bytes": list(data)}


def usage_chunk(envelope: Envelope, usage: Usage, extra: Json | None = None) -> Json:
    """The last chunk of a stream with `include_usage`: no choices. `extra` keys (such as a cost) join the usage."""
    return {**_head(envelope, "chat.completion.chunk"), "choices": [], "usage": {**usage_json(usage), **(extra or {})}}


def with_usage(chunk: Json, usage: Usage) -> Json:
    """A chunk that also says what has been used until now: `continuous_usage_stats`."""
    return {**chunk, "usage": usage_json(usage)}


def _head(envelope: Envelope, kind: str) -> Json:
    return {
        "id": envelope.id,
        "object": kind,
        "created": envelope.created,
        "model": envelope.model,
        "system_fingerprint": envelope.fingerprint,
    }


class ChoiceChunks:
    """The chunks of one choice: `first`, then `part` for every part, then `finish`.

    Logprobs may come before the text they belong to, because a parser holds text back: they wait for the next chunk.
    `warnings` are of the request, and come with the first chunk.
    """

    def __init__(
        self, envelope: Envelope, choice: int, *, include_usage: bool = False, warnings: Sequence[str] = ()
    ) -> None:
        self._envelope = envelope
        self._choice = choice
        self._include_usage = include_usage
        self._warnings = list(warnings)
        self._logprobs: list[Json] = []

    def first(self) -> Json:
        warned: Json = {"warnings": self._warnings} if self._warnings else {}
        return self._chunk({"role": "assistant", "content": ""}, **warned)

    def part(self, part: Part | None, logprobs: Iterable[TokenLogprob] = ()) -> list[Json]:
        """The chunks for one part and for the tokens of its step; None for a step whose text is still held back."""
        self._logprobs += [logprob_json(token) for token in logprobs]
        match part:
            case None:
                return []
            case Content(text=text):
                return [self._chunk({"content": text})] if text else []
            case Reasoning(text=text):
                return [self._chunk({"reasoning_content": text})] if text else []
            case CallDelta():
                return [self._chunk({"tool_calls": [self._call(part)]})]
            case Notice(text=text):
                return [self._chunk({}, warnings=[text])]
            case _:
                assert_never(part)

    def nothing(self, **extra: Any) -> Json:
        """A chunk that adds nothing to the answer; `extra` keys stand beside its choices."""
        return {**self._chunk({}), **extra}

    def finish(self, reason: FinishReason, **extra: Any) -> Json:
        """`extra` keys stand beside the choices."""
        return {**self._chunk({}, finish_reason=reason), **extra}

    def _call(self, part: CallDelta) -> Json:
        if part.name is None:
            return {"index": part.index, "function": {"arguments": part.arguments}}
        function = {"name": part.name, "arguments": part.arguments}
        identity = {"id": call_id(self._envelope, self._choice, part.index), "type": "function"}
        return {"index": part.index, **identity, "function": function}

    def _chunk(self, delta: Json, *, finish_reason: FinishReason | None = None, **extra: Any) -> Json:
        logprobs, self._logprobs = self._logprobs, []
        choice = {
            "index": self._choice,
            "delta": delta,
            "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
            "finish_reason": finish_reason,
            **extra,
        }
        chunk = {**_head(self._envelope, "chat.completion.chunk"), "choices": [choice]}
        return {**chunk, "usage": None} if self._include_usage else chunk


@dataclass
class _Call:
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass
class _Choice:
    """What has come of one choice."""

    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, _Call] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    logprobs: list[Json] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    usage: Usage | None = None

    def add(self, part: Part) -> None:
        match part:
            case Content(text=text):
                self.content.append(text)
            case Reasoning(text=text):
                self.reasoning.append(text)
            case CallDelta():
                call = self.calls.setdefault(part.index, _Call())
                call.name = part.name or call.name
                call.arguments.append(part.arguments)
            case Notice(text=text):
                self.warnings.append(text)
            case _:
                assert_never(part)


class Collector:
    """All choices of a response that is not streamed, gathered until each has finished. `warnings` are of the request,
    and stand with each."""

    def __init__(self, envelope: Envelope, n: int, warnings: Sequence[str] = ()) -> None:
        self._envelope = envelope
        self._choices = [_Choice(warnings=list(warnings)) for _ in range(n)]

    def part(self, choice: int, part: Part | None, logprobs: Iterable[TokenLogprob] = ()) -> None:
        """Add a part and the tokens of its step; `part` is None for a step without text."""
        into = self._choices[choice]
        into.logprobs += [logprob_json(token) for token in logprobs]
        if part is not None:
            into.add(part)

    def finish(self, choice: int, reason: FinishReason, usage: Usage) -> None:
        self._choices[choice].finish_reason = reason
        self._choices[choice].usage = usage

    @property
    def usage(self) -> Usage:
        """The sum of the usage of all choices that have finished."""
        return total_usage(choice.usage for choice in self._choices if choice.usage is not None)

    def completion(self, extra: Json | None = None) -> Json:
        """The response. `extra` keys (such as a cost) join the usage. Raises ValueError for an unfinished choice."""
        choices = [self._choice(index, choice) for index, choice in enumerate(self._choices)]
        usage = {**usage_json(self.usage), **(extra or {})}
        return {**_head(self._envelope, "chat.completion"), "choices": choices, "usage": usage}

    def _choice(self, index: int, choice: _Choice) -> Json:
        if choice.finish_reason is None:
            raise ValueError(f"choice {index} has not finished")
        whole: Json = {
            "index": index,
            "message": self._message(index, choice),
            "logprobs": {"content": choice.logprobs, "refusal": None} if choice.logprobs else None,
            "finish_reason": choice.finish_reason,
        }
        return {**whole, "warnings": choice.warnings} if choice.warnings else whole

    def _message(self, index: int, choice: _Choice) -> Json:
        content = "".join(choice.content)
        message: Json = {"role": "assistant", "content": content, "refusal": None}
        if choice.reasoning:
            message["reasoning_content"] = "".join(choice.reasoning)
        if choice.calls:
            message["content"] = content or None
            message["tool_calls"] = [
                {
                    "id": call_id(self._envelope, index, place),
                    "type": "function",
                    "function": {"name": call.name, "arguments": "".join(call.arguments)},
                }
                for place, call in sorted(choice.calls.items())
            ]
        return message
