"""Bodies beside the probes of tools/compat, so that every kind of object is shown once; some are the document's
examples."""

from typing import Any

from coordinator.media.handles import KINDS
from coordinator.openai import thinking
from tools.compat.file_probes import LINK, PICTURE, PIXEL, SOUND

Body = dict[str, Any]

_USER = {"role": "user", "content": "What is the weather in Paris?"}
_WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}

_WHAT = "What is in this picture?"
_SHOWN = {"type": "image_url", "image_url": {"url": PICTURE, "detail": "auto"}}
_INPUT_IMAGE = {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
_BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}

_HEARD = {"type": "input_audio", "input_audio": {"data": SOUND, "format": "mp3"}}
_REFERENCES: list[Body] = [{"media_references": [{"kind": kind, "url": LINK}]} for kind in KINDS]

_THINKING: list[Body] = [{"thinking": {"type": type}} for type in thinking.SWITCH]

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
    "a picture": {"messages": [{"role": "user", "content": [{"type": "text", "text": _WHAT}, _SHOWN]}]},
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
    {"messages": [_USER, {"role": "tool", "tool_call_id": "c", "content": [_SHOWN]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": PICTURE}]}]},
    {"messages": [{"role": "user", "content": [_HEARD, {"type": "file", "file": {"file_data": PICTURE}}]}]},
    *_REFERENCES,
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_schema", "schema": _WEATHER}},
    *_THINKING,
    {"tools": [{"type": "web_search"}]},
    {"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}]},
    {"messages": [{"role": "assistant", "content": [{"type": "reasoning", "text": "x"}]}]},
    {"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking"}]}]},
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
    "a picture": {"input": [{"role": "user", "content": [{"type": "input_text", "text": _WHAT}, _INPUT_IMAGE]}]},
}


def _parts(role: str, *kinds: str) -> Body:
    parts = [{"type": kind, "refusal" if kind == "refusal" else "text": "x"} for kind in kinds]
    return {"input": [{"type": "message", "role": role, "content": parts}]}


RESPONSES: list[Body] = [
    *EXAMPLES_RESPONSES.values(),
    *(_parts(role, "input_text", "output_text") for role in ("user", "system", "developer")),
    _parts("assistant", "input_text", "output_text", "refusal"),
    *(
        {
            "input": [
                {
                    "type": kind,
                    "call_id": "c",
                    "output": [{"type": "input_text", "text": "x"}, {"type": "output_text", "text": "x"}, _INPUT_IMAGE],
                }
            ]
        }
        for kind in ("function_call_output", "custom_tool_call_output", "local_shell_call_output")
    ),
    {"input": [{"role": "user", "content": [_HEARD, {"type": "input_file", "file_data": PICTURE}]}]},
    *_REFERENCES,
    {"tools": [{"type": "web_search"}]},
    {"tools": [{"type": "namespace", "name": "s", "tools": [{"type": "custom"}, {"type": "function", "name": "f"}]}]},
    *_THINKING,
    {"input": [_USER, {"type": "web_search_call"}]},
    {"input": [_USER, {"type": "reasoning", "summary": [], "encrypted_content": "x"}]},
    {"input": [{"type": "local_shell_call_output", "id": "c", "output": "x"}]},
    {"stream": True, "stream_options": {"include_obfuscation": False}},
    {"text": {"format": {"type": "text"}}},
]

EXAMPLES_MESSAGES: dict[str, Body] = {
    "a question": {"system": "Be brief.", "messages": [_USER], "max_tokens": 1024, "stream": True},
    "a tool": {
        "messages": [_USER],
        "max_tokens": 1024,
        "tools": [{"name": "weather", "input_schema": _WEATHER}],
        "tool_choice": {"type": "any"},
    },
    "its result": {
        "messages": [
            _USER,
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "18 degrees, rain"}],
            },
        ],
        "max_tokens": 1024,
    },
    "a picture": {
        "messages": [{"role": "user", "content": [_BLOCK, {"type": "text", "text": _WHAT}]}],
        "max_tokens": 1024,
    },
}


def _result(*blocks: Body) -> Body:
    return {
        "messages": [
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": list(blocks)}]}
        ]
    }


_SEARCHED = {"type": "search_result", "title": "x", "source": "x", "content": [{"type": "text", "text": "x"}]}
_DEFINITION = {"type": "tool_definition", "definition": {"type": "custom", "name": "f", "input_schema": {}}}
MESSAGES: list[Body] = [
    *EXAMPLES_MESSAGES.values(),
    *({"messages": [{"role": role, "content": [{"type": "text", "text": "x"}]}]} for role in ("user", "system")),
    *(
        {"messages": [{"role": "assistant", "content": [block]}]}
        for block in (
            {"type": "text", "text": "x"},
            {"type": "thinking", "thinking": "x"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "compaction", "content": "x", "signature": "x", "encrypted_content": "x", "tool_changes": []},
        )
    ),
    _result({"type": "text", "text": "x"}, _BLOCK, {"type": "document", "source": {}}),
    _result({"type": "tool_reference", "tool_name": "f"}, _SEARCHED, {"type": "browser_state", "tabs": []}),
    {"messages": [{"role": "user", "content": [_SEARCHED]}]},
    *(
        {"messages": [{"role": "system", "content": [{"type": type, "tool": tool}]}]}
        for type in ("tool_addition", "tool_removal")
        for tool in ({"type": "tool_reference", "name": "f"},)
    ),
    {"messages": [{"role": "system", "content": [{"type": "tool_addition", "tool": _DEFINITION}]}]},
    {"tools": [{"type": "custom", "name": "f", "input_schema": {}}]},
    *({"thinking": {"type": type}} for type in ("enabled", "adaptive", "disabled", "between_tools")),
    *(
        {"tools": [{"name": "f", "input_schema": {}}], "tool_choice": choice}
        for choice in ({"type": "auto"}, {"type": "any"}, {"type": "none"}, {"type": "tool", "name": "f"})
    ),
]
