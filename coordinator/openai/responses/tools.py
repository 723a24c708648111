"""Tools, the choice among them, and the format of the text, as `POST /v1/responses` writes them.

Functions are flat here, and may stand in a namespace. The model knows such a function as `namespace.name`; calls of it
go back to the client with both apart, by the table in `names`: dots cannot tell, both sides may hold some.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coordinator.openai.fields import Fields, kind
from coordinator.openai.messages import tool_name
from coordinator.openai.responses.fields import LEFT_OUT, ResponsesFields
from coordinator.openai.responses.items import full_name
from coordinator.openai.tools import MAX_TOOLS, check_names, declared, read_function, read_schema
from wire.chat import Tool
from wire.errors import invalid

Json = dict[str, Any]


@dataclass
class Toolbox:
    """`names`: the model's name of a function -> how the client knows it: `name`, and `namespace` if it has one.
    `shown` is what the Response object repeats: the tools that the model was really told of."""

    tools: list[Tool] = field(default_factory=list)
    names: dict[str, Json] = field(default_factory=dict)
    shown: list[Json] = field(default_factory=list)


def read_toolbox(body: ResponsesFields) -> Toolbox:
    """Raises SupernetError, also for a kind of tool that is not offered."""
    box = Toolbox()
    paths: list[tuple[str, str]] = []
    for index, item in enumerate(declared(body)):
        path = f"tools[{index}]"
        before = len(box.tools)
        _declare(box, ResponsesFields(_flat(item, path), path))
        paths += [(tool.name, f"{path}.name") for tool in box.tools[before:]]
    if len(box.tools) > MAX_TOOLS:
        raise invalid("tools", f"Invalid 'tools': {len(box.tools)} functions, at most {MAX_TOOLS} are accepted.")
    check_names(paths)
    return box


def _flat(item: Any, path: str) -> Any:
    """The function that some clients (Codex at times) also write inside, as chat completions have it, laid out flat."""
    if not isinstance(item, dict) or item.get("function") is None:
        return item
    inner = item["function"]
    outer = {key: value for key, value in item.items() if key != "function" and value is not None}
    if not isinstance(inner, dict):
        message = f"Invalid type for '{path}.function': expected an object, got {kind(inner)}."
        raise invalid(f"{path}.function", message)
    for key in inner.keys() & outer.keys():
        if inner[key] is not None and inner[key] != outer[key]:
            where = f"{path}.function.{key[:64]}"
            raise invalid(where, f"Invalid '{where}': it differs from '{path}.{key[:64]}'. Send one of them.")
    return {**inner, **outer}


def _declare(box: Toolbox, fields: ResponsesFields) -> None:
    given: Any = fields.take("type")
    match given:
        case "function":
            tool = _function(fields)
            box.tools.append(tool)
            box.names[tool.name] = {"name": tool.name}
            box.shown.append(_shown(tool))
        case "namespace":
            _namespace(box, fields)
        case str() if given in LEFT_OUT:
            pass
        case _:
            path = fields.at("type")
            shown = f"'{given}' tools are" if isinstance(given, str) and len(given) <= 32 else "this tool is"
            message = f"{shown} not offered, only 'function' and 'namespace' of functions: tools are run by the client."
            raise invalid(path, f"Unsupported value for '{path}': {message}")


def _function(fields: ResponsesFields) -> Tool:
    tool = read_function(fields)
    fields.accept("output_schema")
    fields.limit("async", "defer_loading", "allowed_callers")
    fields.finish()
    return tool


def _namespace(box: Toolbox, fields: ResponsesFields) -> None:
    space, about = tool_name(fields), fields.text("description")
    found: list[Tool] = []
    for index, item in enumerate(fields.array("tools", MAX_TOOLS) or []):
        path = f"{fields.at('tools')}[{index}]"
        inner = ResponsesFields(_flat(item, path), path)
        if inner.take("type") != "function":
            where = inner.at("type")
            raise invalid(where, f"Unsupported value for '{where}': a namespace holds functions only.")
        found.append(_function(inner))
    fields.finish()
    box.shown.append(
        {"type": "namespace", "name": space, "description": about or "", "tools": list(map(_shown, found))}
    )
    for tool in found:
        name = f"{space}.{tool.name}"
        described = tool.description
        if about and tool is found[0]:  # templates know no namespaces: its words are said once, with its first function
            described = f"About {space}.*: {about}\n\n{described}"
        box.names[name] = {"name": tool.name, "namespace": space}
        box.tools.append(tool.model_copy(update={"name": name, "description": described}))


def _shown(tool: Tool) -> Json:
    return {"type": "function", **tool.model_dump()}


# ---- the choice among them -------------------------------------------------------------------------------------------


def named_choice(fields: Fields) -> tuple[str, str]:
    """`{"type": "function", "name": ...}`, with `namespace` if it has one. For read_tool_choice."""
    given: Any = fields.take("type")
    if given != "function":
        why = "leave the other tools out of 'tools'" if given == "allowed_tools" else "name a function"
        raise invalid("tool_choice.type", f"Unsupported value for 'tool_choice.type'. Here: {why}.")
    name = full_name(fields)
    fields.finish()
    return name, fields.at("name")


def shown_choice(choice: str, names: Mapping[str, Json]) -> str | Json:
    """ChatRequest.tool_choice in the client's words."""
    name = choice.removeprefix("name:")
    return choice if name == choice else {"type": "function", **names[name]}


# ---- the format of the text ------------------------------------------------------------------------------------------


def read_text_format(body: ResponsesFields) -> tuple[Json | None, Json]:
    """The JSON Schema that holds the answer (`{}`: any object, None: free text), and `text` as it is repeated."""
    fields = body.inner("text")
    format = None if fields is None else fields.inner("format")
    schema: Json | None = None
    shown: Json = {"type": "text"}
    if format is not None:
        given = format.choice("type", ("text", "json_object", "json_schema"))
        if given is None:
            raise invalid("text.format.type", "Missing required parameter: 'text.format.type'.")
        shown = {"type": given}
        if given == "json_object":
            schema = {}
        elif given == "json_schema":
            schema, shown = _json_schema(format)
        format.finish()
    if fields is not None:
        fields.limit("verbosity")
        fields.finish()
    return schema, {"format": shown, "verbosity": "medium"}


def _json_schema(format: ResponsesFields) -> tuple[Json, Json]:
    """The answer is held to the schema in any case; the name, the words and `strict` are repeated and no more."""
    schema = read_schema(format, "schema")
    if schema is None:
        raise invalid("text.format.schema", "Missing required parameter: 'text.format.schema'.")
    shown = {
        "type": "json_schema",
        "name": format.text("name") or "answer",
        "description": format.text("description"),
        "schema": schema,
        "strict": format.flag("strict"),
    }
    return schema, shown
