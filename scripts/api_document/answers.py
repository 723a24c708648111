"""Schemas of what the API answers. The test suite holds real answers against them."""

from typing import Any, get_args

from wire.chat import FinishReason

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0}


def _object(properties: Schema, *optional: str) -> Schema:
    """More keys may come in later versions: clients ignore what they do not know."""
    required = sorted(properties.keys() - set(optional))
    return {"type": "object", "properties": properties, "required": required}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


ERROR = _object(
    {
        "error": _object(
            {"message": _TEXT, "type": _TEXT, "param": _TEXT_OR_NULL, "code": _TEXT, "retry_after": {"type": "number"}},
            "retry_after",
        )
    }
)

_USAGE = _object(
    {
        "prompt_tokens": _COUNT,
        "completion_tokens": _COUNT,
        "total_tokens": _COUNT,
        "prompt_tokens_details": _object({"cached_tokens": _COUNT}),
        "completion_tokens_details": _object({"reasoning_tokens": _COUNT}),
    }
)
_LOGPROB = {
    "token": _TEXT,
    "logprob": {"type": "number", "maximum": 0},
    "bytes": _list({"type": "integer", "minimum": 0, "maximum": 255}),
}
_LOGPROBS: Schema = {
    "anyOf": [
        _object({"content": _list(_object({**_LOGPROB, "top_logprobs": _list(_object(_LOGPROB))}))}),
        {"type": "null"},
    ]
}
_REASON: Schema = {"enum": sorted(get_args(FinishReason))}
_WARNINGS: Schema = {**_list(_TEXT), "description": "What was malformed in an answer that stands."}
_CALL = _object(
    {"id": _TEXT, "type": {"const": "function"}, "function": _object({"name": _TEXT, "arguments": _TEXT})},
)
_MESSAGE = _object(
    {
        "role": {"const": "assistant"},
        "content": _TEXT_OR_NULL,
        "refusal": _TEXT_OR_NULL,
        "reasoning_content": {**_TEXT, "description": "The thought, apart from the answer."},
        "tool_calls": _list(_CALL),
    },
    "reasoning_content",
    "tool_calls",
)
_HEAD: Schema = {"id": _TEXT, "created": _COUNT, "model": _TEXT, "system_fingerprint": _TEXT}

COMPLETION = _object(
    {
        **_HEAD,
        "object": {"const": "chat.completion"},
        "choices": _list(
            _object(
                {
                    "index": _COUNT,
                    "message": _MESSAGE,
                    "logprobs": _LOGPROBS,
                    "finish_reason": _REASON,
                    "warnings": _WARNINGS,
                },
                "warnings",
            )
        ),
        "usage": _USAGE,
    }
)

_DELTA = _object(
    {
        "role": {"const": "assistant"},
        "content": _TEXT,
        "reasoning_content": _TEXT,
        "tool_calls": _list(
            _object(
                {
                    "index": _COUNT,
                    "id": {**_TEXT, "description": "On the first piece of a call only, as are type and name."},
                    "type": {"const": "function"},
                    "function": _object({"name": _TEXT, "arguments": _TEXT}, "name"),
                },
                "id",
                "type",
            )
        ),
    },
    *("role", "content", "reasoning_content", "tool_calls"),
)
CHUNK = _object(
    {
        **_HEAD,
        "object": {"const": "chat.completion.chunk"},
        "choices": _list(
            _object(
                {
                    "index": _COUNT,
                    "delta": _DELTA,
                    "logprobs": _LOGPROBS,
                    "finish_reason": {"enum": [*_REASON["enum"], None]},
                    "warnings": _WARNINGS,
                },
                "warnings",
            )
        ),
        "usage": {"anyOf": [_USAGE, {"type": "null"}]},
    },
    "usage",
)

RESPONSE = _object(
    {
        "id": _TEXT,
        "object": {"const": "response"},
        "created_at": _COUNT,
        "model": _TEXT,
        "status": {"enum": ["in_progress", "completed", "incomplete", "failed"]},
        "error": {"type": ["object", "null"]},
        "incomplete_details": {"type": ["object", "null"]},
        "output": _list(
            _object({"id": _TEXT, "type": {"enum": ["reasoning", "message", "function_call"]}, "status": _TEXT})
        ),
        "usage": {"type": ["object", "null"]},
        "store": {"const": False},
        "warnings": _WARNINGS,
    },
    "warnings",
)

MODEL = _object(
    {
        "id": _TEXT,
        "object": {"const": "model"},
        "created": _COUNT,
        "owned_by": _TEXT,
        "name": _TEXT,
        "context_length": {
            **_COUNT,
            "description": "Of the largest worker online, else the model's own.",
        },
        "max_context_length": _COUNT,
        "max_output_tokens": _COUNT,
        "features": _list(_TEXT),
        "presets": {"type": "object", "description": "Sampling by thinking and task profile."},
        "price": _object(
            {
                "currency": {"const": "USD"},
                "prompt_nano_per_token": _COUNT,
                "completion_nano_per_token": _COUNT,
                "prompt_per_million": _TEXT,
                "completion_per_million": _TEXT,
            }
        ),
        "licence": _TEXT,
        "workers_online": _COUNT,
        "slots": _COUNT,
        "free_slots": _COUNT,
    }
)
MODELS = _object({"object": {"const": "list"}, "data": _list(MODEL)})
STATUS = _object({"status": _TEXT})
