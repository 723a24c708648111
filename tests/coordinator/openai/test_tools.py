"""Tools, the choice among them, and response formats."""

from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.tools import (
    MAX_TOOLS,
    MAX_TOOLS_BYTES,
    chat_choice,
    read_response_format,
    read_tool_choice,
    read_tools,
)
from wire.chat import Tool
from wire.errors import ErrorCode, SupernetError

SCHEMA = {"type": "object", "properties": {"at": {"type": "integer"}}, "required": ["at"]}


def tool(name: str = "look", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **function}}


def refused(reader: Any, body: dict[str, Any], param: str) -> str:
    with pytest.raises(SupernetError) as caught:
        reader(Fields(body))
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value.message


def test_tools_are_rebuilt() -> None:
    body = {"tools": [tool(description="Look.", parameters=SCHEMA, strict=True), tool("mcp.fs-read_2")]}
    assert read_tools(Fields(body)) == (
        Tool(name="look", description="Look.", parameters=SCHEMA, strict=True),
        Tool(name="mcp.fs-read_2"),
    )


@pytest.mark.parametrize("body", [{}, {"tools": None}, {"tools": []}])
def test_no_tools_are_no_tools(body: dict[str, Any]) -> None:
    assert read_tools(Fields(body)) == ()


def test_null_inside_a_function_is_not_given() -> None:
    assert read_tools(Fields({"tools": [tool(description=None, parameters=None, strict=None)]})) == (Tool(name="look"),)


@pytest.mark.parametrize(
    ("entry", "param"),
    [
        ("look", "tools[0]"),
        ({}, "tools[0].type"),
        ({"type": "custom", "custom": {"name": "x"}}, "tools[0].type"),
        ({"type": "web_search"}, "tools[0].type"),
        ({"type": "function"}, "tools[0].function"),
        ({"type": "function", "name": "look"}, "tools[0].function"),
        ({**tool(), "odd": 1}, "tools[0].odd"),
        ({"type": "function", "function": {}}, "tools[0].function.name"),
        (tool("a b"), "tools[0].function.name"),
        (tool("x" * 65), "tools[0].function.name"),
        (tool("look\n"), "tools[0].function.name"),
        (tool(odd=1), "tools[0].function.odd"),
        (tool(description=1), "tools[0].function.description"),
        (tool(strict="yes"), "tools[0].function.strict"),
        (tool(parameters=[]), "tools[0].function.parameters"),
        (tool(parameters={"type": "string"}), "tools[0].function.parameters"),
        (tool(parameters={"properties": {"a": {"pattern": "a" * 257}}}), "tools[0].function.parameters"),
    ],
)
def test_what_is_wrong_with_a_tool_is_named(entry: Any, param: str) -> None:
    refused(read_tools, {"tools": [entry]}, param)


def test_two_tools_of_one_name_are_refused() -> None:
    refused(read_tools, {"tools": [tool(), tool("b"), tool()]}, "tools[2].function.name")


def test_tools_are_bounded_in_number_and_size() -> None:
    assert len(read_tools(Fields({"tools": [tool(f"t{i}") for i in range(MAX_TOOLS)]}))) == MAX_TOOLS
    refused(read_tools, {"tools": [tool(f"t{i}") for i in range(MAX_TOOLS + 1)]}, "tools")
    refused(read_tools, {"tools": [tool(description="a" * MAX_TOOLS_BYTES)]}, "tools")


TOOLS = (Tool(name="look"), Tool(name="go"))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "go"}}, "name:go"),
    ],
)
def test_a_tool_choice_is_resolved(choice: Any, expected: str) -> None:
    assert read_tool_choice(Fields({"tool_choice": choice}), TOOLS, chat_choice) == expected


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_without_tools_there_is_nothing_to_choose(choice: Any) -> None:
    assert read_tool_choice(Fields({"tool_choice": choice}), (), chat_choice) == "none"


@pytest.mark.parametrize(
    ("choice", "tools", "param"),
    [
        ("required", (), "tool_choice"),
        ("any", TOOLS, "tool_choice"),
        (True, TOOLS, "tool_choice"),
        ([], TOOLS, "tool_choice"),
        ({}, TOOLS, "tool_choice.type"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, TOOLS, "tool_choice.type"),
        ({"type": "function"}, TOOLS, "tool_choice.function"),
        ({"type": "function", "name": "go"}, TOOLS, "tool_choice.function"),
        ({"type": "function", "function": {"name": "run"}}, TOOLS, "tool_choice.function.name"),
        ({"type": "function", "function": {"name": "go"}}, (), "tool_choice.function.name"),
        ({"type": "function", "function": {"name": "go"}, "odd": 1}, TOOLS, "tool_choice.odd"),
        ({"type": "function", "function": {"name": "go", "odd": 1}}, TOOLS, "tool_choice.function.odd"),
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused(choice: Any, tools: tuple[Tool, ...], param: str) -> None:
    refused(lambda fields: read_tool_choice(fields, tools, chat_choice), {"tool_choice": choice}, param)


def test_response_formats_become_a_schema() -> None:
    def read(response_format: Any) -> Any:
        return read_response_format(Fields({"response_format": response_format}))

    assert read(None) is None
    assert read({"type": "text"}) is None
    assert read({"type": "json_object"}) == {}
    named = {"name": "answer", "description": "An answer.", "strict": True, "schema": SCHEMA}
    assert read({"type": "json_schema", "json_schema": named}) == SCHEMA
    assert read_response_format(Fields({"responseFormat": {"type": "json_schema", "jsonSchema": named}})) == SCHEMA


@pytest.mark.parametrize(
    ("response_format", "param"),
    [
        ("json_object", "response_format"),
        ({}, "response_format.type"),
        ({"type": "grammar"}, "response_format.type"),
        ({"type": "text", "json_schema": {}}, "response_format.json_schema"),
        ({"type": "json_object", "schema": {}}, "response_format.schema"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, "response_format.json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"schema": True}}, "response_format.json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"schema": {}, "odd": 1}}, "response_format.json_schema.odd"),
        (
            {"type": "json_schema", "json_schema": {"schema": {"title": "a" * 70_000}}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_a_format_that_cannot_be_kept_is_refused(response_format: Any, param: str) -> None:
    refused(read_response_format, {"response_format": response_format}, param)
