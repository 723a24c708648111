"""The probes of the Messages API: for every field that means something a body without it and one with it."""

from typing import Any

from tools.compat.file_probes import PIXEL
from tools.compat.probes import CHAT, Body, Probe

MESSAGES_BASE: Body = {"model": "one", "messages": [{"role": "user", "content": "x"}]}

# Read by the same readers, and called as in chat completions.
_SHARED = (
    *("model", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty"),
    *("repeat_penalty", "logit_bias", "seed", "stream", "token_type", "max_tokens", "messages", "messages[].content"),
)

_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
_USER = {"role": "user", "content": "x"}
_TOOL = {"name": "f", "input_schema": {"type": "object"}}
_TEXT = {"type": "text", "text": "y"}
_USE = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
_RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "r"}
_FOUND = {"type": "tool_reference", "tool_name": "f"}
_BROWSER = {"type": "browser_state", "tabs": [{"tab_id": "t"}]}
_SEARCHED = {"type": "search_result", "content": [_TEXT]}
_THINKS = {"type": "adaptive"}
_SOURCE = {"type": "base64", "media_type": "image/png", "data": PIXEL}
_IMAGE = {"type": "image", "source": _SOURCE}


def _add(**fields: Any) -> Probe:
    return {}, fields


def _block(block: Body, role: str = "user", **fields: Any) -> Probe:
    return tuple({"messages": [_USER, {"role": role, "content": [each]}]} for each in (block, block | fields))  # type: ignore[return-value]


def _tool(**fields: Any) -> Probe:
    return {"tools": [_TOOL]}, {"tools": [_TOOL | fields]}


def _choice(**fields: Any) -> Probe:
    return {"tools": [_TOOL]}, {"tools": [_TOOL], "tool_choice": {"type": "auto", **fields}}


def _definition(**fields: Any) -> Body:
    return {"type": "tool_definition", "definition": {"name": "g", "input_schema": {}} | fields}


def _change(**fields: Any) -> Probe:
    block = {"type": "tool_addition", "tool": _definition()} | fields
    return {"tools": [_TOOL]}, {"tools": [_TOOL], "messages": [_USER, {"role": "system", "content": [block]}]}


MESSAGES: dict[str, Probe] = {name: CHAT[name] for name in _SHARED} | {
    "messages[].role": _add(messages=[{"role": "assistant", "content": "x"}]),
    "messages[].content[].text": _block(_TEXT, text="z"),
    "messages[].content[].thinking": _block({"type": "thinking", "thinking": "t"}, "assistant", thinking="s"),
    "messages[].content[].id": _block(_USE, "assistant", id="d"),
    "messages[].content[].name": _block(_USE, "assistant", name="g"),
    "messages[].content[].input": _block(_USE, "assistant", input={"a": 1}),
    "messages[].content[].tool_use_id": _block(_RESULT, tool_use_id="d"),
    "messages[].content[].is_error": _block(_RESULT, is_error=True),
    "messages[].content[].content": _block(_RESULT, content="s"),
    "messages[].content[].content[].text": _block(_RESULT, content=[_TEXT]),
    **{
        f"messages[].content[].{name}": _add(messages=[{"role": "user", "content": [_IMAGE]}])
        for name in ("source", "source.media_type", "source.data")
    },
    **{
        f"messages[].content[].content[].source.{name}": (
            _block(_RESULT, content=[_IMAGE | {"source": _SOURCE | {name: "x"}}])[1],
            _block(_RESULT, content=[_IMAGE])[1],
        )
        for name in ("media_type", "data")
    },
    "messages[].content[].content[].tabs": _block(_RESULT, content=[_BROWSER]),
    "messages[].content[].content[].state_changes": _block(_RESULT, content=[_BROWSER | {"state_changes": [{}]}]),
    "messages[].content[].title": _block(_SEARCHED, title="t"),
    "messages[].content[].content[].title": _block(_RESULT, content=[_SEARCHED | {"title": "t"}]),
    "messages[].content[].content[].source": _block(_RESULT, content=[_SEARCHED | {"source": "s"}]),
    "messages[].content[].content[].content": _block(_RESULT, content=[_SEARCHED]),
    "messages[].content[].content[].content[].text": _block(_RESULT, content=[_SEARCHED]),
    "system": _add(system="s"),
    "system[].text": _add(system=[_TEXT]),
    "stop_sequences": _add(stop_sequences=["z"]),
    "metadata": _add(metadata={"user_id": "u"}),
    "thinking": _add(thinking=_THINKS),
    "task_profile": ({"thinking": _THINKS}, {"thinking": _THINKS, "task_profile": "coding"}),
    "thinking.budget_tokens": (
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "enabled", "budget_tokens": 99}},
    ),
    "output_config.effort": ({"thinking": _THINKS}, {"thinking": _THINKS, "output_config": {"effort": "low"}}),
    "output_config.format": _add(output_config={"format": {"type": "json_schema", "schema": {}}}),
    "output_config.format.schema": _add(output_config={"format": {"type": "json_schema", "schema": _SCHEMA}}),
    "output_format": _add(output_format={"type": "json_schema", "schema": {}}),
    "output_format.schema": _add(output_format={"type": "json_schema", "schema": _SCHEMA}),
    "context_management": _add(context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}),
    "tools": _add(tools=[_TOOL]),
    "tools[].name": _tool(name="g"),
    "tools[].description": _tool(description="d"),
    "tools[].input_schema": _tool(input_schema=_SCHEMA),
    "tools[].defer_loading": _tool(defer_loading=True),
    "messages[].content[].content[].tool_name": (
        {"tools": [_TOOL | {"defer_loading": True}]},
        {
            "tools": [_TOOL | {"defer_loading": True}],
            "messages": [{"role": "user", "content": [_RESULT | {"content": [_FOUND]}]}],
        },
    ),
    "messages[].content[].tool": _change(),
    "messages[].content[].tool.name": _change(tool={"type": "tool_reference", "name": "f"}, type="tool_removal"),
    "messages[].content[].tool.definition": _change(),
    **{
        f"messages[].content[].tool.definition.{name}": _change(tool=_definition(**{name: value}))
        for name, value in (("name", "h"), ("description", "d"), ("input_schema", _SCHEMA), ("strict", True))
    },
    "tools[].strict": _tool(strict=True),
    "tool_choice": _choice(type="any"),
    "tool_choice.name": _choice(type="tool", name="f"),
    "tool_choice.disable_parallel_tool_use": _choice(disable_parallel_tool_use=True),
}

# Refused inside of something: a body that has it.
MESSAGES_REFUSED: dict[str, Body] = {
    "messages[].content[].source of type url or file": {
        "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}]}]
    },
    "tools[] of another type, and no other": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
}
