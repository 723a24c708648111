"""Grammars that make an answer be what was asked for: a call, calls with exact arguments, or JSON by a schema.

Lark text in llguidance's dialect: https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md. A regular
expression there never matches a special token, so text cannot run over a `<tool_call>` that is one.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Tool
from wire.errors import ErrorCode, SupernetError
from wire.schema_limits import check_schema
from worker.chat.surrogates import plain
from worker.chat.thought import CLOSE, OPEN
from worker.chat.tool_call import CALL_CLOSE, CALL_OPEN
from worker.chat.tool_values import json_types, listed
from worker.engine.port import Constraint

_MOST_CALLS = 16  # a model that may call in parallel must not do so for ever
_PARAMETER = r"[^<>\r\n]{1,128}"  # a name as `XmlCall` reads it from between `<parameter=` and `>`
_ANY_OBJECT: dict[str, Any] = {"type": "object"}
# One way to write JSON in a call: the one that Qwen's templates show. In an answer line breaks are allowed too, but
# few: white space is the one thing that a grammar lets a confused model repeat for ever.
_CALL_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": True}
_ANSWER_STYLE = {"whitespace_pattern": r"[ ]|\r?\n[ \t]{0,32}", "lenient": True}


@dataclass
class _Grammar:
    special: dict[str, int]
    format: ChatFormat
    _names: dict[str, str] = field(default_factory=dict)  # body of a rule -> its name

    def rule(self, name: str, body: str, lazy: bool = False) -> str:
        """The name of a rule with this body: an earlier one if there is one, as many parameters are alike."""
        return self._names.setdefault(body, f"{name}[lazy]" if lazy else name).removesuffix("[lazy]")

    @property
    def rules(self) -> list[str]:
        return [f"{name}: {body}" for body, name in self._names.items()]

    def tag(self, text: str) -> str:
        """A tag as its token if the vocabulary has one, else as text."""
        return f"<[{self.special[text]}]>" if text in self.special else _text(text)

    def value(self, schema: dict[str, Any], style: dict[str, Any]) -> str:
        return "%json " + json.dumps({**schema, "x-guidance": style})


def check(request: ChatRequest, format: ChatFormat) -> None:
    """Refuse schemas that must not reach a grammar compiler, parameters that no call of this format can name, and a
    choice of a tool that was not declared.

    Raises SupernetError(INVALID_REQUEST) that names the field.
    """
    for tool in request.tools:
        check_schema(tool.parameters, "tools")
        if format == "qwen-xml":
            _check_names(tool)
    if request.json_schema is not None:
        check_schema(request.json_schema, "response_format")
    if request.tool_choice == "required" and not request.tools:
        raise SupernetError(
            ErrorCode.INVALID_REQUEST, "tool_choice is 'required' but no tools are declared.", param="tools"
        )
    if request.tool_choice.startswith("name:") and not _chosen(request):
        raise SupernetError(
            ErrorCode.INVALID_REQUEST, "tool_choice names a tool that is not declared.", param="tool_choice"
        )


def _check_names(tool: Tool) -> None:
    properties = tool.parameters.get("properties")
    for name in properties if isinstance(properties, dict) else ():
        if not re.fullmatch(_PARAMETER, name) or name != name.strip():
            raise SupernetError(
                ErrorCode.INVALID_REQUEST,
                f"Invalid 'tools': this model cannot name the parameter {name[:64]!r} of '{tool.name}' in a call. "
                "Rename it: 1 to 128 characters, no '<', '>' or line break, and no white space at either end.",
                param="tools",
            )


def constraint(
    request: ChatRequest, format: ChatFormat, special: dict[str, int], in_reasoning: bool
) -> Constraint | None:
    """The constraint of a checked request; None if the answer is free.

    Inside an open thought the grammar begins behind `</think>`, or with a `<tool_call>` that ends the thought. Where
    the model opens its thought itself the grammar begins with an optional thought.
    """
    body = _Grammar(special, format)
    alternatives = _alternatives(body, request)
    if not alternatives:
        return None
    after = special.get(CLOSE) if in_reasoning else None
    start = " | ".join(alternatives)
    if after is not None:
        start = f"BREAK ({start})"
    elif request.thinking and OPEN in special and CLOSE in special:
        body.rule("thought", f"{body.tag(OPEN)} TEXT {body.tag(CLOSE)} BREAK")
        start = f"thought? ({start})"
    rules = [f"start: {start}", *body.rules, r"TEXT: /(?s:.*)/", r"BREAK: /[ \r\n]{0,4}/"]
    call = special.get(CALL_OPEN) if after is not None and _chosen(request) else None
    return Constraint(plain("%llguidance {}\n" + "\n".join(rules) + "\n"), after, call)


def constrained_by(request: ChatRequest) -> str | None:
    """The field of the request that its grammar comes from; None if it may be either of two."""
    if request.json_schema is None or request.tool_choice not in ("auto", "none"):
        return "tools"
    return None if _chosen(request) else "response_format"


def _alternatives(grammar: _Grammar, request: ChatRequest) -> list[str]:
    free = request.tool_choice == "auto"
    tools = _chosen(request)
    if tools and not free:
        return [_calls(grammar, tools, request.parallel_tool_calls)]
    found = []
    if request.json_schema is not None:
        found.append(grammar.rule("answer", grammar.value(request.json_schema or _ANY_OBJECT, _ANSWER_STYLE)))
        if tools:
            found.append(_calls(grammar, tools, request.parallel_tool_calls))
    elif any(tool.strict for tool in tools):
        found.append(_text_and_calls(grammar, tools, request.parallel_tool_calls))
    return found


def _chosen(request: ChatRequest) -> tuple[Tool, ...]:
    if request.tool_choice == "none":
        return ()
    name = request.tool_choice.removeprefix("name:")
    if name != request.tool_choice:
        return tuple(tool for tool in request.tools if tool.name == name)
    return request.tools


def _calls(grammar: _Grammar, tools: tuple[Tool, ...], parallel: bool) -> str:
    """Nothing but calls: they are demanded, so their arguments are exact whether the tool is strict or not."""
    call = grammar.rule("call", f"{grammar.tag(CALL_OPEN)} {_rest_of_call(grammar, tools, all_exact=True)}")
    return grammar.rule("calls", f'{call} ("\\n" {call}){{0,{_MOST_CALLS - 1}}}' if parallel else call)


def _text_and_calls(grammar: _Grammar, tools: tuple[Tool, ...], parallel: bool) -> str:
    """Free text in which `<tool_call>` begins a call that must then be right."""
    rest = _rest_of_call(grammar, tools, all_exact=False)
    if CALL_OPEN in grammar.special:
        head = f"TEXT {grammar.tag(CALL_OPEN)}"
    else:
        head = grammar.rule("head", f"TEXT {_text(CALL_OPEN)}", lazy=True)
    call = grammar.rule("call", f"{head} {rest}")
    return grammar.rule("mixed", f"{call}{{0,{_MOST_CALLS}}} TEXT" if parallel else f"{call} | TEXT")


def _rest_of_call(grammar: _Grammar, tools: tuple[Tool, ...], all_exact: bool) -> str:
    """Everything behind `<tool_call>`. A tool that is neither strict nor demanded may have any arguments."""
    write = _json_call if grammar.format == "qwen-json" else _xml_call
    bodies = [
        grammar.rule(f"tool_{i}", write(grammar, i, tool, all_exact or tool.strict)) for i, tool in enumerate(tools)
    ]
    return grammar.rule("rest", f'"\\n" ({" | ".join(bodies)}) "\\n" {grammar.tag(CALL_CLOSE)}')


def _json_call(grammar: _Grammar, index: int, tool: Tool, exact: bool) -> str:
    schema = {**_ANY_OBJECT, **tool.parameters} if exact else _ANY_OBJECT
    opening = '{"name": ' + json.dumps(tool.name, ensure_ascii=False) + ', "arguments": '
    return f'{_text(opening)} {grammar.value(schema, _CALL_STYLE)} "}}"'


def _xml_call(grammar: _Grammar, index: int, tool: Tool, exact: bool) -> str:
    """Exact parameters come in the order of the schema, as those of a JSON object do in llguidance."""
    parts = [_text(f"<function={tool.name}>\n")]
    properties = tool.parameters.get("properties")
    if exact and isinstance(properties, dict):
        required = tool.parameters.get("required")
        for number, (name, schema) in enumerate(properties.items()):
            value = _xml_value(grammar, f"value_{index}_{number}", tool, schema)
            parameter = grammar.rule(f"parameter_{index}_{number}", f"{_text(f'<parameter={name}>{_NL}')} {value}")
            parts.append(parameter if isinstance(required, list) and name in required else parameter + "?")
    elif not exact:
        value = grammar.rule("text", _UNTIL_CLOSED, lazy=True)
        parts.append(f'("<parameter=" /{_PARAMETER}/ ">\\n" {value}){{0,64}}')
    return " ".join([*parts, '"</function>"'])


_NL = "\n"
_UNTIL_CLOSED = r"/(?s:.*)\n<\/parameter>\n/"


def _xml_value(grammar: _Grammar, name: str, tool: Tool, schema: object) -> str:
    """A value and its closing tag: one of those that the schema lists if there are texts among them, else raw text
    where text is allowed, else JSON."""
    fields = schema if isinstance(schema, dict) else {}
    allowed = listed(schema, tool.parameters) or []
    if any(isinstance(value, str) for value in allowed):
        written = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in allowed]
        return grammar.rule(name, " | ".join(_text(f"{value}\n</parameter>\n") for value in dict.fromkeys(written)))
    if "string" in json_types(schema, tool.parameters):
        return grammar.rule("text", _UNTIL_CLOSED, lazy=True)
    defined: dict[str, Any] = {w: tool.parameters[w] for w in ("$defs", "definitions") if w in tool.parameters}
    return grammar.rule(name, f"{grammar.value({**defined, **fields}, _CALL_STYLE)} {_text(f'{_NL}</parameter>{_NL}')}")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
