"""Schemas of what the readers take raw and check themselves. The bounds are the readers' own names for them.

tests/tools/test_openapi.py holds each of them against the readers: what is inside is taken, what is outside is
refused.
"""

from typing import Any

from coordinator.openai import chat_request, platform, thoughts, tools
from coordinator.openai.images import MEDIA_TYPES
from coordinator.openai.responses import fields as responses_fields
from coordinator.openai.responses import items as responses_input
from coordinator.openai.responses.request import LOGPROBS
from coordinator.openai.thinking import BUDGETS
from wire.chat import MAX_LOGIT_BIAS, MAX_STOP_CHARS, MAX_STOPS
from wire.pictures import LOW_TOKENS, MAX_BYTES, MAX_BYTES_TOGETHER, MAX_PICTURES, MOST_TOKENS

Schema = dict[str, Any]

SELF: Schema = {"$see": ""}  # stands for the schema of the objects that were read at this very place
ITEMS: Schema = {"$see": "[]"}  # and for those inside of it

_JSON_SCHEMA: Schema = {"type": "object", "description": "A JSON Schema, of at most 64 KiB and 32 levels."}
_PARAMETERS: Schema = {**_JSON_SCHEMA, "properties": {"type": {"const": "object"}}}
_TEXT: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": ITEMS}]}
# No pattern: in a tool's result, which no reader's place tells apart, what is no picture is taken and left out.
_URI: Schema = {
    "type": "string",
    "description": (
        "A picture as a data URI, 'data:image/png;base64,' and its bytes: JPEG, PNG, WebP, or the first frame of a "
        f"GIF. At most {MAX_PICTURES} in a request, {MAX_BYTES // 2**20} MiB each and {MAX_BYTES_TOGETHER // 2**20} "
        "MiB together. In a tool's result one that cannot be read is left out, and said in the answer's `warnings`."
    ),
}
_WORD: Schema = {"enum": list(tools.CHOICES)}
_TYPED: Schema = {"type": "object", "properties": {"type": _WORD}, "required": ["type"], "additionalProperties": False}
_CHOICE: Schema = {"anyOf": [_WORD, _TYPED, SELF]}
_ECHO: Schema = {
    "anyOf": [{"type": "string"}, {"type": "array"}],
    "description": "The thought of an earlier answer, in another server's words. What is sealed in it is left out.",
}
_ARGUMENTS: Schema = {"anyOf": [{"type": "string"}, {"type": "object"}], "description": "JSON, or the object itself."}
_SOME: Schema = {"not": {"const": 0}}
_STOP: Schema = {"type": "string", "maxLength": MAX_STOP_CHARS}
_LABEL: Schema = {"type": "string", "maxLength": chat_request.MAX_LABEL_CHARS}

_BOTH: dict[str, Schema] = {
    "stop": {"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": MAX_STOPS}]},
    "logit_bias": {
        "type": "object",
        "maxProperties": MAX_LOGIT_BIAS,
        "propertyNames": {"pattern": "^[0-9]{1,9}$"},
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
        "description": "Token id -> bias. An id that the model's vocabulary does not have is refused.",
    },
    "metadata": {
        "type": "object",
        "maxProperties": chat_request.MAX_METADATA,
        "propertyNames": {"maxLength": 64},
        "additionalProperties": _LABEL,
    },
    "sogni_tools": {"enum": [*platform.WANTED, *platform.UNWANTED]},
    "think": {"anyOf": [{"type": "boolean"}, {"enum": list(BUDGETS)}]},
    "token_type": {"enum": ["auto", "spark", "sogni"]},
    "tool_choice": _CHOICE,
}

CHAT: dict[str, Schema] = _BOTH | {
    "messages[].content": _TEXT,
    "messages[].content[].image_url": {"anyOf": [_URI, SELF]},
    "messages[].tool_calls[].function.arguments": _ARGUMENTS,
    "tools[].function.parameters": _PARAMETERS,
    "response_format.schema": _JSON_SCHEMA,
    "response_format.json_schema.schema": _JSON_SCHEMA,
    **{
        f"messages[].{name}": _ECHO
        for name in (
            *("reasoning_content", "reasoning", "reasoning_text", "reasoning_details", "thinking_blocks"),
            *(f"content[].{key}" for key in thoughts.KEYS),
        )
    },
}

RESPONSES: dict[str, Schema] = _BOTH | {
    "input": {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "minItems": 1, "maxItems": responses_input.MAX_ITEMS, "items": ITEMS},
        ]
    },
    "input[].content": _TEXT,
    "input[].output": _TEXT,
    "input[].summary": _TEXT,
    "input[].arguments": _ARGUMENTS,
    "input[].action": {"type": "object"},
    "tools[].parameters": _PARAMETERS,
    "tools[].tools[].parameters": _PARAMETERS,
    "text.format.schema": _JSON_SCHEMA,
}

MESSAGES: dict[str, Schema] = {
    **{name: _BOTH[name] for name in ("logit_bias", "token_type")},
    "stop_sequences": _BOTH["stop"],
    "system": _TEXT,
    "messages[].content": _TEXT,
    "messages[].content[].content": _TEXT,
    "messages[].content[].content[].content": _TEXT,
    "messages[].content[].content[].tabs": {},
    "messages[].content[].content[].state_changes": {},
    "messages[].content[].tool.definition.type": {"enum": ["custom"]},
    "messages[].content[].input": {"type": "object"},
    "tools[].type": {"enum": ["custom"]},
    "messages[].content[].tool.definition.input_schema": _PARAMETERS,
    "tools[].input_schema": _PARAMETERS,
    "output_format.schema": _JSON_SCHEMA,
    "output_config.format.schema": _JSON_SCHEMA,
    "metadata": {"type": "object", "properties": {"user_id": _LABEL}},
    "context_management": {"type": "object", "properties": {"edits": {"type": "array"}}},
}

_DETAIL: Schema = {
    "description": f"'low': at most {LOW_TOKENS} tokens of the prompt; all others: at most {MOST_TOKENS}."
}
_SOURCE: dict[str, Schema] = {
    "media_type": {"description": f"One of {', '.join(MEDIA_TYPES)}."},
    "data": {"description": "The bytes in base64: see the data URI of a chat completion."},
}

_FILE: Schema = {
    "description": "A picture, sound or film for the platform tools, as a data URI or in base64 alone. The model is "
    "told of it by a handle, such as media:1. Refused where no tool is declared that takes such a thing."
}
_REFERENCES: dict[str, Schema] = {
    "media_references": {"description": "Pictures, sounds and films for the platform tools, beside the messages."},
    **{
        f"media_references[].{name}": {"description": "A data URI, or a link of media that is kept here. One of three."}
        for name in ("url", "value", "data")
    },
}

# What a reader checks beyond the kind that it asks for: joined to the schema of that kind.
MORE_CHAT: dict[str, Schema] = {
    **_REFERENCES,
    "messages[].content[].input_audio.data": _FILE,
    "messages[].content[].file.file_data": _FILE,
    "messages[].content[].file.file_url": {"description": "A link of media that is kept here."},
    "messages[].content[].image_url.url": _URI,
    "messages[].content[].image_url.detail": _DETAIL,
    "messages": {"minItems": 1},
    "tools": {"description": f"At most {tools.MAX_TOOLS_BYTES // 1024} KiB in all; no name twice."},
    "max_completion_tokens": {**_SOME, "description": "The same as 'max_tokens': send one."},
    "max_tokens": {
        **_SOME,
        "description": "Of the answer, its thought included. -1, or too many: the model's own limit.",
    },
    "min_tokens": {"description": "As many as 'max_tokens' is 'ignore_eos'. Fewer are not held: `warnings` says so."},
    "enable_thinking": {"description": "The same as in 'chat_template_kwargs'."},
    "thinking": {"description": "The same in the words of Anthropic's API and GLM's."},
    "thinking_budget": {"description": "Tokens after which the thought is closed; 0 is no thought, -1 no such bound."},
    "reasoning": {"description": "The same in the words of OpenRouter's API."},
    "repeat_penalty": {"description": "The same as 'repetition_penalty'."},
    "seed": {"description": "-1 asks for a random one, as leaving it out does."},
    "top_logprobs": {"description": "Needs 'logprobs'."},
    "stream_options": {"description": "Of an answer that is sent whole, nothing: it always has its usage."},
    "stream_options.include_tool_progress": {"description": "Chunks that say how far a platform tool is."},
    "stream_options.continuous_usage_stats": {"description": "Usage in every chunk. Needs 'include_usage'."},
    "ignore_eos": {"description": "Go on to 'max_tokens' whatever the model says: for load tests."},
    "task_profile": {"description": "The model card's preset; explicit fields win. With a developer message: coding."},
    "chat_template_kwargs": {"description": "Whether the model thinks, and whether earlier thoughts are shown to it."},
    "reasoning_effort": {"description": "'none' is no thought; minimal, low and medium bound it (1024, 4096, 16384)."},
    "model": {"description": "An id of GET /v1/models. Without it the catalog's default answers."},
}

MORE_RESPONSES: dict[str, Schema] = {
    **{f"input[].{place}[].image_url": _URI for place in ("content", "output")},
    **{f"input[].{place}[].detail": _DETAIL for place in ("content", "output")},
    **_REFERENCES,
    "input[].content[].input_audio.data": _FILE,
    "input[].content[].file_data": _FILE,
    "input[].content[].file_url": {"description": "A link of media that is kept here."},
    "include": {"items": {"enum": [LOGPROBS, *responses_fields.INCLUDED]}},
    "tools[].size": {"description": "Of pictures: the nearest that the pipeline makes is drawn."},
    "tools[].model": {"description": "The pipeline that draws: another one does if no worker serves it."},
    "tools[].partial_images": {"description": "Unfinished pictures on the way, in a stream."},
    "input[].encrypted_content": {"description": "What another server sealed cannot be read here, and is left out."},
    "max_output_tokens": MORE_CHAT["max_tokens"],
    **{name: MORE_CHAT[name] for name in ("tools", "seed", "ignore_eos", "task_profile", "chat_template_kwargs")},
    **{name: MORE_CHAT[name] for name in ("min_tokens", "enable_thinking", "thinking", "thinking_budget")},
    "repeat_penalty": MORE_CHAT["repeat_penalty"],
    "model": MORE_CHAT["model"],
    "stream_options": MORE_CHAT["stream_options"],
}

MORE_MESSAGES: dict[str, Schema] = {
    **{
        f"messages[].{place}.source.{name}": schema
        for place in ("content[]", "content[].content[]")
        for name, schema in _SOURCE.items()
    },
    "messages": {"minItems": 1},
    "thinking": {"description": "The model thinks where this asks for it."},
    **{name: MORE_CHAT[name] for name in ("tools", "max_tokens", "seed", "task_profile", "model")},
}
