"""The conversation: OpenAI's messages -> the wire's, rebuilt field by field."""

import re
from dataclasses import dataclass
from typing import Any

from coordinator.openai.fields import Fields, kind
from wire.chat import MAX_CALLS, Message, ToolCall
from wire.errors import invalid

MAX_MESSAGES = 2048
MAX_ID_CHARS = 256
ROLES = ("system", "developer", "user", "assistant", "tool")

# OpenAI's own rule: nothing that could read as markup in a template; and no control characters, of which only some are
# white space, to Python others than to a client that reads the pattern in the API's document.
_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f<|\\/>]{1,64}")


def read_messages(body: Fields) -> tuple[tuple[Message, ...], bool]:
    """The messages, and whether one of them was a developer's. Raises SupernetError."""
    raw = body.array("messages", MAX_MESSAGES)
    if not raw:
        raise invalid("messages", "Missing required parameter: 'messages' must hold at least one message.")
    messages = tuple(_message(Fields(item, f"messages[{index}]")) for index, item in enumerate(raw))
    return messages, any(item.get("role") == "developer" for item in raw)


def _message(fields: Fields) -> Message:
    role = fields.choice("role", ROLES)
    if role is None:
        raise invalid(fields.at("role"), f"Missing required parameter: '{fields.at('role')}'.")
    name = fields.text("name")
    if name is not None and not _NAME.fullmatch(name):
        bounds = "expected 1 to 64 characters without spaces or any of <|\\/>"
        raise invalid(fields.at("name"), f"Invalid '{fields.at('name')}': {bounds}.")
    fields.accept("cache_control")
    if role == "assistant":
        return _assistant(fields, name)
    content = read_text(fields, "content", _TEXT)
    if content is None:
        raise invalid(fields.at("content"), f"Missing required parameter: '{fields.at('content')}'.")
    call_id = required_id(fields, "tool_call_id") if role == "tool" else None
    fields.finish()
    plain = "system" if role == "developer" else role
    return Message.model_validate({"role": plain, "content": content, "name": name, "tool_call_id": call_id})


def _assistant(fields: Fields, name: str | None) -> Message:
    """An earlier answer, as OpenAI's SDK and others send it back: whole, with null in what was empty.

    Content may be null and calls may be missing both: an answer that spent all its tokens on the thought looks so.
    """
    content = read_text(fields, "content", _TEXT, _REFUSAL)
    refusal = fields.text("refusal")  # on OpenAI a refusal is the answer's text in another field
    reasoning, other = fields.text("reasoning_content"), fields.text("reasoning")
    if reasoning is not None and other is not None and reasoning != other:
        message = "'reasoning_content' and 'reasoning' are the same parameter: send one of them."
        raise invalid(fields.at("reasoning"), message)
    calls = fields.array("tool_calls", MAX_CALLS) or []
    path = fields.at("tool_calls")
    fields.refuse({"function_call": "use 'tool_calls'", "audio": "this network takes text only"})
    fields.accept("annotations", "parsed", "provider_specific_fields")
    fields.finish()
    return Message(
        role="assistant",
        content=content or refusal or "",
        reasoning=reasoning if reasoning is not None else other,
        name=name,
        tool_calls=tuple(_call(Fields(item, f"{path}[{index}]")) for index, item in enumerate(calls)),
    )


def _call(fields: Fields) -> ToolCall:
    call_id = required_id(fields, "id")
    if fields.take("type") not in (None, "function"):
        raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': only 'function' calls are supported.")
    function = fields.inner("function")
    if function is None:
        raise invalid(fields.at("function"), f"Missing required parameter: '{fields.at('function')}'.")
    name = tool_name(function)
    arguments = function.text("arguments")
    function.accept("parsed_arguments")
    function.finish()
    fields.accept("index")
    fields.finish()
    # Some servers write "" for a call without arguments; the wire wants JSON text.
    return ToolCall(id=call_id, name=name, arguments=arguments or "{}")


def required_id(fields: Fields, name: str) -> str:
    """The id of a call. Not looked up among earlier calls: clients that shorten a conversation drop the call and keep
    its result."""
    call_id = fields.text(name, low=1, high=MAX_ID_CHARS)
    if call_id is None:
        raise invalid(fields.at(name), f"Missing required parameter: '{fields.at(name)}'.")
    return call_id


_TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def tool_name(fields: Fields) -> str:
    name = optional_tool_name(fields, "name")
    if name is None:
        raise invalid(fields.at("name"), f"Missing required parameter: '{fields.at('name')}'.")
    return name


def optional_tool_name(fields: Fields, field: str) -> str | None:
    """A name of OpenAI's letters, and of the dot that tools of MCP servers have."""
    name = fields.text(field)
    if name is not None and not _TOOL_NAME.fullmatch(name):
        bounds = "expected 1 to 64 of the characters a-z, A-Z, 0-9, '_', '-' and '.'"
        raise invalid(fields.at(field), f"Invalid '{fields.at(field)}': {bounds}.")
    return name


@dataclass(frozen=True)
class PartKind:
    """A kind of text part: its `type`, the key of its text, and keys that may stand beside it without an effect."""

    type: str
    key: str
    beside: tuple[str, ...] = ()


_TEXT = PartKind("text", "text", ("cache_control",))
_REFUSAL = PartKind("refusal", "refusal", ("cache_control",))


def read_text(fields: Fields, name: str, *kinds: PartKind) -> str | None:
    """A string, or text parts joined without anything between them, as Qwen's own template joins them."""
    value, path = fields.take(name), fields.at(name)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise invalid(path, f"Invalid type for '{path}': expected a string or an array of parts, got {kind(value)}.")
    return "".join(_part(type(fields)(item, f"{path}[{index}]"), kinds) for index, item in enumerate(value))


def _part(fields: Fields, kinds: tuple[PartKind, ...]) -> str:
    given: Any = fields.take("type")
    one = next((each for each in kinds if each.type == given), None)
    if one is None:
        shown = f"'{given}' parts are" if isinstance(given, str) and len(given) <= 32 else "this part is"
        listed = " or ".join(f"'{each.type}'" for each in kinds)
        message = f"Invalid '{fields.at('type')}': {shown} not accepted, this model takes text only ({listed})."
        raise invalid(fields.at("type"), message)
    text = fields.text(one.key)
    if text is None:
        raise invalid(fields.at(one.key), f"Missing required parameter: '{fields.at(one.key)}'.")
    fields.accept(*one.beside)
    fields.finish()
    return text
