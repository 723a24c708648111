"""Declared tools, the choice among them, and the format of the answer's text."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from coordinator.openai.fields import Fields
from coordinator.openai.messages import tool_name
from wire.chat import MAX_TOOLS, Tool
from wire.errors import invalid
from wire.schema_enforcement import enforced
from wire.schema_keywords import not_strict, unchecked
from wire.schema_limits import check_schema

MAX_TOOLS_BYTES = 256 * 1024
MAX_TYPE_CHARS = 64  # of a tool's type, quoted

# Mistral and Anthropic say `any`.
CHOICES = {"none": "none", "auto": "auto", "required": "required", "any": "required"}


def read_tools(body: Fields) -> tuple[Tool, ...]:
    """The declared functions. A tool of another type is left out, and the answer says so. Raises SupernetError."""
    entries = [Fields(item, f"tools[{index}]") for index, item in enumerate(declared(body))]
    functions = [fields for fields in entries if offered(body, fields)]
    tools = tuple(map(_tool, functions))
    check_names([(tool.name, fields.at("function.name")) for tool, fields in zip(tools, functions, strict=True)])
    return tools


def offered(body: Fields, fields: Fields, *types: str) -> str | None:
    """The type of a declared tool if it is one of `types` or a function; else None, with a word to the client. Clients
    declare tools that OpenAI runs itself without being asked to: the model may call a tool, and never has to."""
    given: Any = fields.take("type")
    if not isinstance(given, str):
        raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': expected the type of a tool, 'function'.")
    if given in ("function", *types):
        return given
    fields.leave()
    body.warn(f"tools of type '{given[:MAX_TYPE_CHARS]}' are not offered here: the model was not told of them")
    return None


def declared(body: Fields) -> list[Any]:
    """Return `tools` unread, once it is known to be no larger than allowed."""
    raw = body.array("tools", MAX_TOOLS) or []
    if (size := len(to_json(raw))) > MAX_TOOLS_BYTES:
        raise invalid("tools", f"'tools' has {size} bytes: at most {MAX_TOOLS_BYTES} are accepted.")
    return raw


def check_names(named: list[tuple[str, str]]) -> None:
    """Refuse a name that occurs twice; `named` are pairs of a name and its path in the request."""
    names: set[str] = set()
    for name, path in named:
        if name in names:
            raise invalid(path, f"Invalid '{path}': another tool has the same name.")
        names.add(name)


def _tool(fields: Fields) -> Tool:
    function = fields.inner("function")
    if function is None:
        raise invalid(fields.at("function"), f"Missing required parameter: '{fields.at('function')}'.")
    fields.accept("cache_control")
    fields.finish()
    tool = read_function(function)
    function.finish()
    return tool


def read_function(fields: Fields) -> Tool:
    """A function with the keys that it has in both APIs."""
    name = tool_name(fields)
    description = fields.text("description") or ""
    strict = fields.flag("strict") or False
    parameters = read_schema(fields, "parameters", strict) or {}
    if parameters.get("type", "object") != "object":
        path = fields.at("parameters")
        raise invalid(path, f"Invalid '{path}': the schema of a function's parameters must have type 'object'.")
    return Tool(name=name, description=description, parameters=parameters, strict=strict)


def read_schema(fields: Fields, name: str, strict: bool) -> dict[str, Any] | None:
    """Take a JSON Schema within the bounds; None when it is missing. `strict`: an answer must be held to all of it."""
    value, path = fields.take(name), fields.at(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(path, f"Invalid type for '{path}': expected a JSON Schema object.")
    check_schema(value, path)
    if strict and (gaps := enforced(value).gaps):
        raise invalid(path, f"Invalid '{path}': {not_strict(gaps)}")
    return value


class Chosen(NamedTuple):
    """Which of the request's own `tools` may be called, and the `choice` among all as ChatRequest wants it: none, auto,
    required or `name:NAME`. `allowed`: which of the others may be; None: all. `group`: the type that chose them."""

    tools: tuple[Tool, ...]
    choice: str
    allowed: frozenset[str] | None = None
    group: str | None = None


Named = Callable[[Fields], tuple[str, str]]  # reads a name out of an object, in which the APIs differ, and its place
_NONE: Mapping[str, Collection[str]] = {}


def read_tool_choice(
    body: Fields,
    tools: tuple[Tool, ...],
    named: Named,
    others: Collection[str] = (),
    groups: Mapping[str, Collection[str]] = _NONE,
) -> Chosen:
    """Read `tool_choice`. Without tools nothing is called, so the choice is: none; unless there may be `others`, which
    the request does not declare itself. `groups` of these are chosen by a type of tool in place of a name."""
    value, allowed = body.take("tool_choice"), None
    if isinstance(value, dict) and value.get("type") == "allowed_tools":
        names, value = _allowed(value, type(body)(value, "tool_choice"), named, groups)
        tools, allowed = tuple(tool for tool in tools if tool.name in names), names.intersection(others)
        others = allowed
    if isinstance(value, dict) and (group := groups.get(_type(value))) is not None:
        fields = type(body)(value, "tool_choice")
        fields.take("type")
        fields.finish()
        return Chosen((), "required", frozenset(group), value["type"])
    if isinstance(value, dict) and value.keys() == {"type"} and value["type"] in CHOICES:
        value = value["type"]
    if isinstance(value, dict):
        name, path = named(type(body)(value, "tool_choice"))
        if not any(tool.name == name for tool in tools) and name not in others:
            raise invalid(path, f"Invalid '{path}': no tool in 'tools' has this name.")
        return Chosen(tools, f"name:{name}")
    if value is not None and (not isinstance(value, str) or value not in CHOICES):
        message = "Invalid 'tool_choice': supported values are 'none', 'auto', 'required', 'any' and a named function."
        raise invalid("tool_choice", message)
    choice = CHOICES[value or "auto"]
    if choice == "required" and not tools and not others:
        raise invalid("tool_choice", f"Invalid 'tool_choice': '{value}' needs at least one function in 'tools'.")
    return Chosen(tools, choice if tools or others else "none", allowed)


def _type(given: dict[str, Any]) -> str:
    return str(given.get("type"))


def _allowed(
    given: dict[str, Any], fields: Fields, named: Named, groups: Mapping[str, Collection[str]]
) -> tuple[frozenset[str], str]:
    """Names of the functions that may be called, and whether one must be. The model is told of no others: what may be
    chosen among them is then held as ever."""
    fields.take("type")
    wrapped = fields.inner("allowed_tools") if "allowed_tools" in given else None  # as chat completions have it
    inner = wrapped or fields
    mode, path = inner.choice("mode", ("auto", "required")) or "auto", inner.at("tools")
    items = inner.array("tools", MAX_TOOLS) or []
    inner.finish()
    fields.finish()
    names: set[str] = set()
    for index, item in enumerate(items):
        one = type(fields)(item, f"{path}[{index}]")
        if item.get("type") == "function":
            names.add(named(one)[0])
        else:
            names.update(groups.get(_type(item), ()))
            one.leave()  # of any other type it was left out of 'tools' too
    return frozenset(names), mode


def chat_choice(fields: Fields) -> tuple[str, str]:
    """Read a `tool_choice` that names a function: `{"type": "function", "function": {"name": ...}}`."""
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


def read_response_format(body: Fields) -> tuple[dict[str, Any] | None, bool]:
    """The JSON Schema that holds the answer (`{}` for any object, None for free text), and whether it is strict.

    Raises SupernetError.
    """
    fields = body.inner("response_format")
    if fields is None:
        return None, False
    kind = fields.choice("type", ("text", "json_object", "json_schema"))
    if kind is None:
        raise invalid("response_format.type", "Missing required parameter: 'response_format.type'.")
    # Llama.cpp, Together and Fireworks have the schema here, for either kind.
    plain = read_schema(fields, "schema", strict=False) if kind != "text" else None
    schema, strict = _json_schema(fields) if kind == "json_schema" and plain is None else (plain, False)
    fields.finish()
    warn_of_unchecked(body, schema)
    return schema or {} if kind == "json_object" else schema, strict


def warn_of_unchecked(body: Fields, schema: dict[str, Any] | None) -> None:
    """Tell the client what of the answer's schema nobody looks at; a worker tells what does not hold."""
    for warning in unchecked(enforced(schema).gaps) if schema else ():
        body.warn(warning)


def _json_schema(fields: Fields) -> tuple[dict[str, Any], bool]:
    inner = fields.inner("json_schema")
    if inner is None:
        path = fields.at("json_schema")
        raise invalid(path, f"Missing required parameter: '{path}'.")
    strict = inner.flag("strict") or False
    schema = read_schema(inner, "schema", strict)
    if schema is None:
        raise invalid(inner.at("schema"), f"Missing required parameter: '{inner.at('schema')}'.")
    inner.accept("name", "description")
    inner.finish()
    return schema, strict
