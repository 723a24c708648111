"""Tools, the choice among them, and response formats."""

from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.tools import (
    MAX_TOOLS_BYTES,
    Chosen,
    chat_choice,
    read_response_format,
    read_tool_choice,
    read_tools,
)
from wire.chat import MAX_TOOLS, Tool
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
        ({"type": 7}, "tools[0].type"),
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


@pytest.mark.parametrize("kind", ["custom", "web_search", "openrouter:datetime"])
def test_a_tool_of_another_type_is_left_out_and_the_answer_says_so(kind: str) -> None:
    body = Fields({"tools": [{"type": kind, kind: {"name": "x"}}, tool()]})
    assert read_tools(body) == (Tool(name="look"),)
    assert body.warnings == (f"tools of type '{kind}' are not offered here: the model was not told of them",)


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
        ("any", "required"),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "function", "function": {"name": "go"}}, "name:go"),
    ],
)
def test_a_tool_choice_is_resolved(choice: Any, expected: str) -> None:
    assert read_tool_choice(Fields({"tool_choice": choice}), TOOLS, chat_choice) == Chosen(TOOLS, expected)


@pytest.mark.parametrize("mode", [None, "auto", "required"])
def test_of_allowed_tools_the_model_is_told_of_no_others(mode: str | None) -> None:
    named = [{"type": "function", "function": {"name": name}} for name in ("go", "gone")] + [{"type": "custom"}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
    chosen = read_tool_choice(Fields({"tool_choice": choice}), TOOLS, chat_choice)
    assert chosen == Chosen(TOOLS[1:], mode or "auto", frozenset())
    nothing = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    assert read_tool_choice(Fields({"tool_choice": nothing}), TOOLS, chat_choice) == Chosen((), "none", frozenset())


@pytest.mark.parametrize("own", [TOOLS, ()])
def test_allowed_tools_may_be_others_than_the_requests_own(own: tuple[Tool, ...]) -> None:
    """Those that the network adds are among what may be allowed, or are not."""
    others = frozenset({"draw", "film"})
    named = [{"type": "function", "function": {"name": name}} for name in ("go", "draw", "gone")]
    for mode in ("auto", "required"):
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
        chosen = read_tool_choice(Fields({"tool_choice": choice}), own, chat_choice, others)
        assert chosen == Chosen(own[1:], mode, frozenset({"draw"}))
    mine = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": named[:1]}}
    assert read_tool_choice(Fields({"tool_choice": mine}), own, chat_choice, others).allowed == frozenset()
    assert read_tool_choice(Fields({}), own, chat_choice, others).allowed is None


def test_a_group_of_others_is_chosen_by_its_type() -> None:
    groups = {"drawing": ("draw", "edit")}
    chosen = read_tool_choice(Fields({"tool_choice": {"type": "drawing"}}), TOOLS, chat_choice, ("draw",), groups)
    assert chosen == Chosen((), "required", frozenset({"draw", "edit"}), "drawing")
    allowed = {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "drawing"}]}}
    chosen = read_tool_choice(Fields({"tool_choice": allowed}), TOOLS, chat_choice, ("draw", "edit"), groups)
    assert chosen == Chosen((), "auto", frozenset({"draw", "edit"}))
    odd = {"tool_choice": {"type": "drawing", "odd": 1}}
    refused(lambda fields: read_tool_choice(fields, TOOLS, chat_choice, (), groups), odd, "tool_choice.odd")


@pytest.mark.parametrize("choice", [None, "auto", "none"])
def test_without_tools_there_is_nothing_to_choose(choice: Any) -> None:
    assert read_tool_choice(Fields({"tool_choice": choice}), (), chat_choice) == Chosen((), "none")


@pytest.mark.parametrize(
    ("choice", "tools", "param"),
    [
        ("required", (), "tool_choice"),
        ("any", (), "tool_choice"),
        ("every", TOOLS, "tool_choice"),
        (True, TOOLS, "tool_choice"),
        ([], TOOLS, "tool_choice"),
        ({}, TOOLS, "tool_choice.type"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "none"}}, TOOLS, "tool_choice.allowed_tools.mode"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, TOOLS, "tool_choice"),
        ({"type": "allowed_tools", "allowed_tools": {"tools": ["go"]}}, TOOLS, "tool_choice.allowed_tools.tools[0]"),
        ({"type": "allowed_tools", "allowed_tools": {}, "odd": 1}, TOOLS, "tool_choice.odd"),
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

    assert read(None) == read({"type": "text"}) == (None, False)
    assert read({"type": "json_object"}) == ({}, False)
    for kind in ("json_object", "json_schema"):  # as llama.cpp, Together and Fireworks have it
        assert read({"type": kind, "schema": SCHEMA}) == (SCHEMA, False)
    assert read({"type": "json_object", "schema": {}}) == ({}, False)
    named = {"name": "answer", "description": "An answer.", "strict": True, "schema": SCHEMA}
    assert read({"type": "json_schema", "json_schema": named}) == (SCHEMA, True)
    in_camel_case = {"responseFormat": {"type": "json_schema", "jsonSchema": named}}
    assert read_response_format(Fields(in_camel_case)) == (SCHEMA, True)


@pytest.mark.parametrize(
    ("response_format", "param"),
    [
        ("json_object", "response_format"),
        ({}, "response_format.type"),
        ({"type": "grammar"}, "response_format.type"),
        ({"type": "text", "json_schema": {}}, "response_format.json_schema"),
        ({"type": "text", "schema": SCHEMA}, "response_format.schema"),
        ({"type": "json_object", "schema": "x"}, "response_format.schema"),
        ({"type": "json_schema", "schema": SCHEMA, "json_schema": {"schema": SCHEMA}}, "response_format.json_schema"),
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


LOOSE = {"type": "object", "properties": {"age": {"type": "integer", "not": {"const": 3}}}}


def asked(schema: dict[str, Any], strict: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema, "strict": strict}}}


def test_a_strict_schema_with_a_keyword_that_nothing_holds_is_refused_by_name() -> None:
    strict = {"tools": [tool(parameters=LOOSE, strict=True)]}
    said = refused(read_tools, strict, "tools[0].function.parameters")
    assert "'not' at #/properties/age/not" in said and "strict: false" in said
    said = refused(read_response_format, asked(LOOSE, True), "response_format.json_schema.schema")
    assert "'not' at #/properties/age/not" in said


@pytest.mark.parametrize("strict", [False, None])
def test_a_schema_that_is_not_strict_may_have_any_keyword(strict: bool | None) -> None:
    assert read_response_format(Fields(asked(LOOSE, strict))) == (LOOSE, False)
    (read,) = read_tools(Fields({"tools": [tool(parameters=LOOSE, strict=strict)]}))
    assert (read.parameters, read.strict) == (LOOSE, False)


def test_what_nobody_looks_at_is_told_at_once() -> None:
    body = Fields(asked({"properties": {"a": {"format": "colour"}, "b": {"not": {}}}}, False))
    read_response_format(body)
    assert body.warnings == ("nothing holds the answer to 'format' at #/properties/a/format, and nothing checks it",), (
        "the other keyword is checked in the finished answer"
    )


def test_strict_is_true_or_false() -> None:
    refused(read_response_format, asked({}, "yes"), "response_format.json_schema.strict")
