"""Grammars that make an answer be what was asked for: a call, calls with exact arguments, or JSON by a schema."""

import json
from dataclasses import dataclass

from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Tool
from wire.errors import ErrorCode, SupernetError, invalid
from wire.schema_keywords import not_strict
from wire.schema_limits import check_schema
from worker.chat.grammar_rules import ANSWER_STYLE, ANY_OBJECT, CALL_STYLE, Rules, text
from worker.chat.grammar_xml import check_names, xml_call
from worker.chat.prepared import Unheld
from worker.chat.surrogates import plain
from worker.chat.thought import CLOSE, OPEN
from worker.chat.tool_call import CALL_CLOSE, CALL_OPEN
from worker.engine.constraint import Constraint

_MOST_CALLS = 16  # a model that may call in parallel must not do so for ever


@dataclass(frozen=True)
class Constrained:
    """What holds the answer, and what of its schemas does not."""

    constraint: Constraint
    unheld: tuple[Unheld, ...]


def check(request: ChatRequest, format: ChatFormat) -> None:
    """Refuse schemas that must not reach a grammar compiler, parameters that no call of this format can name, and a
    choice of a tool that was not declared.

    Raises SupernetError(INVALID_REQUEST) that names the field.
    """
    for tool in request.tools:
        check_schema(tool.parameters, "tools")
        if format == "qwen-xml":
            check_names(tool)
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


def constrained(
    request: ChatRequest, format: ChatFormat, special: dict[str, int], in_reasoning: bool
) -> Constrained | None:
    """The constraint of a checked request; None if the answer is free.

    Inside an open thought the grammar begins behind `</think>`, or with a `<tool_call>` that ends the thought. Where
    the model opens its thought itself the grammar begins with an optional thought.
    """
    body = Rules(special, format)
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
    _refuse_unheld(request, body.unheld)
    return Constrained(Constraint(plain("%llguidance {}\n" + "\n".join(rules) + "\n"), after, call), body.unheld)


def _refuse_unheld(request: ChatRequest, unheld: tuple[Unheld, ...]) -> None:
    """Refuse what is strict. A coordinator does so too, but knows nothing of how this model writes a call."""
    strict = {tool.name for tool in request.tools if tool.strict}
    for of, gaps in ((one.tool, one.gaps) for one in unheld):
        if of in strict:
            raise invalid("tools", f"Invalid 'tools': in calls of '{of}' by this model {not_strict(gaps)}")
        if of is None and request.json_schema_strict:
            raise invalid("response_format", f"Invalid 'response_format': {not_strict(gaps)}")


def constrained_by(request: ChatRequest) -> str | None:
    """The field of the request that its grammar comes from; None if it may be either of two."""
    if request.json_schema is None or request.tool_choice not in ("auto", "none"):
        return "tools"
    return None if _chosen(request) else "response_format"


def _alternatives(grammar: Rules, request: ChatRequest) -> list[str]:
    free = request.tool_choice == "auto"
    tools = _chosen(request)
    if tools and not free:
        return [_calls(grammar, tools, request.parallel_tool_calls)]
    found = []
    if request.json_schema is not None:
        found.append(grammar.rule("answer", grammar.value(request.json_schema or ANY_OBJECT, ANSWER_STYLE, None)))
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


def _calls(grammar: Rules, tools: tuple[Tool, ...], parallel: bool) -> str:
    """Nothing but calls: they are demanded, so their arguments are exact whether the tool is strict or not."""
    call = grammar.rule("call", f"{grammar.tag(CALL_OPEN)} {_rest_of_call(grammar, tools, all_exact=True)}")
    return grammar.rule("calls", f'{call} ("\\n" {call}){{0,{_MOST_CALLS - 1}}}' if parallel else call)


def _text_and_calls(grammar: Rules, tools: tuple[Tool, ...], parallel: bool) -> str:
    """Free text in which `<tool_call>` begins a call that must then be right."""
    rest = _rest_of_call(grammar, tools, all_exact=False)
    if CALL_OPEN in grammar.special:
        head = f"TEXT {grammar.tag(CALL_OPEN)}"
    else:
        head = grammar.rule("head", f"TEXT {text(CALL_OPEN)}", lazy=True)
    call = grammar.rule("call", f"{head} {rest}")
    return grammar.rule("mixed", f"{call}{{0,{_MOST_CALLS}}} TEXT" if parallel else f"{call} | TEXT")


def _rest_of_call(grammar: Rules, tools: tuple[Tool, ...], all_exact: bool) -> str:
    """Everything behind `<tool_call>`. A tool that is neither strict nor demanded may have any arguments."""
    write = _json_call if grammar.format == "qwen-json" else xml_call
    bodies = [
        grammar.rule(f"tool_{i}", write(grammar, i, tool, all_exact or tool.strict)) for i, tool in enumerate(tools)
    ]
    return grammar.rule("rest", f'"\\n" ({" | ".join(bodies)}) "\\n" {grammar.tag(CALL_CLOSE)}')


def _json_call(grammar: Rules, index: int, tool: Tool, exact: bool) -> str:
    schema = {**ANY_OBJECT, **tool.parameters} if exact else ANY_OBJECT
    opening = '{"name": ' + json.dumps(tool.name, ensure_ascii=False) + ', "arguments": '
    return f'{text(opening)} {grammar.value(schema, CALL_STYLE, tool.name)} "}}"'
