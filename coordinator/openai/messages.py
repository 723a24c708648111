"""The conversation: OpenAI's messages -> the wire's, rebuilt field by field."""

import hashlib
import re
from typing import Any

from pydantic_core import to_json

from coordinator.openai import thoughts
from coordinator.openai.attachments import read_audio, read_file
from coordinator.openai.fields import Fields
from coordinator.openai.images import DETAILS, Pictures, Sent, from_uri
from coordinator.openai.parts import Content, PartKind, picture_kind, read_content, read_texts
from wire.chat import MAX_CALLS, MAX_MESSAGES, Message, ToolCall
from wire.errors import invalid

MAX_ID_CHARS = 256
ROLES = ("system", "developer", "user", "assistant", "tool")

# OpenAI's own rule: nothing that could read as markup in a template; and no control characters, of which only some are
# white space, to Python others than to a client that reads the pattern in the API's document.
_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f<|\\/>]{1,64}")


def read_messages(body: Fields, pictures: Pictures) -> tuple[tuple[Message, ...], bool]:
    """The messages, and whether one of them was a developer's. Raises SupernetError."""
    raw = body.array("messages", MAX_MESSAGES)
    if not raw:
        raise invalid("messages", "Missing required parameter: 'messages' must hold at least one message.")
    last = len(raw) - 1
    messages = tuple(
        _message(Fields(item, f"messages[{index}]"), pictures, index, last) for index, item in enumerate(raw)
    )
    return messages, any(item.get("role") == "developer" for item in raw)


def _message(fields: Fields, pictures: Pictures, index: int, last: int) -> Message:
    role = fields.choice("role", ROLES)
    if role is None:
        raise invalid(fields.at("role"), f"Missing required parameter: '{fields.at('role')}'.")
    name = fields.matching("name", _NAME, "1 to 64 characters without spaces or any of <|\\/>")
    fields.accept("cache_control", "id", "model", "timestamp")
    if role == "assistant":
        return _assistant(fields, name, _picture_kind(role, pictures), index == last)
    files = _FILES if role == "user" else ()
    content = read_content(fields, "content", pictures, _TEXT, _picture_kind(role, pictures), *files)
    if content is None and role == "tool":
        content = Content("")  # some tools have nothing to say
    if content is None:
        raise invalid(fields.at("content"), f"Missing required parameter: '{fields.at('content')}'.")
    call_id = required_id(fields, "tool_call_id") if role == "tool" else None
    fields.finish()
    pictures.attach(index, content.attachments)
    plain = "system" if role == "developer" else role
    said = {"role": plain, "content": content.text, "images": content.images}
    return Message.model_validate({**said, "name": name, "tool_call_id": call_id})


def _assistant(fields: Fields, name: str | None, picture: PartKind, last: bool) -> Message:
    """An earlier answer, as OpenAI's SDK and others send it back: whole, with null in what was empty.

    Content may be null and calls may be missing both: an answer that spent all its tokens on the thought looks so.
    """
    parts = read_texts(fields, "content", _SAID, _REFUSAL, *_THOUGHTS, picture) or []
    content = "".join(text for kind, text in parts if not kind.thought)
    refusal = fields.text("refusal")  # on OpenAI a refusal is the answer's text in another field
    reasoning = thoughts.read(fields) or "".join(text for kind, text in parts if kind.thought)
    calls = fields.array("tool_calls", MAX_CALLS) or []
    path = fields.at("tool_calls")
    fields.refuse({"function_call": "use 'tool_calls'", "audio": "this network takes text and pictures only"})
    fields.accept("annotations", "citations", "parsed", "provider_specific_fields", "status", "phase", "finish_reason")
    fields.accept("extra_content", "reasoning_opaque", "reasoning_signature", "thought_signature")
    fields.limit("images")
    if fields.flag("prefix") and not last:
        raise invalid(fields.at("prefix"), f"Invalid '{fields.at('prefix')}': only the last message can be continued.")
    fields.finish()
    return Message(
        role="assistant",
        content=content or refusal or "",
        reasoning=reasoning or None,
        name=name,
        tool_calls=tuple(_call(Fields(item, f"{path}[{index}]")) for index, item in enumerate(calls)),
    )


def _picture_kind(role: str, pictures: Pictures) -> PartKind:
    return picture_kind(role, pictures, "image_url", _image_url, "cache_control")


def _image_url(fields: Fields) -> Sent:
    """`{"url": ..., "detail": ...}`, or the URL alone, as Mistral's clients write it."""
    value, path = fields.take("image_url"), fields.at("image_url")
    if isinstance(value, str):
        return from_uri(path, value, None)
    if value is None:
        raise invalid(path, f"Missing required parameter: '{path}'.")
    inner = Fields(value, path)
    url, detail = inner.text("url"), inner.choice("detail", tuple(DETAILS))
    inner.finish()
    if url is None:
        raise invalid(inner.at("url"), f"Missing required parameter: '{inner.at('url')}'.")
    return from_uri(path, url, detail)


def _call(fields: Fields) -> ToolCall:
    call_id = required_id(fields, "id")
    fields.accept("index", "extra_content", "thought_signature", "provider_specific_fields")
    kind: Any = fields.take("type")
    if kind == "custom" and (custom := fields.inner("custom")) is not None:
        call = custom_call(custom, call_id)
        fields.finish()
        return call
    if kind not in (None, "function"):
        raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': only 'function' calls are supported.")
    function = fields.inner("function")
    if function is None:
        raise invalid(fields.at("function"), f"Missing required parameter: '{fields.at('function')}'.")
    name, arguments = tool_name(function), read_arguments(function)
    function.accept("parsed_arguments", "provider_specific_fields")
    function.finish()
    fields.finish()
    return ToolCall(id=call_id, name=name, arguments=arguments)


def read_arguments(fields: Fields) -> str:
    """The arguments of an earlier call as JSON text. Some servers write "" for a call without any, and some the object
    itself (Ollama)."""
    given = fields.take("arguments")
    if isinstance(given, dict):
        return to_json(given).decode()
    if given is not None and not isinstance(given, str):
        raise fields.wrong_type("arguments", "a string", given)
    return given or "{}"


def custom_call(fields: Fields, call_id: str) -> ToolCall:
    """A call of a tool that takes free text, as another server's model made it; shown to the model as a function's."""
    name, given = tool_name(fields), fields.text("input") or ""
    fields.finish()
    return ToolCall(id=call_id, name=name, arguments=to_json({"input": given}).decode())


def required_id(fields: Fields, name: str) -> str:
    """The id of a call. Not looked up among earlier calls: clients that shorten a conversation drop the call and keep
    its result."""
    call_id = optional_id(fields, name)
    if call_id is None:
        raise invalid(fields.at(name), f"Missing required parameter: '{fields.at(name)}'.")
    return call_id


def optional_id(fields: Fields, name: str) -> str | None:
    """An id of another server may be empty, or as long as it likes (Gemini's hold a seal): its digest stands for it, in
    the call as in its result."""
    call_id = fields.text(name)
    if call_id is None or 0 < len(call_id) <= MAX_ID_CHARS:
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:24]}"


_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def tool_name(fields: Fields) -> str:
    name = optional_tool_name(fields, "name")
    if name is None:
        raise invalid(fields.at("name"), f"Missing required parameter: '{fields.at('name')}'.")
    return name


def optional_tool_name(fields: Fields, field: str) -> str | None:
    """A name of OpenAI's letters, and of the dot that tools of MCP servers have."""
    return fields.matching(field, _TOOL_NAME, "1 to 64 of the characters a-z, A-Z, 0-9, '_', '-' and '.'")


_MARKS = ("annotations", "citations", "signature", "id", "extras", "index")
_SEALS = ("signature", "data", "id", "index", "format", "extras", "closed", "cache_control")
_THOUGHTS = tuple(PartKind(type, beside=_SEALS, thought=True) for type in thoughts.PARTS)
_TEXT = PartKind("text", "text", ("cache_control",))
_SAID = PartKind("text", "text", ("cache_control", *_MARKS))  # in an answer that is sent back
_REFUSAL = PartKind("refusal", "refusal", ("cache_control",))
_FILES = (PartKind("input_audio", attached=read_audio), PartKind("file", attached=read_file))
