"""JSON Schema's own test suite, draft 2020-12, against what an answer is held to.

Each instance is tried with llguidance on the grammar that its schema makes, and what gets through with the check of the
finished answer. The cases and their licence are in tests/json_schema_test_suite.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from llguidance import LLMatcher

from tests.worker.chat.grammars import accepts, ask
from tests.worker.chat.vocabularies import QWEN3
from wire.catalog import ChatFormat
from wire.chat import CallDelta, Tool
from wire.errors import SupernetError
from worker.bindings.jsonschema import faults
from worker.chat.answer import Answer
from worker.chat.grammar import Constrained, check, constrained
from worker.chat.prepared import Reading

SUITE = Path(__file__).parents[2] / "json_schema_test_suite" / "draft2020-12"
FILES = sorted(path.relative_to(SUITE).with_suffix("").as_posix() for path in SUITE.rglob("*.json"))
EVERYDAY = ("allOf", "const", "minProperties", "maxProperties", "not", "oneOf", "ref", "uniqueItems")
# Instances that match their schema and that no grammar lets through, by file, and why. An answer can do without them.
REFUSED = {
    "allOf": (2, "a number and its bounds meet in a form that the library writes one way only"),
    "const": (5, "the library writes a number as its schema does: 0 and no 0.0, 1 and no 1.0"),
    "enum": (4, "as in const"),
    "format": (10, "formats are held to; the suite takes them for remarks"),
    "optional/float-overflow": (1, "1e308 is no whole number for the library"),
    "optional/format/date-time": (1, "a leap second is written in UTC only"),
    "optional/format/email": (4, "no quoted names, and no IPv6 in brackets"),
    "optional/format/hostname": (15, "no label that begins with xn--: whether it stands for a name cannot be said"),
    "optional/format/time": (4, "a leap second is written in UTC only"),
    "type": (1, "an integer is written without a point"),
    "unevaluatedProperties": (1, "keys come in the order of the schema"),
}


def cases(file: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Pairs of a schema and its instances; `true` and `false` are put into an object."""
    for case in json.loads((SUITE / f"{file}.json").read_text(encoding="utf-8")):
        schema = case["schema"]
        yield schema if isinstance(schema, dict) else {"allOf": [schema]}, case["tests"]


def made(format: ChatFormat = "qwen-json", **fields: Any) -> Constrained | None:
    """None: the request is refused."""
    try:
        request = ask(**fields)
        check(request, format)
        found = constrained(request, format, QWEN3.special, False)
    except SupernetError:
        return None
    assert found is not None
    return None if LLMatcher.validate_grammar(found.constraint.grammar) else found


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def warned(schema: dict[str, Any], value: Any) -> bool:
    """The check of the finished answer says so, or that it could not be made."""
    try:
        return bool(faults(schema, written(value)))
    except (ValueError, jsonschema_rs.ReferencingError):
        return True


def tried(file: str) -> Counter[str]:
    """What became of the schemas and instances of a file as formats of an answer; asserts what must hold for each."""
    counts = Counter[str]()
    for schema, instances in cases(file):
        loose = made(json_schema=schema)
        strict = made(json_schema=schema, json_schema_strict=True)
        counts["schemas"] += 1
        counts["refused" if loose is None else "warned" if loose.unheld else "held"] += 1
        assert (strict is None) == (loose is None or bool(loose.unheld))
        for instance in instances if loose is not None else ():
            assert loose is not None
            through = accepts(loose.constraint, written(instance["data"]))
            counts["valid refused"] += instance["valid"] and not through
            if through and not instance["valid"]:
                counts["invalid let through"] += 1
                assert strict is None, (schema, instance)
                assert warned(schema, instance["data"]), (schema, instance)
    return counts


@pytest.mark.parametrize("file", EVERYDAY)
def test_strict_lets_nothing_wrong_through_and_else_it_is_told(file: str) -> None:
    counts = tried(file)
    assert counts["valid refused"] == REFUSED.get(file, (0, ""))[0]


@pytest.mark.search
def test_the_whole_suite() -> None:
    counts = Counter[str]()
    for file in FILES:
        found = tried(file)
        assert found["valid refused"] == REFUSED.get(file, (0, ""))[0], file
        counts += found
    print(dict(counts))
    assert counts["schemas"] == 461
    assert counts["refused"] <= 42, "each is refused with the compiler's words"
    assert counts["warned"] <= 153


@pytest.mark.search
@pytest.mark.parametrize("format", ["qwen-json", "qwen-xml"])
def test_arguments_of_strict_tools(format: ChatFormat) -> None:
    """Each schema as that of a parameter. A call says what is read of it, so that is held against the schema."""
    tools = 0
    for file in FILES:
        for schema, instances in cases(file):
            if "$ref" in (text := written(schema)) or "$id" in text or "$dynamicRef" in text:
                continue  # they mean another thing inside of another schema
            parameters = {"type": "object", "properties": {"value": schema}, "required": ["value"]}
            tool = Tool(name="f", parameters=parameters, strict=True)
            if (strict := made(format, tools=(tool,), tool_choice="required")) is None:
                continue
            tools += 1
            validator = jsonschema_rs.validator_for(parameters, validate_formats=True)
            for instance in instances:
                said = call(format, instance["data"])
                if accepts(strict.constraint, said):
                    assert validator.is_valid(read(format, tool, said)), (file, schema, instance)
    assert tools > 150


def call(format: ChatFormat, value: Any) -> str:
    if format == "qwen-json":
        arguments = f'{{"name": "f", "arguments": {written({"value": value})}}}'
        return f"<tool_call>\n{arguments}\n</tool_call>"
    raw = value if isinstance(value, str) else written(value)
    return f"<tool_call>\n<function=f>\n<parameter=value>\n{raw}\n</parameter>\n</function>\n</tool_call>"


def read(format: ChatFormat, tool: Tool, text: str) -> Any:
    answer = Answer(Reading(format, tools=(tool,), held=True))
    parts = answer.push(text.encode()) + answer.finish("stop")[0]
    return json.loads("".join(part.arguments for part in parts if isinstance(part, CallDelta)))
