"""A request's messages as the dictionaries that chat templates of the Hub expect."""

import json
from itertools import takewhile
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Image, Message, Tool, ToolCall
from worker.chat.pictures import content_of, joined
from worker.chat.surrogates import plain
from worker.chat.thought import split_thought

_MOST_DEPTH = 64  # of arguments in the history; deeper ones are given to the template as text


def tool_definitions(tools: tuple[Tool, ...]) -> list[dict[str, Any]]:
    """The tools in OpenAI's shape."""
    return [
        {
            "type": "function",
            "function": {
                "name": plain(tool.name),
                "description": plain(tool.description),
                "parameters": _plain_value(tool.parameters),
            },
        }
        for tool in tools
    ]


def conversation(request: ChatRequest, in_place: bool = True) -> list[dict[str, Any]]:
    """The messages for a template that knows tools.

    The system messages that a conversation begins with become one. Later ones stay where they are, so that the next
    prompt begins as the last one did; not `in_place`: the template takes them at the front only. A thought that stands
    inline in an assistant's text is taken out of it. Results come in the order of their calls. The content of a message
    with pictures are parts, see `pictures.content_of`.
    """
    leading, rest = _ordered(request, in_place)
    system = "\n\n".join(message.content for message in leading)
    first = [{"role": "system", "content": plain(system)}] if system else []
    return first + [_entry(message) for message in rest]


def shown(request: ChatRequest, in_place: bool = True) -> list[Image]:
    """The pictures in the order in which `conversation` has them: each goes where its message goes."""
    return [image for messages in _ordered(request, in_place) for message in messages for image in message.images]


def _ordered(request: ChatRequest, in_place: bool) -> tuple[list[Message], list[Message]]:
    """The system messages at the front, and all others."""
    messages = list(request.messages)
    if not in_place:
        messages.sort(key=lambda message: message.role != "system")
    leading = list(takewhile(lambda message: message.role == "system", messages))
    return leading, _answered(messages[len(leading) :])


def _answered(messages: list[Message]) -> list[Message]:
    """The results behind a turn of calls in the order of the calls, by their ids: Qwen's templates show no ids, so the
    model knows a result by its place, and clients send the one first that was there first. One without a call stays
    behind those that have one, and a system message among them behind all; one without words is left out."""
    ordered: list[Message] = []
    places: dict[str | None, int] = {}
    results: list[Message] = []
    systems: list[Message] = []
    for message in [*messages, None]:
        if message is not None and message.role == "tool":
            results.append(message)
        elif message is not None and message.role == "system":
            systems += [message] if message.content.strip() else []
        else:
            ordered += sorted(results, key=lambda result: places.get(result.tool_call_id, len(places)))
            ordered += systems
            results, systems = [], []
            if message is not None:
                ordered.append(message)
                places = {call.id: place for place, call in enumerate(message.tool_calls)}
    return ordered


def flat_conversation(
    request: ChatRequest, tools: list[dict[str, Any]], format: ChatFormat, in_place: bool = True
) -> list[dict[str, Any]]:
    """The messages for a template that only prints role and content: tools, calls and results become text."""
    entries: list[dict[str, Any]] = []
    for entry in conversation(request, in_place):
        if entry["role"] == "tool":
            response = joined("<tool_response>\n", entry["content"], "\n</tool_response>")
            if entries and entries[-1].pop("responses", False):
                entries[-1]["content"] = joined(entries[-1]["content"], "\n", response)
                entries[-1]["responses"] = True
            else:
                entries.append({"role": "user", "content": response, "responses": True})
            continue
        if calls := [_written(call["function"], format) for call in entry.pop("tool_calls", ())]:
            entry["content"] = "\n".join(filter(None, [entry["content"], *calls]))
        entries.append(entry)
    if tools:
        described = _description(tools, format)
        if entries and entries[0]["role"] == "system":
            entries[0]["content"] += "\n\n" + described
        else:
            entries.insert(0, {"role": "system", "content": described})
    return [{key: value for key, value in entry.items() if key != "responses"} for entry in entries]


def _entry(message: Message) -> dict[str, Any]:
    content, reasoning = message.content, message.reasoning
    if message.role == "assistant" and reasoning is None:
        reasoning, content = split_thought(content)
    entry: dict[str, Any] = {"role": message.role, "content": content_of(content, message.images)}
    if reasoning is not None:
        entry["reasoning_content"] = plain(reasoning)
    if message.name is not None:
        entry["name"] = plain(message.name)
    if message.tool_call_id is not None:
        entry["tool_call_id"] = plain(message.tool_call_id)
    if message.tool_calls:
        entry["tool_calls"] = [_call(call) for call in message.tool_calls]
    return entry


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": plain(call.name), "arguments": _arguments(call.arguments)}
    return {"id": plain(call.id), "type": "function", "function": function}


def _arguments(text: str) -> dict[str, Any]:
    """Templates walk over the arguments, so they must be an object: what is none is shown under the name `arguments`,
    as a value if it is JSON, else as the text it is. Nothing written, or null, is no arguments."""
    try:
        value = _plain_value(json.loads(text or "{}", parse_constant=str))
    except (ValueError, RecursionError):
        value = plain(text)
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"arguments": value}


def _plain_value(value: Any, depth: int = 0) -> Any:
    """A JSON value with every string in it, names too, made plain. Raises ValueError where it is nested too deep."""
    if depth > _MOST_DEPTH:
        raise ValueError("nested too deep")
    match value:
        case str():
            return plain(value)
        case dict():
            return {plain(str(name)): _plain_value(item, depth + 1) for name, item in value.items()}
        case list() | tuple():
            return [_plain_value(item, depth + 1) for item in value]
        case _:
            return value


def _written(function: dict[str, Any], format: ChatFormat) -> str:
    """A call as the model itself would have written it."""
    if format == "qwen-json":
        return "<tool_call>\n" + json.dumps(function, ensure_ascii=False) + "\n</tool_call>"
    values = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in function["arguments"].items()
    }
    parameters = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in values.items())
    return f"<tool_call>\n<function={function['name']}>\n{parameters}</function>\n</tool_call>"


_JSON_CALL = '<tool_call>\n{"name": "the tool", "arguments": {"parameter": "value"}}\n</tool_call>'
_XML_CALL = (
    "<tool_call>\n<function=the_tool>\n<parameter=the_parameter>\nvalue\n</parameter>\n</function>\n</tool_call>"
)


def _description(tools: list[dict[str, Any]], format: ChatFormat) -> str:
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    return (
        f"These tools can be called. One JSON description per line:\n<tools>\n{lines}\n</tools>\n\n"
        "To call a tool, write exactly this, once for each call, and nothing after it:\n"
        f"{_JSON_CALL if format == 'qwen-json' else _XML_CALL}\n\n"
        "The results come back inside <tool_response> tags. If no tool is needed, just answer."
    )
