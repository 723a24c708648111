"""Bodies beside the probes of tools/compat, so that every kind of object is shown once; some are the document's
examples."""

from typing import Any

Body = dict[str, Any]

_USER = {"role": "user", "content": "What is the weather in Paris?"}
_WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}

EXAMPLES_CHAT: dict[str, Body] = {
    "a question": {"messages": [{"role": "system", "content": "Be brief."}, _USER], "stream": True},
    "a tool": {
        "messages": [_USER],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": _WEATHER}}],
        "tool_choice": "required",
    },
    "its result": {
        "messages": [
            _USER,
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "18 degrees, rain"}]},
        ]
    },
    "JSON by a schema": {
        "messages": [_USER],
        "response_format": {"type": "json_schema", "json_schema": {"name": "weather", "schema": _WEATHER}},
    },
}

CHAT: list[Body] = [
    *EXAMPLES_CHAT.values(),
    *(
        {"messages": [{"role": role, "content": [{"type": "text", "text": "x"}]}]}
        for role in ("system", "developer", "user", "assistant")
    ),
    {"response_format": {"type": "text"}},
]

EXAMPLES_RESPONSES: dict[str, Body] = {
    "a question": {"instructions": "Be brief.", "input": "What is the weather in Paris?", "stream": True},
    "a tool": {
        "input": [{"type": "message", **_USER}],
        "tools": [{"type": "function", "name": "weather", "parameters": _WEATHER}],
    },
    "its result": {
        "input": [
            _USER,
            {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "18 degrees, rain"},
        ]
    },
}


def _parts(role: str, *kinds: str) -> Body:
    parts = [{"type": kind, "refusal" if kind == "refusal" else "text": "x"} for kind in kinds]
    return {"input": [{"type": "message", "role": role, "content": parts}]}


RESPONSES: list[Body] = [
    *EXAMPLES_RESPONSES.values(),
    *(_parts(role, "input_text", "output_text") for role in ("user", "system", "developer")),
    _parts("assistant", "input_text", "output_text", "refusal"),
    {
        "input": [
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_text", "text": "x"}, {"type": "output_text", "text": "x"}],
            }
        ]
    },
    {"tools": [{"type": "web_search"}]},
    {"stream": True, "stream_options": {"include_obfuscation": False}},
    {"text": {"format": {"type": "text"}}},
]
