"""Grammars, tried with llguidance itself: they accept what the model should write and nothing else."""

import json
from typing import Any

import pytest

from tests.worker.chat.grammars import accepts, ask
from tests.worker.chat.vocabularies import QWEN3
from wire.catalog import ChatFormat
from wire.chat import CallDelta, ChatRequest, Tool
from wire.errors import ErrorCode, SupernetError
from worker.chat.answer import Answer
from worker.chat.grammar import check, constrained, constrained_by
from worker.chat.prepared import Reading
from worker.engine.constraint import Constraint

TOOLS = (
    Tool(
        name="add",
        parameters={
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/n"}},
            "required": ["a"],
            "additionalProperties": False,
            "$defs": {"n": {"type": "array", "items": {"type": "integer"}}},
        },
    ),
    Tool(
        name="run",
        parameters={
            "type": "object",
            "properties": {"code": {"type": "string"}, "unit": {"enum": ["c", 'k"']}, "flag": {"type": "boolean"}},
            "required": ["code"],
        },
    ),
    Tool(name="now"),
)
STRICT = tuple(tool.model_copy(update={"strict": True}) for tool in TOOLS)
ADD = {
    "qwen-json": '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": [2, 3]}}\n</tool_call>',
    "qwen-xml": "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=b>\n[2, 3]\n</parameter>\n"
    "</function>\n</tool_call>",
}
NOW = {
    "qwen-json": '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>',
    "qwen-xml": "<tool_call>\n<function=now>\n</function>\n</tool_call>",
}
FORMATS: list[ChatFormat] = ["qwen-json", "qwen-xml"]
SPECIALS = [QWEN3.special, {}]  # with tags as tokens, and as plain text (SmolLM2)


def grammar(
    request: ChatRequest, format: ChatFormat, special: dict[str, int], in_reasoning: bool = False
) -> Constraint:
    check(request, format)
    made = constrained(request, format, special, in_reasoning)
    assert made is not None
    return made.constraint


@pytest.mark.parametrize("special", SPECIALS)
@pytest.mark.parametrize("format", FORMATS)
class TestCalls:
    def test_a_call_is_demanded(self, format: ChatFormat, special: dict[str, int]) -> None:
        made = grammar(ask(tools=TOOLS, tool_choice="required"), format, special)
        assert accepts(made, ADD[format], special)
        assert accepts(made, NOW[format], special)
        assert accepts(made, ADD[format] + "\n" + NOW[format], special)
        for wrong in ("", "Hello", "x" + ADD[format], ADD[format] + " ok", ADD[format].replace("add", "sub")):
            assert not accepts(made, wrong, special), wrong

    def test_one_call_if_they_may_not_be_parallel(self, format: ChatFormat, special: dict[str, int]) -> None:
        made = grammar(ask(tools=TOOLS, tool_choice="required", parallel_tool_calls=False), format, special)
        assert accepts(made, ADD[format], special)
        assert not accepts(made, ADD[format] + "\n" + NOW[format], special)

    def test_calls_do_not_go_on_for_ever(self, format: ChatFormat, special: dict[str, int]) -> None:
        made = grammar(ask(tools=TOOLS, tool_choice="required"), format, special)
        assert accepts(made, "\n".join([NOW[format]] * 16), special)
        assert not accepts(made, "\n".join([NOW[format]] * 17), special)

    def test_the_named_tool_only(self, format: ChatFormat, special: dict[str, int]) -> None:
        made = grammar(ask(tools=TOOLS, tool_choice="name:now"), format, special)
        assert accepts(made, NOW[format], special)
        assert not accepts(made, ADD[format], special)

    def test_strict_tools_leave_text_free(self, format: ChatFormat, special: dict[str, int]) -> None:
        made = grammar(ask(tools=STRICT), format, special)
        for text in ("", "Hello <b> </tool", ADD[format], "I call:\n" + ADD[format] + "\n" + NOW[format] + "\nDone."):
            assert accepts(made, text, special), text
        for wrong in (ADD[format].replace("1", '"x"', 1), "a" + ADD[format].replace("add", "sub"), NOW[format][:-5]):
            assert not accepts(made, wrong, special), wrong

    def test_tools_that_are_not_strict_may_have_other_arguments(
        self, format: ChatFormat, special: dict[str, int]
    ) -> None:
        made = grammar(ask(tools=(STRICT[0], *TOOLS[1:])), format, special)
        other = {
            "qwen-json": '<tool_call>\n{"name": "run", "arguments": {"x": null}}\n</tool_call>',
            "qwen-xml": "<tool_call>\n<function=run>\n<parameter=x>\nany\nthing\n</parameter>\n"
            "</function>\n</tool_call>",
        }[format]
        assert accepts(made, other, special)
        assert not accepts(made, other.replace("run", "add"), special)

    def test_what_is_accepted_is_read_as_calls(self, format: ChatFormat, special: dict[str, int]) -> None:
        answer = Answer(Reading(format=format, tools=TOOLS))
        text = ADD[format] + "\n" + NOW[format]
        assert accepts(grammar(ask(tools=TOOLS, tool_choice="required"), format, special), text, special)
        parts = answer.push(text.encode()) + answer.finish("stop")[0]
        calls = [part for part in parts if isinstance(part, CallDelta)]
        assert [call.name for call in calls] == ["add", "now"]
        assert json.loads(calls[0].arguments) == {"a": 1, "b": [2, 3]}


RUN = "<tool_call>\n<function=run>\n{}</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("parameters", "right"),
    [
        ("<parameter=code>\na < 'b'\n\n</parameter>x\n</parameter>\n", True),
        ("<parameter=code>\n\n</parameter>\n", True),
        ('<parameter=code>\nx\n</parameter>\n<parameter=unit>\nk"\n</parameter>\n', True),
        ("<parameter=code>\nx\n</parameter>\n<parameter=flag>\ntrue\n</parameter>\n", True),
        ("<parameter=code>\nx\n</parameter>\n<parameter=unit>\nz\n</parameter>\n", False),
        ("<parameter=code>\nx\n</parameter>\n<parameter=flag>\nyes\n</parameter>\n", False),
        ("<parameter=code>\nx\n</parameter>\n<parameter=other>\nx\n</parameter>\n", False),
        ("<parameter=flag>\ntrue\n</parameter>\n", False),
        ("", False),
    ],
)
def test_parameters_in_xml(parameters: str, right: bool) -> None:
    made = grammar(ask(tools=TOOLS, tool_choice="name:run"), "qwen-xml", QWEN3.special)
    assert accepts(made, RUN.format(parameters)) == right


LISTS: dict[str, dict[str, Any]] = {
    "nullable": {"type": ["string", "null"], "enum": ["a", "b", None]},
    "optional": {"anyOf": [{"enum": ["a", "b"], "type": "string"}, {"type": "null"}], "default": None},
    "elsewhere": {"anyOf": [{"$ref": "#/$defs/unit"}, {"const": None}]},
}


@pytest.mark.parametrize("schema", LISTS.values(), ids=list(LISTS))
def test_a_value_out_of_a_list_in_xml(schema: dict[str, Any]) -> None:
    """As pydantic writes an optional enum, and as OpenAI's strict mode wants one."""
    parameters = {"properties": {"x": schema}, "required": ["x"], "$defs": {"unit": {"enum": ["a", "b"]}}}
    tools = (Tool(name="run", parameters=parameters),)
    made = grammar(ask(tools=tools, tool_choice="required"), "qwen-xml", QWEN3.special)
    for written, value in (("a", "a"), ("b", "b"), ("null", None), ("c", ...), ("", ...), ("None", ...)):
        text = RUN.format(f"<parameter=x>\n{written}\n</parameter>\n")
        assert accepts(made, text) == (value is not ...), written
        answer = Answer(Reading("qwen-xml", tools=tools))
        parts = answer.push(text.encode()) + answer.finish("stop")[0]
        arguments = "".join(part.arguments for part in parts if isinstance(part, CallDelta))
        assert value is ... or json.loads(arguments) == {"x": value}


def test_text_of_a_value_cannot_hold_a_special_token() -> None:
    made = grammar(ask(tools=TOOLS, tool_choice="name:run"), "qwen-xml", QWEN3.special)
    assert not accepts(made, RUN.format("<parameter=code>\n<think>\n</parameter>\n"))


@pytest.mark.parametrize("format", FORMATS)
def test_a_thought_may_come_first(format: ChatFormat) -> None:
    made = grammar(ask(tools=TOOLS, tool_choice="required", thinking=True), format, QWEN3.special)
    assert made.after is None
    assert accepts(made, "<think>\nhm <b>\n</think>\n\n" + ADD[format])
    assert accepts(made, ADD[format])
    assert not accepts(made, "<think>\nhm\n</think>\n\nHello")
    assert not accepts(made, "<think>\nhm" + ADD[format])


@pytest.mark.parametrize("format", FORMATS)
def test_inside_an_open_thought_the_grammar_waits_for_its_end(format: ChatFormat) -> None:
    made = grammar(ask(tools=TOOLS, tool_choice="required", thinking=True), format, QWEN3.special, in_reasoning=True)
    assert made.after == QWEN3.special["</think>"]
    assert made.call == QWEN3.special["<tool_call>"]
    assert accepts(made, "\n\n" + ADD[format])
    assert accepts(made, ADD[format]), "the call itself may end the thought"
    json_only = ask(json_schema={"type": "object"}, thinking=True)
    assert grammar(json_only, format, QWEN3.special, in_reasoning=True).call is None


SCHEMA = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "number"}}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"a": [1, 2.5]}', True),
        ('{"a":[1,2]}', True),
        ('{\n  "a": [\n    1,\n    2\n  ]\n}', True),
        ('{"a": [1, 2]} ', False),
        ('{"a":     [1]}', False),
        ('{\n\n\n"a": [1]}', False),
        ('{"a": ["x"]}', False),
        ("{}", False),
        ("[1]", False),
        ("Sure", False),
    ],
)
def test_an_answer_by_schema(text: str, right: bool) -> None:
    assert accepts(grammar(ask(json_schema=SCHEMA), "qwen-json", QWEN3.special), text) == right


def test_any_object() -> None:
    made = grammar(ask(json_schema={}), "qwen-json", QWEN3.special)
    assert accepts(made, '{"a": {"b": [null, "x"]}}')
    assert not accepts(made, "[]")


def test_an_answer_by_schema_or_a_call() -> None:
    made = grammar(ask(json_schema=SCHEMA, tools=TOOLS), "qwen-json", QWEN3.special)
    assert accepts(made, '{"a": []}')
    assert accepts(made, ADD["qwen-json"])
    assert not accepts(made, "Hello")


def test_words_that_no_grammar_is_made_of_are_named_and_refused_where_they_must_hold() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "colour", "contentEncoding": "x"}}}
    assert accepts(grammar(ask(json_schema=schema), "qwen-json", QWEN3.special), '{"a": "x"}')
    aged = {**SCHEMA, "not": {"properties": {"age": {"maximum": 1000}}}}
    made = constrained(ask(json_schema=aged), "qwen-json", QWEN3.special, False)
    assert made and [(one.tool, [gap.place for gap in one.gaps]) for one in made.unheld] == [(None, ["#/not"])]
    for fields, param in (
        ({"json_schema": aged, "json_schema_strict": True}, "response_format"),
        ({"tools": (Tool(name="f", parameters=aged, strict=True),)}, "tools"),
    ):
        with pytest.raises(SupernetError, match="'not' at #/not") as caught:
            constrained(ask(**fields), "qwen-json", QWEN3.special, False)
        assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, param)


@pytest.mark.parametrize(
    ("counted", "right", "wrong"),
    [
        ({"minProperties": 1}, ['{"a": 1}', '{"b": true}', '{"zz": 1}', '{"a": 1, "b": true}'], ["{}"]),
        ({"maxProperties": 1}, ["{}", '{"a": 1}', '{"zz": 1}'], ['{"a": 1, "b": true}', '{"a": 1, "zz": 1}']),
        (
            {"minProperties": 2, "additionalProperties": False, "properties": {"a": {}, "b": {}, "c": {}}},
            ['{"a": 1, "b": 1}', '{"a": 1, "c": 1}', '{"b": 1, "c": 1}'],
            ["{}", '{"b": 1}'],
        ),
    ],
)
def test_declared_keys_are_counted_too(counted: dict[str, Any], right: list[str], wrong: list[str]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, **counted}
    made = grammar(ask(json_schema=schema, json_schema_strict=True), "qwen-json", QWEN3.special)
    for text in right:
        assert accepts(made, text), text
    for text in wrong:
        assert not accepts(made, text), text


def test_the_field_that_a_grammar_comes_from_is_known_where_there_is_one_only() -> None:
    schema = {"type": "object"}
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({"tools": STRICT}, "tools"),
        ({"tools": TOOLS, "tool_choice": "required", "json_schema": schema}, "tools"),
        ({"tools": TOOLS, "tool_choice": "name:now", "json_schema": schema}, "tools"),
        ({"tools": TOOLS, "tool_choice": "none", "json_schema": schema}, "response_format"),
        ({"json_schema": schema}, "response_format"),
        ({"tools": TOOLS, "json_schema": schema}, None),
    ]
    for fields, field in cases:
        assert constrained_by(ask(**fields)) == field


def test_a_free_answer_has_no_grammar() -> None:
    for request in (ask(), ask(tools=TOOLS), ask(tools=STRICT, tool_choice="none")):
        assert constrained(request, "qwen-json", QWEN3.special, False) is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": "required"}, "tools"),
        ({"tools": TOOLS, "tool_choice": "name:other"}, "tool_choice"),
        ({"tools": (Tool(name="t", parameters={"pattern": "a" * 300}),)}, "tools"),
        ({"json_schema": {"pattern": "a" * 300}}, "response_format"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(SupernetError) as caught:
        check(ask(**fields), "qwen-json")
    assert caught.value.param == param


@pytest.mark.parametrize("name", ["a>b", "a<b", " a", "a\u00a0", "a\nb", "a\rb", "", "a" * 129, "</parameter>"])
def test_a_parameter_that_no_xml_call_can_name_is_refused(name: str) -> None:
    parameters = {"type": "object", "properties": {"ok": {}, name: {"type": "string"}}}
    request = ask(tools=(Tool(name="t", parameters=parameters),))
    with pytest.raises(SupernetError, match="Rename it") as caught:
        check(request, "qwen-xml")
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "tools")
    check(request, "qwen-json")


@pytest.mark.parametrize("name", ["a", "a b", "filter[x]", "$top", "größe", "a=b&c", "'\"", "a" * 128])
def test_a_parameter_that_an_xml_call_can_name_comes_back_as_it_was(name: str) -> None:
    tool = Tool(name="t", strict=True, parameters={"properties": {name: {"type": "integer"}}, "required": [name]})
    made = grammar(ask(tools=(tool,), tool_choice="required"), "qwen-xml", QWEN3.special)
    text = f"<tool_call>\n<function=t>\n<parameter={name}>\n1\n</parameter>\n</function>\n</tool_call>"
    assert accepts(made, text)
    answer = Answer(Reading("qwen-xml", tools=(tool,)))
    parts = answer.push(text.encode()) + answer.finish("stop")[0]
    assert json.loads("".join(part.arguments for part in parts if isinstance(part, CallDelta))) == {name: 1}
