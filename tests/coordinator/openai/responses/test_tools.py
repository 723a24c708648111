"""Tools of the Responses API: flat, in both shapes at once, in namespaces; what is not offered is named."""

from typing import Any

import pytest

from coordinator.openai.media.fields import EDIT_ACCEPTED, IMAGES_LIMITED
from coordinator.openai.responses.fields import ACCEPTED, LIMITED, ResponsesFields
from coordinator.openai.responses.tools import Toolbox, named_choice, read_text_format, read_toolbox, shown_choice
from coordinator.openai.tools import Chosen, read_tool_choice
from wire.chat import MAX_TOOLS, Tool
from wire.errors import ErrorCode, SupernetError

SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
LOOK = {"type": "function", "name": "look", "description": "See", "parameters": SCHEMA, "strict": True}
TOOL = Tool(name="look", description="See", parameters=SCHEMA, strict=True)


def read(*tools: Any) -> Toolbox:
    return read_toolbox(ResponsesFields({"tools": list(tools)}))


def refused(param: str, *tools: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        read(*tools)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


def test_a_flat_function() -> None:
    assert read(LOOK) == Toolbox([TOOL], {"look": {"name": "look"}}, [LOOK])


def test_a_function_said_in_both_shapes_at_once_is_one_function() -> None:
    inner = {key: LOOK[key] for key in ("name", "description", "parameters", "strict")}
    assert read({"type": "function", "name": "look", "function": inner}) == read(LOOK)
    assert read({"type": "function", "function": inner}) == read(LOOK)
    assert read({**LOOK, "function": inner}) == read(LOOK)
    refused("tools[0].function.name", {"type": "function", "name": "see", "function": inner})
    refused("tools[0].function", {**LOOK, "function": "look"})


def test_functions_of_a_namespace_are_known_by_their_full_names() -> None:
    other = {"type": "function", "name": "shut"}
    box = read({"type": "namespace", "name": "eyes", "description": "To see.", "tools": [LOOK, other]})
    assert [tool.name for tool in box.tools] == ["eyes.look", "eyes.shut"]
    assert [tool.description for tool in box.tools] == ["About eyes.*: To see.\n\nSee", ""]
    assert box.names["eyes.look"] == {"name": "look", "namespace": "eyes"}
    assert box.shown[0]["tools"][0] == LOOK
    assert shown_choice(Chosen((), "name:eyes.look"), "", box.names) == {
        "type": "function",
        "name": "look",
        "namespace": "eyes",
    }


def test_the_same_function_may_stand_alone_and_in_namespaces_but_no_full_name_twice() -> None:
    spaces = [{"type": "namespace", "name": name, "tools": [LOOK]} for name in ("a", "b")]
    assert list(read(LOOK, *spaces).names) == ["look", "a.look", "b.look"]
    refused("tools[1].name", LOOK, LOOK)
    refused("tools[1].name", {**LOOK, "name": "a.look"}, spaces[0])
    refused("tools[0].name", {"type": "namespace", "name": "a", "tools": [LOOK, LOOK]})


KINDS = ["web_search", "file_search", "computer", "code_interpreter", "local_shell", "mcp", "custom"]
KINDS += ["tool_search", "apply_patch", "of tomorrow" * 100]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_that_is_not_offered_is_left_out_and_the_answer_says_so(kind: str) -> None:
    other = {"type": kind, "name": "x", "format": {"type": "grammar", "definition": "x"}}
    for tools in ([other, LOOK, other], [{"type": "namespace", "name": "a", "tools": [other]}, LOOK]):
        body = ResponsesFields({"tools": tools})
        assert read_toolbox(body) == read(LOOK), "and it is not shown as offered"
        (warning,) = body.warnings
        assert f"'{kind[:64]}'" in warning


@pytest.mark.parametrize("kind", [None, 7, ["x"]])
def test_a_tool_without_a_type_is_refused(kind: Any) -> None:
    refused("tools[0].type", {"type": kind, "name": "x"})


def test_a_function_that_waits_for_a_search_of_tools_is_left_out_and_the_answer_says_so() -> None:
    later = {**LOOK, "name": "later", "defer_loading": True}
    for tools in ([later, LOOK], [{"type": "namespace", "name": "a", "tools": [later]}, LOOK]):
        body = ResponsesFields({"tools": tools})
        assert read_toolbox(body) == read(LOOK)
        (warning,) = body.warnings
        assert "defer_loading" in warning
    assert read({**LOOK, "defer_loading": False}) == read(LOOK)


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ("look", "tools[0]"),
        ({"type": "function"}, "tools[0].name"),
        ({**LOOK, "name": "look around"}, "tools[0].name"),
        ({**LOOK, "parameters": {"type": "string"}}, "tools[0].parameters"),
        ({**LOOK, "parameters": "x"}, "tools[0].parameters"),
        ({**LOOK, "strict": "yes"}, "tools[0].strict"),
        ({**LOOK, "color": "red"}, "tools[0].color"),
        ({"type": "namespace", "tools": [LOOK]}, "tools[0].name"),
        ({"type": "namespace", "name": "a", "tools": [{"name": "x"}]}, "tools[0].tools[0].type"),
        ({"type": "namespace", "name": "a", "tools": [{**LOOK, "color": 1}]}, "tools[0].tools[0].color"),
        ({"type": "namespace", "name": "a", "tools": LOOK}, "tools[0].tools"),
    ],
)
def test_what_cannot_be_read_is_named(tool: Any, param: str) -> None:
    refused(param, tool)


OF_PICTURES = [f"tools[].{name}" for name in (*EDIT_ACCEPTED, *IMAGES_LIMITED)]
OF_FUNCTIONS = [path for path in [*ACCEPTED, *LIMITED] if path.startswith("tools[]") and path not in OF_PICTURES]


@pytest.mark.parametrize("path", OF_FUNCTIONS)
def test_marks_of_functions_are_let_through_or_limited(path: str) -> None:
    *inside, name = path.removeprefix("tools[].").split(".")

    def tools(**mark: Any) -> Toolbox:
        return read({"type": "namespace", "name": "a", "tools": [{**LOOK, **mark}]} if inside else {**LOOK, **mark})

    if path in ACCEPTED:
        assert tools(**{name: {"type": "object"}}) == tools()
        return
    values, why = LIMITED[path]
    for value in values:
        assert tools(**{name: value}) == tools()
    with pytest.raises(SupernetError, match=why):
        tools(**{name: "else"})


def test_the_number_of_functions_is_bounded_inside_of_namespaces_too() -> None:
    half = [{"type": "function", "name": f"f{index}"} for index in range(MAX_TOOLS // 2)]
    spaces = [{"type": "namespace", "name": name, "tools": half} for name in ("a", "b")]
    assert len(read(*spaces).tools) == MAX_TOOLS
    refused("tools", *spaces, LOOK)


@pytest.mark.parametrize("choice", ["none", "auto", "required"])
def test_a_choice_in_a_word_is_shown_as_it_was_made(choice: str) -> None:
    chosen = read_tool_choice(ResponsesFields({"tool_choice": choice}), (TOOL,), named_choice)
    assert chosen == Chosen((TOOL,), choice)
    assert shown_choice(chosen, choice, {}) == choice


def test_a_choice_of_tools_that_the_request_does_not_declare_is_shown_as_it_was_made() -> None:
    draw = Chosen((), "name:sogni_generate_image")
    assert shown_choice(draw, "none", {}) == {"type": "function", "name": "sogni_generate_image"}
    group = Chosen((), "required", frozenset(), "image_generation")
    assert shown_choice(group, "none", {}) == {"type": "image_generation"}


def test_allowed_tools_are_flat_here_and_may_have_a_namespace() -> None:
    others = (TOOL.model_copy(update={"name": "eyes.look"}), TOOL.model_copy(update={"name": "shut"}))
    named = [{"type": "function", "name": "look"}, {"type": "function", "name": "look", "namespace": "eyes"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [*named, {"type": "mcp", "server_label": "x"}]}
    fields = ResponsesFields({"tool_choice": choice})
    assert read_tool_choice(fields, (TOOL, *others), named_choice) == Chosen((TOOL, others[0]), "required", frozenset())


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "function", "name": "shut"}, "tool_choice.name"),
        ({"type": "function", "name": "look", "namespace": "eyes"}, "tool_choice.name"),
        ({"type": "function", "name": "look", "x": 1}, "tool_choice.x"),
        ({"type": "web_search"}, "tool_choice.type"),
        ({"type": "allowed_tools", "mode": "required", "tools": []}, "tool_choice"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function"}]}, "tool_choice.tools[0].name"),
        ("look", "tool_choice"),
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused(choice: Any, param: str) -> None:
    with pytest.raises(SupernetError) as caught:
        read_tool_choice(ResponsesFields({"tool_choice": choice}), (TOOL,), named_choice)
    assert caught.value.param == param


def test_the_format_is_repeated_with_its_schema() -> None:
    format = {"type": "json_schema", "name": "a", "schema": {"type": "null"}, "strict": True, "description": "d"}
    schema, shown = read_text_format(ResponsesFields({"text": {"format": format}}))
    assert (schema, shown) == ({"type": "null"}, {"format": format, "verbosity": "medium"})
    assert read_text_format(ResponsesFields({})) == (None, {"format": {"type": "text"}, "verbosity": "medium"})


def test_a_strict_format_with_a_keyword_that_nothing_holds_is_refused_by_name() -> None:
    format = {"type": "json_schema", "name": "a", "schema": {"not": {"const": 3}}, "strict": True}
    with pytest.raises(SupernetError, match="'not' at #/not") as caught:
        read_text_format(ResponsesFields({"text": {"format": format}}))
    assert caught.value.param == "text.format.schema"
    schema, shown = read_text_format(ResponsesFields({"text": {"format": {**format, "strict": False}}}))
    assert (schema, shown["format"]["strict"]) == ({"not": {"const": 3}}, False)
