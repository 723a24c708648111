"""Answers as Qwen models write them, whole and cut at every byte."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import at_most
from wire.chat import MAX_CALLS, CallDelta, Content, Notice, Part, Reasoning, Tool
from worker.chat.answer import Answer
from worker.chat.prepared import Reading


def tool(name: str, properties: dict[str, Any] | None = None, **rest: Any) -> Tool:
    return Tool(name=name, parameters={"type": "object", "properties": properties or {}, **rest})


TOOLS = (
    tool("add", {"a": {"type": "integer"}, "b": {"type": "integer"}}),
    tool("python", {"code": {"type": "string"}}),
    tool("edit", {"file": {"type": "string"}, "old": {"type": "string"}, "new": {"type": "string"}}),
    tool("todo", {"items": {"type": "array", "items": {"type": "object"}}}),
    tool("now"),
    Tool(name="ping"),
    tool(
        "mixed",
        {
            "text": {"type": ["string", "null"]},
            "count": {"type": ["integer", "null"]},
            "either": {"anyOf": [{"type": "object"}, {"type": "string"}]},
            "unit": {"enum": ["celsius", "kelvin"]},
            "flag": {"type": "boolean"},
            "point": {"$ref": "#/$defs/point"},
            "free": {},
            "old_null": {"type": "number", "nullable": True},
        },
        **{"$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}}}}},
    ),
)
XML = Reading(format="qwen-xml", reasons=True, tools=TOOLS)
XML_IN = replace(XML, in_reasoning=True)
JSON = Reading(format="qwen-json", reasons=True, tools=TOOLS)
PLAIN = Reading(format="qwen-json", reasons=True)


@dataclass(frozen=True)
class Message:
    """All parts of an answer added up. Arguments are text, one entry per call."""

    content: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    notices: int = 0
    finish: str = "stop"


def add_up(parts: list[Part], finish: str) -> Message:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    content = reasoning = ""
    notices = 0
    for part in parts:
        match part:
            case Content():
                assert part.text
                content += part.text
            case Reasoning():
                assert part.text
                reasoning += part.text
            case Notice():
                notices += 1
            case CallDelta():
                assert (part.name is not None) == (part.index not in names), "a name comes once, and first"
                if part.name is not None:
                    assert part.index == len(names)
                    names[part.index] = part.name
                arguments[part.index] = arguments.get(part.index, "") + part.arguments
    return Message(content, reasoning, tuple((names[i], arguments[i]) for i in sorted(names)), notices, finish)


def read(reading: Reading, pieces: list[bytes], reason: Literal["stop", "length"] = "stop") -> Message:
    answer = Answer(reading)
    parts: list[Part] = []
    for piece in pieces:
        parts += answer.push(piece)
        if answer.stopped:
            break
    last, finish = answer.finish(reason)
    return add_up(parts + last, finish)


TAGS = ("<think>", "</think>", "<tool_call>")


def tokens(text: str) -> list[bytes]:
    """Tags as one token each, all else byte by byte."""
    pieces: list[bytes] = []
    for part in re.split("(" + "|".join(TAGS) + ")", text):
        pieces += [part.encode()] if part in TAGS else [bytes([byte]) for byte in part.encode()]
    return pieces


def xml(name: str, **values: str) -> str:
    body = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    return f"<tool_call>\n<function={name}>\n{body}</function>\n</tool_call>"


def obj(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def called(*calls: tuple[str, Any], content: str = "", reasoning: str = "", notices: int = 0) -> Message:
    texts = tuple((name, value if isinstance(value, str) else json.dumps(value)) for name, value in calls)
    return Message(content, reasoning, texts, notices, "tool_calls")


CODE = 'def hello():\n    print("Hello, world!")\n\nhello()'
HTML = "<html>\n <head>\n  <title>Hi!</title>\n </head>\n</html>"
ADD = ("add", {"a": 1, "b": 2})

CASES: dict[str, tuple[Reading, str, Message]] = {
    # ---- thoughts
    "content only": (PLAIN, "Hello\nworld", Message("Hello\nworld")),
    "content keeps the white space around it": (PLAIN, "\n  a\n\n", Message("\n  a\n\n")),
    "thought opened by the model": (PLAIN, "<think>\nhm\n</think>\n\nYes", Message("Yes", "hm")),
    "white space before the thought": (PLAIN, "\n\n<think>hm</think>Yes", Message("Yes", "hm")),
    "thought opened by the prompt": (
        XML_IN,
        "I'm\nthinking\n</think>\n\nYes!\nNo?",
        Message("Yes!\nNo?", "I'm\nthinking"),
    ),
    "empty thought at once": (XML_IN, "</think>\n\nYes", Message("Yes")),
    "empty thought repeated inside the open one": (XML_IN, "<think>\n\n</think>\n\nYes", Message("Yes")),
    "empty thought repeated after a closed one": (XML, "<think>\n\n</think>\n\nYes", Message("Yes")),
    "two empty thoughts": (XML_IN, "</think>\n\n<think>\n\n</think>\n\nYes", Message("Yes")),
    "indentation survives the thought": (XML_IN, "x</think>\n\n    code", Message("    code", "x")),
    "blank lines inside a thought stay": (PLAIN, "<think>a\n\n b</think>c", Message("c", "a\n\n b")),
    "thought never closed": (XML_IN, "still thinking", Message("", "still thinking")),
    "tags in the middle of content are text": (
        PLAIN,
        "Use <think> and </think>.",
        Message("Use <think> and </think>."),
    ),
    "a model without thoughts": (Reading("qwen-json"), "<think>x</think>y", Message("<think>x</think>y")),
    # ---- XML calls
    "xml call": (XML, xml("add", a="1", b="2"), called(ADD)),
    "xml call after a thought": (XML_IN, "hm\n</think>\n\n" + xml("add", a="1", b="2"), called(ADD, reasoning="hm")),
    "xml call inside an open thought": (XML_IN, "Look.\n" + xml("now"), called(("now", {}), reasoning="Look.")),
    "xml call at once inside an open thought": (XML_IN, xml("now"), called(("now", {}))),
    "thought closed after the call": (
        XML_IN,
        "a\n" + xml("now") + "\n</think>\n\n",
        called(("now", {}), reasoning="a"),
    ),
    "text before the call": (XML_IN, "</think>\n\nLet me.\n" + xml("now"), called(("now", {}), content="Let me.\n")),
    "text after the call": (XML, xml("now") + "\nDone.", called(("now", {}), content="Done.")),
    "parallel calls": (XML, xml("add", a="1", b="2") + "\n" + xml("now"), called(ADD, ("now", {}))),
    "no tag before the first function": (XML, xml("now").removeprefix("<tool_call>\n"), called(("now", {}))),
    "text before a function without tag": (
        XML,
        "I call.\n" + xml("add", a="1", b="2").removeprefix("<tool_call>\n") + "\n" + xml("now"),
        called(ADD, ("now", {}), content="I call.\n"),
    ),
    "no parameters at all": (XML, xml("ping"), called(("ping", {}))),
    "several lines": (XML, xml("python", code=CODE), called(("python", {"code": CODE}))),
    "leading indent": (XML, xml("python", code="    x"), called(("python", {"code": "    x"}))),
    "empty text": (XML, xml("python", code=""), called(("python", {"code": ""}))),
    "html": (XML, xml("python", code=HTML), called(("python", {"code": HTML}))),
    "quotes and backslashes": (
        XML,
        xml("python", code='a "b" \\n \t c'),
        called(("python", {"code": 'a "b" \\n \t c'})),
    ),
    "chinese": (XML, xml("python", code="格😀"), called(("python", '{"code": "格😀"}'))),
    "value that ends in a newline": (XML, xml("edit", new="x\n"), called(("edit", {"new": "x\n"}))),
    "windows newlines": (XML, xml("edit", new="x").replace("\n", "\r\n"), called(("edit", {"new": "x"}))),
    "array of objects": (XML, xml("todo", items='[{"a": "b"}, {}]'), called(("todo", {"items": [{"a": "b"}, {}]}))),
    "any order": (
        XML,
        xml("edit", new="n", old="o", file="f"),
        called(("edit", {"new": "n", "old": "o", "file": "f"})),
    ),
    "null or text: text": (XML, xml("mixed", text="hello"), called(("mixed", {"text": "hello"}))),
    "null or text: begins like null": (XML, xml("mixed", text="nullify"), called(("mixed", {"text": "nullify"}))),
    "null or text: null": (XML, xml("mixed", text="null"), called(("mixed", {"text": None}))),
    "null or text: empty": (XML, xml("mixed", text=""), called(("mixed", {"text": ""}))),
    "nullable integer": (XML, xml("mixed", count="42"), called(("mixed", {"count": 42}))),
    "nullable integer is null": (XML, xml("mixed", count="None"), called(("mixed", {"count": None}))),
    "nullable of OpenAPI": (XML, xml("mixed", old_null="null"), called(("mixed", {"old_null": None}))),
    "number out of place": (XML, xml("mixed", count="many"), called(("mixed", {"count": "many"}), notices=1)),
    "union is an object": (XML, xml("mixed", either='{"a": 1}'), called(("mixed", {"either": {"a": 1}}))),
    "union is broken JSON": (XML, xml("mixed", either="{no"), called(("mixed", {"either": "{no"}))),
    "union keeps the quotes of a text": (XML, xml("mixed", either='"q"'), called(("mixed", {"either": '"q"'}))),
    "enum without type": (XML, xml("mixed", unit="kelvin"), called(("mixed", {"unit": "kelvin"}))),
    "python spelling": (XML, xml("mixed", flag="True"), called(("mixed", {"flag": True}))),
    "python dictionary": (XML, xml("mixed", point="{'x': 1.5}"), called(("mixed", {"point": {"x": 1.5}}))),
    "reference": (XML, xml("mixed", point='{"x": 1}'), called(("mixed", {"point": {"x": 1}}))),
    "no schema": (XML, xml("mixed", free="7"), called(("mixed", {"free": 7}))),
    "unknown parameter": (XML, xml("now", zone="UTC"), called(("now", {"zone": "UTC"}))),
    "value about parameters": (
        XML,
        xml("python", code="</parameter> ends it\n</function> too </tool_call>"),
        called(("python", {"code": "</parameter> ends it\n</function> too </tool_call>"})),
    ),
    "no newline around the value": (
        XML,
        "<tool_call><function=add><parameter=a>1</parameter><parameter=b>2</parameter></function></tool_call>",
        called(ADD),
    ),
    "value without closing tag": (
        XML,
        "<tool_call>\n<function=python>\n<parameter=code>\nx\n</function>\n</tool_call>",
        called(("python", {"code": "x"})),
    ),
    "answer ends in the value": (
        XML,
        "<tool_call>\n<function=python>\n<parameter=code>\nx",
        called(("python", {"code": "x"})),
    ),
    "answer ends in a tag": (
        XML,
        "<tool_call>\n<function=python>\n<parameter=code>\nx\n</para",
        called(("python", {"code": "x"})),
    ),
    "answer ends after the parameter": (
        XML,
        "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n",
        called(("add", {"a": 1})),
    ),
    "answer ends after the name": (XML, "<tool_call>\n<function=now>\n", called(("now", {}))),
    "function not closed": (XML, "<tool_call>\n<function=now>\n</tool_call>", called(("now", {}))),
    "next call without closing": (
        XML,
        "<tool_call>\n<function=now>\n<tool_call>\n<function=ping>\n</function>\n</tool_call>",
        called(("now", {}), ("ping", {})),
    ),
    "parameter twice": (
        XML,
        "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n<parameter=a>\n2\n</parameter>\n</function>\n</tool_call>",
        called(("add", {"a": 1}), notices=1),
    ),
    "words between the parameters": (
        XML,
        "<tool_call>\n<function=now>\nso < be it\n</function>\n</tool_call>",
        called(("now", {}), content="so < be it\n", notices=1),
    ),
    # ---- XML calls whose tags are broken
    "a parameter that is not closed before the next": (
        XML,
        "<tool_call>\n<function=edit>\n<parameter=file>\nsrc/a.py\n<parameter=old>\nfoo\n</parameter>\n</function>\n"
        "</tool_call>",
        called(("edit", {"file": "src/a.py", "old": "foo"}), notices=1),
    ),
    "none of three parameters is closed": (
        XML,
        "<tool_call>\n<function=edit>\n<parameter=file>\na\n<parameter=old>\r\n<parameter=new>\nb\n</function>\n"
        "</tool_call>",
        called(("edit", {"file": "a", "old": "", "new": "b"}), notices=1),
    ),
    "a number that is not closed": (
        XML,
        "<tool_call>\n<function=add>\n<parameter=a>\n1\n<parameter=b>\n2\n</parameter>\n</function>\n</tool_call>",
        called(ADD, notices=1),
    ),
    "a line that opens what is not declared is text": (
        XML,
        xml("python", code="a\n<parameter=old>\nb"),
        called(("python", {"code": "a\n<parameter=old>\nb"})),
    ),
    "a line that opens what was given is text": (
        XML,
        xml("edit", file="f", old="<parameter=file>\n<parameter=old>"),
        called(("edit", {"file": "f", "old": "<parameter=file>\n<parameter=old>"})),
    ),
    "an opening tag inside a line is text": (
        XML,
        xml("edit", file="see <parameter=old> there"),
        called(("edit", {"file": "see <parameter=old> there"})),
    ),
    "the first of two that came twice counts, though it is not closed": (
        XML,
        "<tool_call>\n<function=edit>\n<parameter=old>\na\n</parameter>\n<parameter=old>\nb\n<parameter=new>\nc\n"
        "</parameter>\n</function>\n</tool_call>",
        called(("edit", {"old": "a", "new": "c"}), notices=2),
    ),
    **{
        f"a closing tag that is {close!r}": (
            XML,
            f"<tool_call>\n<function=edit>\n<parameter=file>\na\n{close}\n<parameter=old>\nb\n{close}\n</function>\n"
            "</tool_call>",
            called(("edit", {"file": "a", "old": "b"}), notices=1),
        )
        for close in (
            "</parameter/>",
            "</parameter1>",
            "</parameter",
            "</parameters>",
            "</parameter >",
            "</parameter  ",
        )
    },
    "names in quotes": (
        XML,
        '<tool_call>\n<function="add">\n<parameter="a">\n1\n</parameter>\n<parameter=\'b\'>\n2\n</parameter>\n'
        "</function>\n</tool_call>",
        called(ADD),
    ),
    "a function that is closed as it is opened": (
        XML,
        "<tool_call>\n<function=now/>\n</tool_call>",
        called(("now", {})),
    ),
    "a broken closing tag that nothing of a call follows is text": (
        XML,
        xml("python", code="</parameter/> x </parameter\n</parameter1>y"),
        called(("python", {"code": "</parameter/> x </parameter\n</parameter1>y"})),
    ),
    **{
        f"a function closed by {close!r}": (
            XML,
            f"<tool_call>\n<function=python>\n<parameter=code>\na\n</parameter>\n{close}\n</tool_call>",
            called(("python", {"code": "a"}), notices=1),
        )
        for close in ("</function/>", "</function", "</functions>")
    },
    **{
        f"an opening tag that is {'<parameter=file' + end!r}": (
            XML,
            f"<tool_call>\n<function=edit>\n<parameter=file{end}src/a.py\n</parameter>\n<parameter=old>\nfoo\n"
            "</parameter>\n</function>\n</tool_call>",
            called(("edit", {"file": "src/a.py", "old": "foo"}), notices=1),
        )
        for end in ("\n", "\r\n", ": ", " : ", ":\n", ":\t")
    },
    "a value with a bracket in it behind a broken opening tag": (
        XML,
        "<tool_call>\n<function=python>\n<parameter=code: a > b\n</parameter>\n</function>\n</tool_call>",
        called(("python", {"code": "a > b"}), notices=1),
    ),
    "a long line behind a broken opening tag": (
        XML,
        f"<tool_call>\n<function=python>\n<parameter=code: {'x' * 400}\n</parameter>\n</function>\n</tool_call>",
        called(("python", {"code": "x" * 400}), notices=1),
    ),
    "a broken opening tag ends what is not closed": (
        XML,
        "<tool_call>\n<function=edit>\n<parameter=file\na\n<parameter=old\nb\n</function>\n</tool_call>",
        called(("edit", {"file": "a", "old": "b"}), notices=2),
    ),
    "a broken opening tag at the very end": (
        XML,
        "<tool_call>\n<function=python>\n<parameter=code: x",
        called(("python", {"code": "x"}), notices=1),
    ),
    "a broken opening tag of what is not declared is content": (
        XML,
        "<tool_call>\n<function=python>\n<parameter=file\na\n</parameter>\n</function>\n</tool_call>",
        called(("python", {}), content="file\na\n", notices=1),
    ),
    "a function whose tag is not closed": (
        XML,
        "<tool_call>\n<function=edit\n<parameter=file>\na\n</parameter>\n</function>\n</tool_call>",
        called(("edit", {"file": "a"}), notices=1),
    ),
    "a function whose tag is not closed before the next tag": (
        XML,
        "<tool_call><function=edit<parameter=file>a</parameter></function></tool_call>",
        called(("edit", {"file": "a"}), notices=1),
    ),
    "a function whose tag is not closed, and that is not declared, is content": (
        XML,
        "<tool_call>\n<function=rm\n</function>\n</tool_call>",
        Message("<tool_call>\n<function=rm\n</function>\n</tool_call>", notices=1),
    ),
    # ---- scalars
    **{
        f"without a type {text!r} stays as it is": (XML, xml("mixed", free=text), called(("mixed", {"free": text})))
        for text in (
            "1234567e8",
            "007",
            "+5",
            "3.10",
            "1e5",
            "-0",
            "12345678901234567890",
            "TRUE",
            "NULL",
            "NaN",
            "1_0",
        )
    },
    **{
        f"without a type {text!r} is what it says": (XML, xml("mixed", free=text), called(("mixed", {"free": value})))
        for text, value in (
            ("-7", -7),
            ("1.5", 1.5),
            ("true", True),
            ("null", None),
            ("None", None),
            ('{"a": [1.5]}', {"a": [1.5]}),
        )
    },
    **{
        f"{text!r} as {name}": (XML, xml("mixed", **{name: text}), called(("mixed", {name: value})))
        for name, text, value in (
            ("count", "007", 7),
            ("count", "+5", 5),
            ("count", "-05", -5),
            ("count", "NULL", None),
            ("old_null", "+.5", 0.5),
            ("old_null", "5.", 5),
            ("old_null", "00.25", 0.25),
            ("old_null", "Null", None),
            ("flag", "TRUE", True),
            ("flag", "false", False),
        )
    },
    **{
        f"{text!r} as {name} is said to be none": (
            XML,
            xml("mixed", **{name: text}),
            called(("mixed", {name: value}), notices=1),
        )
        for name, text, value in (
            ("count", "1,000", "1,000"),
            ("count", "1.5", 1.5),
            ("count", "", ""),
            ("flag", "1", 1),
            ("flag", "yes", "yes"),
            ("flag", "NULL", "NULL"),
            ("point", "{'x': 1", "{'x': 1"),
        )
    },
    "a number that may be text keeps its spelling": (
        XML,
        xml("mixed", either="1e5"),
        called(("mixed", {"either": "1e5"})),
    ),
    "no parallel calls": (
        replace(XML, parallel=False),
        "I add.\n" + xml("add", a="1", b="2") + "\n" + xml("now") + "\nDone.",
        called(ADD, content="I add.\n"),
    ),
    "no parallel calls in JSON": (
        replace(JSON, parallel=False),
        "<think>x</think>" + obj("add", '{"a": 1, "b": 2}') + "\n" + obj("now", "{}"),
        called(ADD, reasoning="x"),
    ),
    "no parallel calls, and the next begins without an end": (
        replace(XML, parallel=False),
        "<tool_call>\n<function=now>\n<tool_call>\n<function=ping>\n</function>\n</tool_call>",
        called(("now", {})),
    ),
    "no parallel calls: one that cannot be read is none": (
        replace(JSON, parallel=False),
        obj("rm", "{}") + obj("now", "{}") + obj("ping", "{}"),
        called(("now", {}), content=obj("rm", "{}"), notices=1),
    ),
    "undeclared tool is content": (XML, xml("rm", path="/"), Message(xml("rm", path="/"), notices=1)),
    "undeclared tool in a thought is thought": (
        XML_IN,
        "x " + xml("rm") + "\n</think>ok",
        Message("ok", "x " + xml("rm")),
    ),
    "a thought about calls": (XML_IN, "say <tool_call> now</think>ok", Message("ok", "say <tool_call> now")),
    "a tag alone is content": (XML, "a <tool_call> b", Message("a <tool_call> b", notices=1)),
    "answer ends in the name": (XML, "<tool_call>\n<function=ad", Message("<tool_call>\n<function=ad", notices=1)),
    "no tools: calls are content": (replace(XML, tools=()), xml("add", a="1"), Message(xml("add", a="1"))),
    "json in an xml model": (XML, obj("add", '{"a": 1, "b": 2}'), called(ADD)),
    # ---- JSON calls
    "json call": (JSON, obj("add", '{"a": 1, "b": 2}'), called(ADD)),
    "json call after text": (JSON, "Hi." + obj("now", "{}"), called(("now", {}), content="Hi.")),
    "json call after a thought": (
        JSON,
        "<think>\nhm\n</think>\n\n" + obj("now", "{}"),
        called(("now", {}), reasoning="hm"),
    ),
    "json calls in parallel": (JSON, obj("now", "{}") + "\n" + obj("ping", "{}"), called(("now", {}), ("ping", {}))),
    "json on one line": (JSON, '<tool_call>{"name":"add","arguments":{"a":1,"b":2}}</tool_call>', called(ADD)),
    "arguments first": (JSON, '<tool_call>{"arguments": {"a": 1, "b": 2}, "name": "add"}</tool_call>', called(ADD)),
    "called parameters": (JSON, '<tool_call>{"name": "add", "parameters": {"a": 1, "b": 2}}</tool_call>', called(ADD)),
    "other keys": (
        JSON,
        '<tool_call>{"id": [1], "name": "add", "arguments": {"a": 1, "b": 2}, "x": {}}</tool_call>',
        called(ADD),
    ),
    "arguments under a misspelled key": (
        JSON,
        '<tool_call>{"name": "add", "argument\\s": {"a": 1, "b": 2}}</tool_call>',
        called(ADD, notices=1),
    ),
    "arguments under a misspelled key, not closed": (
        JSON,
        '<tool_call>{"name": "add", "args": {"a": 1, "b": 2',
        called(ADD, notices=2),
    ),
    "a key that never ends": (
        JSON,
        '<tool_call>{"name": "now", "arguments: {}}\n</tool_call>\nHi',
        called(("now", {}), content="arguments: {}}\n</tool_call>\nHi", notices=2),
    ),
    "words of JSON in capitals": (JSON, obj("now", '{"a": TRUE, "b": NULL}'), called(("now", {"a": True, "b": None}))),
    "a number that JSON does not write so": (
        JSON,
        obj("now", '{"a": 007, "b": [+5, north]}'),
        called(("now", {"a": "007", "b": ["+5", "north"]}), notices=1),
    ),
    "a missing value": (JSON, obj("now", '{"a": }'), called(("now", {"a": None}), notices=1)),
    "a missing value before the name": (
        JSON,
        '<tool_call>{"arguments": {"a": }, "name": "now"}</tool_call>',
        called(("now", {"a": None}), notices=1),
    ),
    "arguments in a string": (JSON, obj("add", json.dumps('{"a": 1, "b": 2}')), called(ADD)),
    "arguments are null": (JSON, obj("now", "null"), called(("now", {}))),
    "arguments missing": (JSON, '<tool_call>{"name": "now"}</tool_call>', called(("now", {}))),
    "arguments are an array": (JSON, obj("now", "[1]"), called(("now", "[1]"), notices=1)),
    "nested": (JSON, obj("todo", '{"items": [{"a": "}]"}, {}]}'), called(("todo", {"items": [{"a": "}]"}, {}]}))),
    "escapes": (
        JSON,
        obj("python", '{"code": "a\\n\\u00e9\\\\ \\" ü"}'),
        called(("python", '{"code": "a\\n\\u00e9\\\\ \\" ü"}')),
    ),
    "closing tag in a string": (
        JSON,
        obj("python", '{"code": "</tool_call>"}'),
        called(("python", {"code": "</tool_call>"})),
    ),
    "raw newline in a string": (JSON, obj("python", '{"code": "a\nb"}'), called(("python", {"code": "a\nb"}))),
    "wrong escape": (JSON, obj("python", '{"code": "\\d"}'), called(("python", {"code": "\\d"}))),
    "trailing comma": (JSON, obj("todo", '{"items": [1, 2,],}'), called(("todo", {"items": [1, 2]}))),
    "missing comma": (JSON, obj("add", '{"a": 1 "b": 2}'), called(ADD)),
    "python words": (
        JSON,
        obj("mixed", '{"flag": True, "text": None}'),
        called(("mixed", {"flag": True, "text": None})),
    ),
    "single quotes": (JSON, "<tool_call>{'name': 'add', 'arguments': {'a': 1, 'b': 2}}</tool_call>", called(ADD)),
    "a bracket too many": (JSON, obj("now", "{}}"), called(("now", {}), notices=1)),
    "a bracket too few": (
        JSON,
        '<tool_call>{"name": "now", "arguments": {"a": 1}\n</tool_call>',
        called(("now", {"a": 1}), notices=1),
    ),
    "closing tag missing": (JSON, '<tool_call>\n{"name": "now", "arguments": {}}', called(("now", {}))),
    "text instead of the closing tag": (
        JSON,
        '<tool_call>\n{"name": "now", "arguments": {}}\nok',
        called(("now", {}), content="ok"),
    ),
    "answer ends in the arguments": (
        JSON,
        '<tool_call>{"name": "add", "arguments": {"a": 1, "b": [{"c": "d',
        called(("add", {"a": 1, "b": [{"c": "d"}]}), notices=1),
    ),
    "not JSON": (JSON, "<tool_call>\nhello\n</tool_call>", Message("<tool_call>\nhello\n</tool_call>", notices=1)),
    "no name": (
        JSON,
        '<tool_call>{"arguments": {}}</tool_call>',
        Message('<tool_call>{"arguments": {}}</tool_call>', notices=1),
    ),
    "undeclared json tool": (JSON, obj("rm", "{}"), Message(obj("rm", "{}"), notices=1)),
    "xml in a json model": (JSON, xml("add", a="1", b="2"), called(ADD)),
    # ---- stops
    "stop string": (replace(PLAIN, stop=("END",)), "one two END three", Message("one two ")),
    "stop string in the thought does not count": (
        replace(PLAIN, stop=("b",)),
        "<think>abc</think>abc",
        Message("a", "abc"),
    ),
    "stop string in a call does not count": (
        replace(XML, stop=("x",)),
        xml("python", code="x"),
        called(("python", {"code": "x"})),
    ),
    "stop string that almost came": (replace(PLAIN, stop=("ENDING",)), "one END", Message("one END")),
    "stop string over a call": (replace(XML, stop=("ab",)), "a" + xml("now") + "b", called(("now", {}), content="ab")),
    "the stop that ends first": (replace(PLAIN, stop=("abcd", "bc")), "xabcd", Message("xa")),
    "the longer of two that end together": (replace(PLAIN, stop=("bc", "abc")), "xabc", Message("x")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_read_whole(name: str) -> None:
    reading, text, expected = CASES[name]
    assert read(reading, [text.encode()]) == expected


@pytest.mark.parametrize("name", CASES)
def test_every_cut_in_two_gives_the_same_message(name: str) -> None:
    reading, text, expected = CASES[name]
    data = text.encode()
    for at in range(1, len(data)):
        assert read(reading, [data[:at], data[at:]]) == expected, at


@pytest.mark.parametrize("name", CASES)
def test_single_bytes_give_the_same_message(name: str) -> None:
    reading, text, expected = CASES[name]
    assert read(reading, [bytes([byte]) for byte in text.encode()]) == expected


@pytest.mark.parametrize("name", CASES)
def test_tags_that_are_tokens_give_the_same_message(name: str) -> None:
    reading, text, expected = CASES[name]
    assert read(replace(reading, tokens=TAGS), tokens(text)) == expected


@pytest.mark.parametrize("name", CASES)
def test_completed_arguments_are_valid_json(name: str) -> None:
    reading, text, _ = CASES[name]
    data = text.encode()
    for end in range(len(data) + 1):
        for _, arguments in read(reading, [data[:end]]).calls:
            json.loads(arguments)


@pytest.mark.parametrize("name", CASES)
def test_what_a_beginning_gives_is_a_beginning_of_the_whole(name: str) -> None:
    """Nothing is retracted, and an answer cut by max_tokens holds nothing that the whole one would not hold."""
    reading, text, whole = CASES[name]
    data = text.encode()
    for end in range(len(data)):
        answer = Answer(reading)
        seen = add_up([part for byte in data[:end] for part in answer.push(bytes([byte]))], "")
        assert whole.content.startswith(seen.content)
        assert whole.reasoning.startswith(seen.reasoning)
        for (name_seen, arguments_seen), (name_whole, arguments_whole) in zip(seen.calls, whole.calls, strict=False):
            assert name_seen == name_whole
            assert arguments_whole.startswith(arguments_seen)


FRAGMENTS = [
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<function=add>", "<function=rm>", "<function=", "add>"),
    *(
        "</function>",
        "<parameter=a>",
        "<parameter=b>",
        "<parameter=code>",
        "<parameter=",
        "<parameter=a: ",
        "<parameter=b\n",
        "<function=add\n",
        "</parameter>",
        "</parameter",
        "</function/>",
        "\n",
        "\n\n",
        " ",
        "<",
        "</",
        ">",
    ),
    *(
        '{"name": "add", "arguments": ',
        '{"name": "now"',
        '"name": ',
        '{"a": 1}',
        "{",
        "}",
        "[",
        "]",
        ",",
        '"',
        "'",
        "\\",
        ":",
    ),
    *("true", "None", "1.", "-", "\\u12", "é", "😀"),
]


@settings(max_examples=at_most(400), deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=25),
    st.sampled_from(
        [
            *(XML, XML_IN, JSON, replace(JSON, in_reasoning=True), replace(XML, stop=("a1", "\n\n"))),
            *(replace(XML_IN, demanded=True), replace(JSON, demanded=True, parallel=False), replace(XML, whole=True)),
        ]
    ),
    st.sampled_from(["stop", "length"]),
    st.data(),
)
def test_no_fragments_break_it_and_no_cut_changes_it(
    fragments: list[str], reading: Reading, reason: Literal["stop", "length"], data: st.DataObject
) -> None:
    whole = "".join(fragments).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    message = read(reading, [whole], reason)
    assert read(reading, pieces, reason) == message
    assert read(reading, [bytes([byte]) for byte in whole], reason) == message
    if reason == "stop":
        for _, arguments in message.calls:
            json.loads(arguments)


@settings(max_examples=at_most(400), deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=25),
    st.sampled_from([XML, XML_IN, JSON, replace(JSON, in_reasoning=True), replace(XML, stop=("a1", "\n\n"))]),
    st.sampled_from(["stop", "length"]),
)
def test_tags_that_are_tokens_are_read_as_tags_that_are_text(
    fragments: list[str], reading: Reading, reason: Literal["stop", "length"]
) -> None:
    text = "".join(fragments)
    assert read(replace(reading, tokens=TAGS), tokens(text), reason) == read(reading, [text.encode()], reason)


QUOTED = "</think>\n" + obj("add", '{"a": 1, "b": 2}') + "<think>\n</think>"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_tags_that_other_tokens_spell_are_text(size: int) -> None:
    """As a model writes them that quotes its prompt, where they stand as plain text too."""
    data = ("I read: " + QUOTED).encode()
    spelled = [data[at : at + size] for at in range(0, len(data), size)]
    for reading in (replace(JSON, tokens=TAGS), replace(JSON, tokens=TAGS, in_reasoning=True)):
        thought = tokens("<think>") + spelled + tokens("</think>") if not reading.in_reasoning else spelled
        in_thought = read(reading, thought + (tokens("</think>") if reading.in_reasoning else []) + spelled)
        assert in_thought == Message("I read: " + QUOTED, "I read: " + QUOTED)
    called_then = tokens("</think>") + spelled + tokens(obj("add", '{"a": 1, "b": 2}'))
    assert read(replace(JSON, tokens=TAGS, in_reasoning=True), called_then) == called(ADD, content="I read: " + QUOTED)


def test_the_mark_of_a_tag_is_in_nothing_that_is_given_out() -> None:
    reading = replace(XML_IN, tokens=TAGS)
    text = "a <tool_call> b\n</think>Use <think>. </think>" + xml("python", code="<think> </think> <tool_call> x")
    message = read(reading, tokens(text))
    assert message == called(
        ("python", {"code": "<think> </think> <tool_call> x"}),
        content="Use <think>. </think>",
        reasoning="a <tool_call> b",
    )
    stop = replace(PLAIN, tokens=TAGS, stop=("<think> now",))
    assert read(stop, tokens("Say <think> now!")) == Message("Say ")


WORDS = [f"w{n}w" for n in range(12)]


@settings(max_examples=at_most(300), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [f for f in FRAGMENTS if not any(c.isalpha() for c in f)]
            + WORDS
            + [
                "<think>",
                "</think>",
                "<tool_call>",
                "</tool_call>",
                "<function=add>",
                "<function=rm>",
                "</function>",
                "</parameter>",
                "<parameter=a>",
                "<parameter=code>",
                '{"name": "now", "arguments": {"a": "',
                '"}}',
            ]
        ),
        max_size=25,
    ),
    st.sampled_from([XML, XML_IN, JSON]),
)
def test_no_word_is_ever_lost(fragments: list[str], reading: Reading) -> None:
    text = "".join(fragments)
    answer = Answer(reading)
    parts = answer.push(text.encode()) + answer.finish("stop")[0]
    if any("came twice" in part.text for part in parts if isinstance(part, Notice)):
        return  # the second value of one parameter is dropped, and said so
    message = add_up(parts, "")
    everywhere = message.content + message.reasoning + "".join(arguments for _, arguments in message.calls)
    for word in WORDS:
        assert everywhere.count(word) >= text.count(word), word


# ---- tokens ----------------------------------------------------------------------------------------------------------


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert read(PLAIN, [b"a\xff", b"b\xf0\x9f", b"c", b"\xe6\xa0"]).content == "a\ufffdb\ufffdc\ufffd"


def test_a_character_waits_for_its_last_byte() -> None:
    answer = Answer(PLAIN)
    euro = "€".encode()
    assert answer.push(euro[:2]) == []
    assert answer.push(euro[2:]) == [Content(text="€")]


def test_tokens_of_the_thought_are_counted_with_their_tags() -> None:
    answer = Answer(PLAIN)
    for piece in (b"<think>", b"\n", b"hm", b"\n", b"</think>", b"\n\n", b"Yes", b"!"):
        answer.push(piece)
    assert answer.reasoning_tokens == 5
    answer = Answer(XML_IN)
    for piece in (b"hm", b"\n", b"<tool_call>", b"\n", b"<function=now", b">", b"\n", b"</function>"):
        answer.push(piece)
    assert answer.reasoning_tokens == 6


def test_after_a_stop_nothing_comes() -> None:
    answer = Answer(replace(PLAIN, stop=("END",)))
    assert answer.push(b"a E") == [Content(text="a ")]
    assert not answer.stopped
    assert answer.push(b"ND b") == []
    assert answer.stopped
    assert answer.push(b"more") == []
    assert answer.finish("stop") == ([], "stop")


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_a_stop_string_before_a_parameter_ends_the_answer_there(reason: Literal["stop", "length"]) -> None:
    text = "<tool_call>\n<function=edit>\nwait, no!\n<parameter=new>\nx\n</parameter>\n</function>\n</tool_call>"
    reading = replace(XML, stop=(", no",))
    whole = read(reading, [text.encode()], reason)
    assert (whole.content, whole.calls) == ("wait", (("edit", "{}" if reason == "stop" else ""),))
    assert read(reading, [bytes([byte]) for byte in text.encode()], reason) == whole


def test_an_answer_cut_in_a_call_is_cut() -> None:
    text = "<tool_call>\n<function=python>\n<parameter=code>\nprint("
    assert read(XML, [text.encode()], "length") == Message(calls=(("python", '{"code": "print('),), finish="length")
    text = '<tool_call>\n{"name": "add", "arguments": {"a": 1, '
    assert read(JSON, [text.encode()], "length") == Message(calls=(("add", '{"a": 1'),), finish="length")


@pytest.mark.parametrize("reason", ["stop", "length"])
@pytest.mark.parametrize(
    "tail", ["\n", "\n<", "\r\n<", "\n<par", "\n<parameter=", "\n<parameter=ne", "\n</", "\n</parameter/"]
)
def test_the_beginning_of_a_tag_behind_a_line_is_not_in_the_argument(
    tail: str, reason: Literal["stop", "length"]
) -> None:
    text = f"<tool_call>\n<function=edit>\n<parameter=old>\na < b{tail}"
    for pieces in ([text.encode()], [bytes([byte]) for byte in text.encode()]):
        ((_, arguments),) = read(XML, pieces, reason).calls
        assert arguments.replace("\\r", "").replace("\\n", "") == '{"old": "a < b' + ('"}' if reason == "stop" else "")


@pytest.mark.parametrize("tail", ["<", "\n<p>", "\n<div", "\n<parameter=code"])
def test_what_begins_no_tag_stays_in_the_argument(tail: str) -> None:
    text = f"<tool_call>\n<function=python>\n<parameter=code>\na{tail}"
    assert read(XML, [text.encode()]) == called(("python", {"code": "a" + tail}))


def test_an_answer_cut_in_the_name_of_a_call_is_content() -> None:
    message = read(XML, [b"Hi <tool_call>\n<function=py"], "length")
    assert message == Message("Hi <tool_call>\n<function=py", notices=1, finish="length")


@pytest.mark.parametrize(
    ("reading", "call", "name"),
    [(XML, xml("python", code="x"), "python>"), (JSON, obj("add", '{"a": 1, "b": 2}'), 'add"')],
)
@pytest.mark.parametrize("before", ["", "\n\n"])
def test_of_a_demanded_call_that_is_cut_there_is_the_call_or_nothing(
    reading: Reading, call: str, name: str, before: str
) -> None:
    demanded = replace(reading, demanded=True)
    named = len(before) + call.index(name) + len(name)
    text = (before + call).encode()
    for end in range(1, len(text)):
        for pieces in ([text[:end]], [bytes([byte]) for byte in text[:end]]):
            message = read(demanded, pieces, "length")
            assert (message.content, message.finish) == ("", "length"), end
            assert len(message.calls) == (end >= named), end
    first = read(demanded, [text], "length").calls
    for end in range(1, named):
        for pieces in ([text + b"\n" + text[:end]], [bytes([byte]) for byte in text + b"\n" + text[:end]]):
            message = read(demanded, pieces, "length")
            assert (message.content, message.calls, message.finish) == ("", first, "length"), end


def test_a_demanded_call_that_is_cut_leaves_the_thought_before_it() -> None:
    in_thought = replace(XML_IN, demanded=True)
    assert read(in_thought, [b"hm\n<tool_call>\n<func"], "length").reasoning == "hm"
    assert read(in_thought, [b"hm\n</think>\n\n<tool_c"], "length") == Message("", "hm", finish="length")
    assert read(in_thought, [b"a < b and <to"], "length").reasoning == "a < b and <to"


def test_a_call_spelled_inside_a_json_answer_is_text_of_it() -> None:
    text = json.dumps({"a": "</think>" + xml("now") + obj("now", "{}") + "<function=now>"})
    for reading in (replace(XML, whole=True), replace(JSON, whole=True)):
        for pieces in ([text.encode()], [bytes([byte]) for byte in text.encode()]):
            assert read(reading, pieces) == Message(text)
        call = xml("now").encode()
        assert read(reading, [call, b"\n", call]).calls == (("now", "{}"), ("now", "{}"))
    assert read(replace(XML_IN, whole=True), [b"hm</think>\n\n" + text.encode()]) == Message(text, "hm")


HALF = "\\ud83d"  # as JSON spells one half of a character: UTF-8 has no bytes for it
ROWS = Tool(name="rows", parameters={"properties": {"rows": {"type": "array"}}})


@pytest.mark.parametrize("half", [HALF, "\\ud800", "\\udc00"])
def test_half_a_character_never_gets_out_of_its_escape(half: str) -> None:
    """No frame and no response could hold it."""
    inside = json.dumps({"name": "now", "arguments": "ARGUMENTS"}).replace(
        "ARGUMENTS", '{\\"a\\": \\"x' + half + '\\"}'
    )
    outputs = [
        (JSON, f"<tool_call>\n{inside}\n</tool_call>", [("now", '{"a": "x' + half + '"}')], ""),
        (JSON, '<tool_call>\n{"name": "now", "note": "x' + half, [("now", "{}")], "x\ufffd"),
        (replace(XML, tools=(ROWS,)), xml("rows", rows=f"['x{half}']"), [("rows", '{"rows": ["x' + half + '"]}')], ""),
    ]
    for reading, text, calls, content in outputs:
        for pieces in ([text.encode()], tokens(text)):
            message = read(replace(reading, tokens=TAGS if len(pieces) > 1 else ()), pieces)
            assert (list(message.calls), message.content) == (calls, content)
            for said in (message.content, *(arguments for _, arguments in message.calls)):
                said.encode()


def test_the_mark_of_a_tag_hides_nothing_from_a_call() -> None:
    reading = replace(XML, tools=(ROWS,), tokens=TAGS)
    assert read(reading, tokens(xml("rows", rows="['<think>', None]"))).calls == (
        ("rows", '{"rows": ["<think>", null]}'),
    )
    answer = Answer(replace(JSON, tokens=TAGS))
    parts = [part for piece in tokens(obj("a<think>b", "{}")) for part in answer.push(piece)]
    assert [part.text for part in parts if isinstance(part, Notice)] == [
        "the model called 'a<think>b', which is not a declared tool"
    ]


@pytest.mark.parametrize("reading", [XML, JSON])
def test_more_calls_than_an_answer_can_hold_are_text(reading: Reading) -> None:
    call = xml("now") if reading is XML else obj("now", "{}")
    message = read(reading, [call.encode()] * (MAX_CALLS + 2))
    assert len(message.calls) == MAX_CALLS
    assert (message.content, message.notices) == (call + call, 2)


def test_one_push_joins_what_belongs_together() -> None:
    answer = Answer(XML)
    parts = answer.push(xml("edit", file="a", new="b\nc").encode())
    assert parts == [CallDelta(index=0, name="edit", arguments='{"file": "a", "new": "b\\nc"}')]
