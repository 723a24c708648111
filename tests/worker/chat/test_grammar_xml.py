"""Calls in XML, tried with llguidance: a parameter is what its schema says, a text too, or the keyword is named."""

import json
from typing import Any

import pytest

from tests.worker.chat.grammars import accepts, ask
from tests.worker.chat.vocabularies import QWEN3
from wire.chat import CallDelta, Tool
from wire.errors import ErrorCode, SupernetError
from worker.chat.answer import Answer
from worker.chat.grammar import Constrained, check, constrained
from worker.chat.prepared import Reading


def held(parameters: dict[str, Any], strict: bool = False) -> Constrained:
    request = ask(tools=(Tool(name="f", parameters=parameters, strict=strict),), tool_choice="required")
    check(request, "qwen-xml")
    made = constrained(request, "qwen-xml", QWEN3.special, False)
    assert made is not None
    return made


def call(**written: str) -> str:
    parameters = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in written.items())
    return f"<tool_call>\n<function=f>\n{parameters}</function>\n</tool_call>"


def gaps(made: Constrained) -> list[str]:
    return [gap.place for one in made.unheld for gap in one.gaps]


def read(text: str, parameters: dict[str, Any], held: bool = False) -> Any:
    """The arguments, which come out alike whether the text comes whole or byte by byte."""
    found = set()
    for pieces in ([text.encode()], [bytes([byte]) for byte in text.encode()]):
        answer = Answer(Reading("qwen-xml", tools=(Tool(name="f", parameters=parameters),), held=held))
        parts = [part for piece in pieces for part in answer.push(piece)] + answer.finish("stop")[0]
        found.add("".join(part.arguments for part in parts if isinstance(part, CallDelta)))
    (arguments,) = found
    return json.loads(arguments)


TREE = {
    "properties": {
        "name": {"enum": ["a", "b"]},
        "children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1},
        "same": {"$ref": "#/properties/name"},
        "self": {"$ref": "#"},
    }
}


def test_a_reference_into_the_schema_leads_where_it_says() -> None:
    made = held(TREE, strict=True)
    for children in ("[]", '[{"name": "a"}]', '[{"children": [{"name": "b"}]}]'):
        assert accepts(made.constraint, call(children=children)), children
    for children in ("[[[]]]", '[{"name": "c"}]', '[{"name": "a"}, {"name": "b"}]'):
        assert not accepts(made.constraint, call(children=children)), children
    assert accepts(made.constraint, call(same="b")) and not accepts(made.constraint, call(same="c"))
    assert accepts(made.constraint, call(self='{"name": "a"}'))
    assert not accepts(made.constraint, call(self='{"name": 3}'))


TEXTS: list[tuple[dict[str, Any], list[str], list[str]]] = [
    ({"type": "string", "pattern": "^[a-z]+/$"}, ["ab/"], ["ab", "AB/", "a\nb/", "ab/\r"]),
    ({"type": "string", "pattern": "b"}, ["abc", "b"], ["ac", ""]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "äöü"], ["a", "abcd", ""]),
    ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "today"]),
    ({"type": "string", "format": "hostname"}, ["a.b"], [".".join(["a" * 63] * 4), "-"]),
    ({"type": "string", "format": "uri", "pattern": "^https:"}, ["https://a/b"], ["http://a/b", "https://a b"]),
    ({"anyOf": [{"type": "string", "pattern": "^a+$"}, {"type": "null"}]}, ["aa", "null"], ["b", "nul"]),
    ({"type": ["string", "null"], "maxLength": 2}, ["ab", "null"], ["abc"]),
    ({"allOf": [{"$ref": "#/$defs/short"}]}, ["ab"], ["abc"]),
    ({"type": "string", "maxLength": 5000}, ["a", "a\n\nb"], ["a\n</parameter>\na", "a" * 5001]),
    ({"type": "string", "minLength": 5}, ["abcde\nf"], ["a\n</parameter>\nabcd", "abcd"]),
]


@pytest.mark.parametrize(("schema", "right", "wrong"), TEXTS)
def test_a_text_without_quotes_is_held_to_its_schema(
    schema: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    parameters = {
        "properties": {"x": schema},
        "required": ["x"],
        "$defs": {"short": {"type": "string", "maxLength": 2}},
    }
    made = held(parameters, strict=True)
    for text in right:
        assert accepts(made.constraint, call(x=text)), text
        assert read(call(x=text), parameters) == {"x": None if text == "null" else text}
    for text in wrong:
        assert not accepts(made.constraint, call(x=text)), text


@pytest.mark.parametrize(
    ("parameters", "places"),
    [
        ({"properties": {"x": {"type": "string", "pattern": "(^a|b)"}}}, ["#/properties/x/pattern"]),
        ({"properties": {"x": {"type": "string", "not": {"const": "a"}}}}, ["#/properties/x/not"]),
        ({"properties": {"x": {"type": ["string", "integer"], "minimum": 5}}}, ["#/properties/x/minimum"]),
        ({"properties": {"x": {"anyOf": [{"type": "string"}, {"const": 5}]}}}, ["#/properties/x/anyOf/1/const"]),
        ({"properties": {"x": {"enum": ["a"], "minLength": 2}}}, ["#/properties/x/minLength"]),
        ({"properties": {"x": {"type": "integer", "not": {"const": 1}}}}, ["#/properties/x/not"]),
        ({"properties": {"x": {"oneOf": [{"type": "string"}, {"maxLength": 3}]}}}, ["#/properties/x/oneOf"]),
        (
            {"properties": {"x": {"anyOf": [{"type": "string"}], "not": {"const": "a"}}}},
            ["#/properties/x/not", "#/properties/x/anyOf"],
        ),
        ({"properties": {"x": {"unevaluatedItems": False}}}, ["#/properties/x/unevaluatedItems"]),
        ({"properties": {"x": {"type": "string"}}, "minProperties": 1}, ["#/minProperties"]),
        ({"properties": {"x": {"type": "string"}}, "anyOf": [{"required": ["x"]}]}, ["#/anyOf"]),
    ],
)
def test_what_a_call_cannot_be_held_to_is_named(parameters: dict[str, Any], places: list[str]) -> None:
    assert gaps(held(parameters)) == places
    with pytest.raises(SupernetError, match=places[0].rpartition("/")[2]) as caught:
        held(parameters, strict=True)
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "tools")


def test_a_required_parameter_without_a_schema_is_given_and_one_that_is_forbidden_is_not() -> None:
    made = held({"properties": {"a": False}, "required": ["b"]}, strict=True)
    assert accepts(made.constraint, call(b="anything"))
    assert not accepts(made.constraint, call()) and not accepts(made.constraint, call(a="1", b="x"))
    with pytest.raises(SupernetError, match="Rename it"):
        held({"required": ["a>b"]})


TWO = {"properties": {"path": {"type": "string"}, "n": {"type": "integer"}, "old": {}}, "required": ["path", "old"]}


def test_a_text_that_is_not_closed_cannot_take_the_next_parameter() -> None:
    made = held(TWO, strict=True).constraint
    for opener in ("<parameter=old>", "<parameter=n>", "<parameter= old", "<parameter=old\n"):
        assert not accepts(made, call(path=f"a\n{opener}\nb", old="c"))
        assert not accepts(made, call(path=f"{opener}\nb", old="c"))
    for told in ("see <parameter=old> there", "<parameter=path>", "a\n<parameter=path>\n</parameter/>", "<p>\n<b>"):
        assert accepts(made, call(path=told, old="c"))
        assert read(call(path=told, old="c"), TWO, held=True) == {"path": told, "old": "c"}
    loose = (Tool(name="f", parameters=TWO), Tool(name="g", strict=True))
    free = constrained(ask(tools=loose), "qwen-xml", QWEN3.special, False)
    assert free is not None and accepts(free.constraint, call(path="a", old="b"))
    assert not accepts(free.constraint, call(path="a\n<parameter=old>\nb"))


@pytest.mark.parametrize(
    "told",
    [
        "a\n<parameter=n>\nx",
        "</function>\n</p>",
        "a</parameter>\n<parameter=n>",
        "\n</parameters>\n</function>",
        "",
    ],
)
def test_a_value_that_a_grammar_holds_ends_where_the_grammar_says(told: str) -> None:
    """Whatever a schema lets through is text: a tag in it opened a number that no schema has seen."""
    parameters = {"properties": {"path": {"type": "string", "maxLength": 99}, "n": {"type": "integer"}}}
    text = call(path=told, n="5")
    assert accepts(held(parameters, strict=True).constraint, text)
    assert read(text, parameters, held=True) == {"path": told, "n": 5}


def test_branches_that_multiply_end() -> None:
    doubled = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(20)}
    made = held({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {**doubled, "d20": {"type": "integer"}}})
    assert accepts(made.constraint, call(x="1")) and not accepts(made.constraint, call(x="a"))
