"""What an answer may be: declared tools, the choice among them, and the format of the text."""

from typing import Any

from pydantic_core import to_json

from coordinator.openai_fields import Fields
from coordinator.openai_json import check_schema, invalid
from coordinator.openai_messages import tool_name
from wire.chat import Tool

MAX_TOOLS = 128
MAX_TOOLS_BYTES = 256 * 1024


def read_tools(body: Fields) -> tuple[Tool, ...]:
    """The declared functions. Raises SupernetError."""
    raw = body.array("tools", MAX_TOOLS) or []
    if (size := len(to_json(raw))) > MAX_TOOLS_BYTES:
        raise invalid("tools", f"'tools' has {size} bytes: at most {MAX_TOOLS_BYTES} are accepted.")
    tools = tuple(_tool(Fields(item, f"tools[{index}]")) for index, item in enumerate(raw))
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if tool.name in names:
            path = f"tools[{index}].function.name"
            raise invalid(path, f"Invalid '{path}': another tool has the same name.")
        names.add(tool.name)
    return tools


def _tool(fields: Fields) -> Tool:
    if fields.take("type") != "function":
        raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': only 'function' tools are supported.")
    function = fields.inner("function")
    if function is None:
        raise invalid(fields.at("function"), f"Missing required parameter: '{fields.at('function')}'.")
    fields.accept("cache_control")
    fields.finish()
    name = tool_name(function)
    description = function.text("description") or ""
    parameters = _schema(function, "parameters") or {}
    if parameters.get("type", "object") != "object":
        path = function.at("parameters")
        raise invalid(path, f"Invalid '{path}': the schema of a function's parameters must have type 'object'.")
    strict = function.flag("strict") or False
    function.finish()
    return Tool(name=name, description=description, parameters=parameters, strict=strict)


def _schema(fields: Fields, name: str) -> dict[str, Any] | None:
    value, path = fields.take(name), fields.at(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(path, f"Invalid type for '{path}': expected a JSON Schema object.")
    check_schema(value, path)
    return value


def read_tool_choice(body: Fields, tools: tuple[Tool, ...]) -> str:
    """none, auto, required or `name:NAME`, as ChatRequest wants it. Without tools nothing is called, so: none."""
    value = body.take("tool_choice")
    if isinstance(value, dict):
        return f"name:{_named(Fields(value, 'tool_choice'), tools)}"
    if value not in (None, "none", "auto", "required"):
        message = "Invalid 'tool_choice': supported values are 'none', 'auto', 'required' and a named function."
        raise invalid("tool_choice", message)
    if tools:
        return value or "auto"
    if value == "required":
        raise invalid("tool_choice", "Invalid 'tool_choice': 'required' needs at least one tool in 'tools'.")
    return "none"


def _named(fields: Fields, tools: tuple[Tool, ...]) -> str:
    if fields.take("type") != "function":
        shape = '{"type": "function", "function": {"name": ...}}'
        raise invalid("tool_choice.type", f"Invalid 'tool_choice.type': only {shape} is supported.")
    function = fields.inner("function")
    if function is None:
        raise invalid("tool_choice.function", "Missing required parameter: 'tool_choice.function'.")
    name = tool_name(function)
    function.finish()
    fields.finish()
    if not any(tool.name == name for tool in tools):
        path = function.at("name")
        raise invalid(path, f"Invalid '{path}': no tool in 'tools' has this name.")
    return name


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
    schema = _schema(inner, "schema")
    if schema is None:
        raise invalid(inner.at("schema"), f"Missing required parameter: '{inner.at('schema')}'.")
    inner.accept("name", "description", "strict")
    inner.finish()
    return schema
