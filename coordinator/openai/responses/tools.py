"""Tools, the choice among them, and the format of the text, as `POST /v1/responses` writes them.

Functions are flat here, and may stand in a namespace. The model knows such a function as `namespace.name`; calls of it
go back to the client with both apart, by the table in `names`: dots cannot tell, both sides may hold some.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coordinator.openai.fields import Fields, kind
from coordinator.openai.json_body import Json
from coordinator.openai.messages import tool_name
from coordinator.openai.responses import image_generation
from coordinator.openai.responses.fields import ResponsesFields
from coordinator.openai.responses.image_generation import read_image_generation
from coordinator.openai.responses.items import full_name
from coordinator.openai.tools import (
    Chosen,
    check_names,
    declared,
    offered,
    read_function,
    read_schema,
    warn_of_unchecked,
)
from coordinator.request import PictureWish
from wire.chat import MAX_TOOLS, Tool
from wire.errors import invalid


@dataclass
class Toolbox:
    """The functions that a request declares, and how to name them to the client.

    `pictures`: the wish of a tool that draws, if there is one.
    `names`: the model's name of a function -> the client's: `name`, and `namespace` if it has one. `shown` is what the
    Response object repeats: the tools that the model was really told of.
    """

    tools: list[Tool] = field(default_factory=list)
    names: dict[str, Json] = field(default_factory=dict)
    shown: list[Json] = field(default_factory=list)
    pictures: PictureWish | None = None


def read_toolbox(body: ResponsesFields, stream: bool = False) -> Toolbox:
    """Read `tools`. What is not offered is left out, and the answer says so. Raises SupernetError."""
    box = Toolbox()
    paths: list[tuple[str, str]] = []
    for index, item in enumerate(declared(body)):
        path = f"tools[{index}]"
        before = len(box.tools)
        _declare(box, body, ResponsesFields(_flat(item, path), path), stream)
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


def _declare(box: Toolbox, body: ResponsesFields, fields: ResponsesFields, stream: bool) -> None:
    match offered(body, fields, "namespace", image_generation.NAME):
        case "function":
            tool = _function(body, fields)
            if tool is not None:
                box.tools.append(tool)
                box.names[tool.name] = {"name": tool.name}
                box.shown.append(_shown(tool))
        case "namespace":
            _namespace(box, body, fields)
        case image_generation.NAME:
            if box.pictures is not None:
                raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': this tool is declared twice.")
            box.pictures = read_image_generation(fields, stream)


def _function(body: ResponsesFields, fields: ResponsesFields) -> Tool | None:
    """The function; None for one that is not to be shown before a search of tools has found it."""
    tool = read_function(fields)
    fields.accept("output_schema", "allowed_callers")
    fields.limit("async")
    deferred = fields.flag("defer_loading")
    fields.finish()
    if deferred:
        body.warn("tools with 'defer_loading' were left out: no search of tools is offered, which could load them")
    return None if deferred else tool


def _namespace(box: Toolbox, body: ResponsesFields, fields: ResponsesFields) -> None:
    space, about = tool_name(fields), fields.text("description")
    found: list[Tool] = []
    for index, item in enumerate(fields.array("tools", MAX_TOOLS) or []):
        path = f"{fields.at('tools')}[{index}]"
        inner = ResponsesFields(_flat(item, path), path)
        tool = _function(body, inner) if offered(body, inner) else None
        if tool is not None:
            found.append(tool)
    fields.finish()
    if not found:
        return
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
    """Read a `tool_choice` that names a function, with `namespace` if it has one; for read_tool_choice."""
    given: Any = fields.take("type")
    if given != "function":
        raise invalid("tool_choice.type", "Unsupported value for 'tool_choice.type'. Here: name a function.")
    name = full_name(fields)
    fields.finish()
    return name, fields.at("name")


def shown_choice(chosen: Chosen, plain: str, names: Mapping[str, Json]) -> str | Json:
    """The choice in the client's words. `plain`: as it holds among the request's own tools."""
    if chosen.group is not None:
        return {"type": chosen.group}
    name = chosen.choice.removeprefix("name:")
    return plain if name == chosen.choice else {"type": "function", **names.get(name, {"name": name})}


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
        warn_of_unchecked(body, schema)
    if fields is not None:
        fields.accept("verbosity")
        fields.finish()
    return schema, {"format": shown, "verbosity": "medium"}


def _json_schema(format: ResponsesFields) -> tuple[Json, Json]:
    """The answer is held to the schema in any case; the name and the words are repeated and no more."""
    strict = format.flag("strict")
    schema = read_schema(format, "schema", strict or False)
    if schema is None:
        raise invalid("text.format.schema", "Missing required parameter: 'text.format.schema'.")
    shown = {
        "type": "json_schema",
        "name": format.text("name") or "answer",
        "description": format.text("description"),
        "schema": schema,
        "strict": strict,
    }
    return schema, shown
