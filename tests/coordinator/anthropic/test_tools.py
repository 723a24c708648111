"""Tools and the choice among them: what the model is told, what is left out, what is refused by name."""

from typing import Any

import pytest

from coordinator.anthropic.fields import MessagesFields
from coordinator.anthropic.tools import Toolbox, ToolChange, read_format, read_toolbox
from wire.chat import MAX_TOOLS, Tool
from wire.errors import SupernetError

SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
LOOK = {"name": "look", "description": "Look.", "input_schema": SCHEMA}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def read(*tools: Any, **choice: Any) -> Toolbox:
    return read_toolbox(MessagesFields({"tools": list(tools), "tool_choice": choice or None}))


def refused(param: str, *tools: Any, **choice: Any) -> str:
    with pytest.raises(SupernetError) as caught:
        read(*tools, **choice)
    assert caught.value.param == param
    return caught.value.message


def test_a_tool_is_told_as_it_is_declared() -> None:
    told = Tool(name="look", description="Look.", parameters=SCHEMA, strict=True)
    quiet = {"cache_control": {"type": "ephemeral"}, "eager_input_streaming": True, "input_examples": [{}]}
    for callers in (["direct"], ["code_execution_20250825"], None):
        assert read({**LOOK, "type": "custom", "strict": True, **quiet, "allowed_callers": callers}).tools == (told,)
    assert read({"name": "go", "input_schema": {}}).tools == (Tool(name="go"),)


@pytest.mark.parametrize(
    ("choice", "read_as"),
    [
        ({}, ("auto", True)),
        ({"type": "auto"}, ("auto", True)),
        ({"type": "any"}, ("required", True)),
        ({"type": "none"}, ("none", True)),
        ({"type": "tool", "name": "look"}, ("name:look", True)),
        ({"type": "auto", "disable_parallel_tool_use": True}, ("auto", False)),
        ({"type": "any", "disable_parallel_tool_use": True}, ("required", False)),
    ],
)
def test_the_choice_in_our_words(choice: Any, read_as: tuple[str, bool]) -> None:
    box = read(LOOK, **choice)
    assert (box.choice, box.parallel) == read_as


def test_without_tools_nothing_is_called() -> None:
    assert read().choice == read(type="auto").choice == "none"


def test_a_tool_that_only_anthropics_models_know_is_left_out_where_there_are_others() -> None:
    body = MessagesFields({"tools": [LOOK, SEARCH, {"type": "bash_20250124", "name": "bash"}]})
    assert [tool.name for tool in read_toolbox(body).tools] == ["look"]
    assert [warning.split("'")[1] for warning in body.warnings] == ["web_search_20250305", "bash_20250124"]


def names(*changes: ToolChange, search: str | None = None) -> list[str]:
    later = {"name": "seek", "input_schema": {}, "defer_loading": True}
    tools = [LOOK, later, *([{"type": search, "name": "search"}] if search else [])]
    return [tool.name for tool in read_toolbox(MessagesFields({"tools": tools}), changes).tools]


def test_a_deferred_tool_is_shown_once_the_conversation_has_found_it() -> None:
    found, lost = ToolChange("seek", callable=True), ToolChange("seek", callable=False)
    assert names() == names(found, lost) == names(ToolChange("other", callable=True)) == ["look"]
    assert names(found) == names(lost, found) == ["look", "seek"]
    assert names(ToolChange("look", callable=False)) == []
    assert names(ToolChange("go", callable=True, tool=Tool(name="go"))) == ["look", "go"]


def test_deferred_tools_are_shown_at_once_where_nobody_would_search_them() -> None:
    assert names(search="tool_search_tool_regex_20251119") == ["look", "seek"]


def test_tools_that_are_added_count_towards_the_most() -> None:
    added = [ToolChange(f"t{n}", callable=True, tool=Tool(name=f"t{n}")) for n in range(MAX_TOOLS)]
    assert len(names(*added[1:])) == MAX_TOOLS
    with pytest.raises(SupernetError) as caught:
        names(*added)
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("param", "tools", "choice"),
    [
        ("tools[0].type", [SEARCH], {}),
        ("tools[0].type", [{"type": "bash_20250124", "name": "bash"}], {}),
        ("tools[0].type", [{"type": 7}], {}),
        ("tools[0].input_schema", [{"name": "look"}], {}),
        ("tools[0].input_schema", [{"name": "look", "input_schema": {"type": "array"}}], {}),
        ("tools[0].defer_loading", [{**LOOK, "defer_loading": 1}], {}),
        ("tools[0].input_schema", [{**LOOK, "strict": True, "input_schema": {"type": "object", "not": {}}}], {}),
        ("tools[0].wish", [{**LOOK, "wish": 1}], {}),
        ("tools[1].name", [LOOK, LOOK], {}),
        ("tool_choice.type", [LOOK], {"name": "look"}),
        ("tool_choice.type", [LOOK], {"type": "required"}),
        ("tool_choice.type", [], {"type": "any"}),
        ("tool_choice.name", [LOOK], {"type": "tool"}),
        ("tool_choice.name", [LOOK], {"type": "tool", "name": "go"}),
    ],
)
def test_what_cannot_be_done_is_named(param: str, tools: list[Any], choice: Any) -> None:
    assert f"'{param}'" in refused(param, *tools, **choice)


def test_the_format_is_a_schema_or_free_text() -> None:
    def of(value: Any) -> Any:
        return read_format(MessagesFields({"format": value}), "format")

    assert of(None) is None
    assert of({"type": "json_schema", "schema": SCHEMA}) == SCHEMA
    for wrong in ({}, {"type": "text"}, {"type": "json_schema"}, {"type": "json_schema", "schema": SCHEMA, "x": 1}):
        with pytest.raises(SupernetError):
            of(wrong)
