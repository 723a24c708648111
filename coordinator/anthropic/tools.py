"""Tools, the choice among them, and the format of the text, as `POST /v1/messages` writes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from coordinator.anthropic.fields import MessagesFields
from coordinator.openai.json_body import Json
from coordinator.openai.messages import tool_name
from coordinator.openai.tools import MAX_TYPE_CHARS, check_names, declared, read_schema
from wire.chat import MAX_TOOLS, Tool
from wire.errors import invalid

SEARCH = "tool_search"  # a search among deferred tools that Anthropic's servers run


@dataclass(frozen=True)
class Toolbox:
    """The tools that the model is told of, the choice among them, and whether it may make several calls at once."""

    tools: tuple[Tool, ...]
    choice: str
    parallel: bool


@dataclass(frozen=True)
class ToolChange:
    """What the conversation says of a tool: from here on it can be called, or no more. `tool`: what it is, where the
    request has not declared it."""

    name: str
    callable: bool
    tool: Tool | None = None


def read_toolbox(body: MessagesFields, changes: Iterable[ToolChange] = ()) -> Toolbox:
    """Read `tools` and `tool_choice`. Raises SupernetError.

    A tool with `defer_loading` is shown once the conversation has found it, as Claude Code's own search for tools does;
    at once where that search would be run by Anthropic's servers.
    """
    tools: dict[str, Tool] = {}
    deferred: set[str] = set()
    paths: list[tuple[str, str]] = []
    left_out: list[str] = []
    for index, item in enumerate(declared(body)):
        fields = MessagesFields(item, f"tools[{index}]")
        given: Any = fields.take("type")
        if given in (None, "custom"):
            later = fields.flag("defer_loading")
            tool = read_tool(fields)
            tools[tool.name] = tool
            paths.append((tool.name, fields.at("name")))
            deferred |= {tool.name} if later else set()
        else:
            fields.leave()
            left_out.append(str(given)[:MAX_TYPE_CHARS])
            body.warn(f"tools of type '{left_out[-1]}' are not offered here: the model was not told of them")
    if left_out and not tools:
        why = "declare a tool of your own, with a 'description' and an 'input_schema'"
        message = f"Unsupported value for 'tools[0].type': this model does not know '{left_out[0]}'. Here: {why}."
        raise invalid("tools[0].type", message)
    check_names(paths)
    hidden = set() if any(given.startswith(SEARCH) for given in left_out) else deferred
    shown = _changed(tools, hidden, changes)
    choice, parallel = _choice(body, shown)
    return Toolbox(shown, choice, parallel)


def _changed(tools: dict[str, Tool], hidden: set[str], changes: Iterable[ToolChange]) -> tuple[Tool, ...]:
    """The tools that can be called at the end of the conversation."""
    for change in changes:
        if change.tool is not None:
            tools[change.name] = change.tool
        if change.callable:
            hidden.discard(change.name)
        else:
            hidden.add(change.name)
    shown = tuple(tool for name, tool in tools.items() if name not in hidden)
    if len(shown) > MAX_TOOLS:
        raise invalid("messages", f"With those of 'messages' there are {len(shown)} tools: at most {MAX_TOOLS} may be.")
    return shown


def read_tool(fields: MessagesFields) -> Tool:
    """A tool of the client's own, its type taken before. Raises SupernetError."""
    name, description = tool_name(fields), fields.text("description") or ""
    strict = fields.flag("strict") or False
    parameters = read_schema(fields, "input_schema", strict)
    path = fields.at("input_schema")
    if parameters is None:
        raise invalid(path, f"Missing required parameter: '{path}'.")
    if parameters.get("type", "object") != "object":
        raise invalid(path, f"Invalid '{path}': the schema of a tool's input must have type 'object'.")
    fields.accept("cache_control", "eager_input_streaming", "input_examples", "allowed_callers")
    fields.finish()
    return Tool(name=name, description=description, parameters=parameters, strict=strict)


def _choice(body: MessagesFields, tools: tuple[Tool, ...]) -> tuple[str, bool]:
    """The choice as ChatRequest wants it, and whether several calls may be made at once."""
    fields = body.inner("tool_choice")
    if fields is None:
        return "auto" if tools else "none", True
    given = fields.choice("type", ("auto", "any", "tool", "none"))
    if given is None:
        raise invalid("tool_choice.type", "Missing required parameter: 'tool_choice.type'.")
    name = tool_name(fields) if given == "tool" else None
    one_call = fields.flag("disable_parallel_tool_use") or False
    fields.finish()
    if given == "any" and not tools:
        raise invalid("tool_choice.type", "Invalid 'tool_choice.type': 'any' needs at least one tool in 'tools'.")
    if name is not None and all(tool.name != name for tool in tools):
        raise invalid("tool_choice.name", "Invalid 'tool_choice.name': no tool in 'tools' has this name.")
    if name is not None:
        return f"name:{name}", not one_call
    words = {"auto": "auto", "any": "required", "none": "none"}
    return words[given] if tools else "none", not one_call


def read_format(fields: MessagesFields, name: str) -> Json | None:
    """Read the format of the answer: the JSON Schema that holds it, None for free text. There it is always strict."""
    format = fields.inner(name)
    if format is None:
        return None
    if format.choice("type", ("json_schema",)) is None:
        raise invalid(format.at("type"), f"Missing required parameter: '{format.at('type')}'.")
    schema = read_schema(format, "schema", strict=True)
    if schema is None:
        raise invalid(format.at("schema"), f"Missing required parameter: '{format.at('schema')}'.")
    format.finish()
    return schema
