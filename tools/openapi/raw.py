"""Schemas of what the readers take raw and check themselves. The bounds are the readers' own names for them.

tests/tools/test_openapi.py holds each of them against the readers: what is inside is taken, what is outside is
refused.
"""

from typing import Any

from coordinator.openai import chat_request, messages, tools
from coordinator.openai.responses import fields as responses_fields
from coordinator.openai.responses import items as responses_input
from coordinator.openai.responses.request import LOGPROBS
from wire.chat import MAX_STOP_CHARS, MAX_STOPS

Schema = dict[str, Any]

SELF: Schema = {"$see": ""}  # stands for the schema of the objects that were read at this very place
ITEMS: Schema = {"$see": "[]"}  # and for those inside of it

_JSON_SCHEMA: Schema = {"type": "object", "description": "A JSON Schema, of at most 64 KiB and 32 levels."}
_PARAMETERS: Schema = {**_JSON_SCHEMA, "properties": {"type": {"const": "object"}}}
_TEXT: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": ITEMS}]}
_CHOICE: Schema = {"anyOf": [{"enum": ["none", "auto", "required"]}, SELF]}
_TOOL_NAME: Schema = {"pattern": f"^{messages._TOOL_NAME.pattern}$"}
_STOP: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_STOP_CHARS}
_LABEL: Schema = {"type": "string", "maxLength": chat_request.MAX_LABEL_CHARS}

_BOTH: dict[str, Schema] = {
    "stop": {"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": MAX_STOPS}]},
    "logit_bias": {
        "type": "object",
        "maxProperties": chat_request.MAX_LOGIT_BIAS,
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
    "token_type": {"enum": ["auto", "spark", "sogni"]},
    "tool_choice": _CHOICE,
}

CHAT: dict[str, Schema] = _BOTH | {
    "messages[].content": _TEXT,
    "tools[].function.parameters": _PARAMETERS,
    "response_format.json_schema.schema": _JSON_SCHEMA,
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
    "input[].encrypted_content": {"enum": ["", None], "description": "What another server sealed cannot be read here."},
    "tools[].parameters": _PARAMETERS,
    "tools[].tools[].parameters": _PARAMETERS,
    "text.format.schema": _JSON_SCHEMA,
}

# What a reader checks beyond the kind that it asks for: joined to the schema of that kind.
MORE_CHAT: dict[str, Schema] = {
    "messages": {"minItems": 1},
    "messages[].name": {"pattern": f"^{messages._NAME.pattern}$"},
    "messages[].tool_calls[].function.name": _TOOL_NAME,
    "tools[].function.name": _TOOL_NAME,
    "tool_choice.function.name": _TOOL_NAME,
    "tools": {"description": f"At most {tools.MAX_TOOLS_BYTES // 1024} KiB in all; no name twice."},
    "max_completion_tokens": {"description": "The same as 'max_tokens': send one. Above the model's limit it is that."},
    "max_tokens": {"description": "Of the answer, its thought included. Above the model's limit it is that limit."},
    "seed": {"description": "-1 asks for a random one, as leaving it out does."},
    "top_logprobs": {"description": "Needs 'logprobs'."},
    "stream_options": {"description": "Needs 'stream'."},
    "stream_options.continuous_usage_stats": {"description": "Usage in every chunk. Needs 'include_usage'."},
    "ignore_eos": {"description": "Go on to 'max_tokens' whatever the model says: for load tests."},
    "task_profile": {"description": "The model card's preset; explicit fields win. With a developer message: coding."},
    "chat_template_kwargs": {"description": "Whether the model thinks, and whether earlier thoughts are shown to it."},
    "reasoning_effort": {"description": "'none' is no thought; minimal, low and medium bound it (1024, 4096, 16384)."},
    "model": {"description": "An id of GET /v1/models. Without it the catalogue's default answers."},
}

MORE_RESPONSES: dict[str, Schema] = {
    "include": {"items": {"enum": [LOGPROBS, *responses_fields.INCLUDED]}},
    "input[].name": _TOOL_NAME,
    "input[].namespace": _TOOL_NAME,
    "tools[].name": _TOOL_NAME,
    "tools[].tools[].name": _TOOL_NAME,
    "tool_choice.name": _TOOL_NAME,
    "tool_choice.namespace": _TOOL_NAME,
    **{name: MORE_CHAT[name] for name in ("tools", "seed", "ignore_eos", "task_profile", "chat_template_kwargs")},
    "model": MORE_CHAT["model"],
    "stream_options": MORE_CHAT["stream_options"],
}
