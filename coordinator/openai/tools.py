"""What an answer may be: declared tools, the choice among them, and the format of the text."""

from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

from coordinator.openai.fields import Fields
from coordinator.openai.json_body import check_schema
from coordinator.openai.messages import tool_name
from wire.chat import Tool
from wire.errors import invalid

MAX_TOOLS = 128
MAX_TOOLS_BYTES = 256 * 1024


def read_tools(body: Fields) -> tuple[Tool, ...]:
    """The declared functions. Raises SupernetError."""
    tools = tuple(_tool(Fields(item, f"tools[{index}]")) for index, item in enumerate(declared(body)))
    check_names([(tool.name, f"tools[{index}].function.name") for index, tool in enumerate(tools)])
    return tools


def declared(body: Fields) -> list[Any]:
    """`tools` as it came, within the bounds of its size."""
    raw = body.array("tools", MAX_TOOLS) or []
    if (size := len(to_json(raw))) > MAX_TOOLS_BYTES:
        raise invalid("tools", f"'tools' has {size} bytes: at most {MAX_TOOLS_BYTES} are accepted.")
    return raw


def check_names(named: list[tuple[str, str]]) -> None:
    """Refuse a (name, path) whose name was there before."""
    names: set[str] = set()
    for name, path in named:
        if name in names:
            raise invalid(path, f"Invalid '{path}': another tool has the same name.")
        names.add(name)


def _tool(fields: Fields) -> Tool:
    if fields.take("type") != "function":
        raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': only 'function' tools are supported.")
    function = fields.inner("function")
    if function is None:
        raise invalid(fields.at("function"), f"Missing required parameter: '{fields.at('function')}'.")
    fields.accept("cache_control")
    fields.finish()
    tool = read_function(function)
    function.finish()
    return tool


def read_function(fields: Fields) -> Tool:
    """What both APIs say of a function."""
    name = tool_name(fields)
    description = fields.text("description") or ""
    parameters = read_schema(fields, "parameters") or {}
    if parameters.get("type", "object") != "object":
        path = fields.at("parameters")
        raise invalid(path, f"Invalid '{path}': the schema of a function's parameters must have type 'object'.")
    return Tool(name=name, description=description, parameters=parameters, strict=fields.flag("strict") or False)


def read_schema(fields: Fields, name: str) -> dict[str, Any] | None:
    value, path = fields.take(name), fields.at(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(path, f"Invalid type for '{path}': expected a JSON Schema object.")
    check_schema(value, path)
    return value


def read_tool_choice(body: Fields, tools: tuple[Tool, ...], named: Callable[[Fields], tuple[str, str]]) -> str:
    """none, auto, required or `name:NAME`, as ChatRequest wants it. Without tools nothing is called, so: none.

    `named` reads a name out of an object, in which the APIs differ, and says where it stood.
    """
    value = body.take("tool_choice")
    if isinstance(value, dict):
        name, path = named(type(body)(value, "tool_choice"))
        if not any(tool.name == name for tool in tools):
            raise invalid(path, f"Invalid '{path}': no tool in 'tools' has this name.")
        return f"name:{name}"
    if value not in (None, "none", "auto", "required"):
        message = "Invalid 'tool_choice': supported values are 'none', 'auto', 'required' and a named function."
        raise invalid("tool_choice", message)
    if tools:
        return value or "auto"
    if value == "required":
        raise invalid("tool_choice", "Invalid 'tool_choice': 'required' needs at least one tool in 'tools'.")
    return "none"


def chat_choice(fields: Fields) -> tuple[str, str]:
    """`{"type": "function", "function": {"name": ...}}`"""
    if fields.take("type") != "function":
        shape = '{"type": "function", "function": {"name": ...}}'
        raise invalid("tool_choice.type", f"Invalid 'tool_choice.type': only {shape} is supported.")
    function = fields.inner("function")
    if function is None:
        raise invalid("tool_choice.function", "Missing required parameter: 'tool_choice.function'.")
    name = tool_name(function)
    function.finish()
    fields.finish()
    return name, function.at("name")


def read_response_format(body: Fields) -> dict[str, Any] | None:
    """The JSON Schema that holds the answer; `{}` for any object, None for free text. Raises SupernetError."""
    fields = body.inner("response_format")
    if fields is None:
        return None
    kind = fields.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise invalid("response_format.type", "Missing required parameter: 'response_format.type'.")
    schema = _json_schema(fields) if kind == "json_schema" else None
    fields.finish()
    return {} if kind == "json_object" else schema


def _json_schema(fields: Fields) -> dict[str, Any]:
    inner = fields.inner("json_schema")
    if inner is None:
        path = fields.at("json_schema")
        raise invalid(path, f"Missing required parameter: '{path}'.")
    schema = read_schema(inner, "schema")
    if schema is None:
        raise invalid(inner.at("schema"), f"Missing required parameter: '{inner.at('schema')}'.")
    inner.accept("name", "description", "strict")
    inner.finish()
    return schema
