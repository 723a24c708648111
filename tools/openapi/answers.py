"""Schemas of what the API answers. The test suite holds real answers against them."""

from typing import Any, get_args

from coordinator.openai.images import DETAILS
from wire.chat import FinishReason

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}

COUNTED_UNTIL: Schema = {
    "type": ["integer", "null"],
    "minimum": 0,
    "description": "Unix seconds: the sums hold what was booked up to then, and grow. Null: they are whole.",
}


def thing(properties: Schema, *optional: str) -> Schema:
    """More keys may come in later versions: clients ignore what they do not know."""
    required = sorted(properties.keys() - set(optional))
    return {"type": "object", "properties": properties, "required": required}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items}


ERROR = thing(
    {
        "error": thing(
            {"message": TEXT, "type": TEXT, "param": TEXT_OR_NULL, "code": TEXT, "retry_after": {"type": "number"}},
            "retry_after",
        )
    }
)

MESSAGES_ERROR = thing(
    {
        "type": {"const": "error"},
        "error": thing({"type": TEXT, "message": TEXT, "code": TEXT, "param": TEXT_OR_NULL}),
        "request_id": TEXT,
    }
)

_USAGE = thing(
    {
        "prompt_tokens": COUNT,
        "completion_tokens": COUNT,
        "total_tokens": COUNT,
        "prompt_tokens_details": thing({"cached_tokens": COUNT}),
        "completion_tokens_details": thing({"reasoning_tokens": COUNT}),
    }
)
_RATE: Schema = {"type": "number", "minimum": 0}
_TIMES: Schema = {
    f"{what}_{unit}": kind
    for what in ("prompt", "predicted")
    for unit, kind in (("n", COUNT), ("ms", _RATE), ("per_token_ms", _RATE), ("per_second", _RATE))
}
_GUESSED: Schema = {"draft_n": COUNT, "draft_n_accepted": COUNT}
_TIMINGS: Schema = {
    **thing({"cache_n": COUNT, **_TIMES, **_GUESSED}, *(name for name in _TIMES if "_per_" in name), *_GUESSED),
    "description": "By the word of the worker that ended the answer, under llama-server's names.",
}
_LOGPROB = {
    "token": TEXT,
    "logprob": {"type": "number", "maximum": 0},
    "bytes": listed({"type": "integer", "minimum": 0, "maximum": 255}),
}
_LOGPROBS: Schema = {
    "anyOf": [
        thing({"content": listed(thing({**_LOGPROB, "top_logprobs": listed(thing(_LOGPROB))}))}),
        {"type": "null"},
    ]
}
_REASON: Schema = {"enum": sorted(get_args(FinishReason))}
_WARNINGS: Schema = {**listed(TEXT), "description": "What was malformed in the answer, or left out of the request."}
_CALL = thing(
    {"id": TEXT, "type": {"const": "function"}, "function": thing({"name": TEXT, "arguments": TEXT})},
)
_MESSAGE = thing(
    {
        "role": {"const": "assistant"},
        "content": TEXT_OR_NULL,
        "refusal": TEXT_OR_NULL,
        "reasoning_content": {**TEXT, "description": "The thought, apart from the answer."},
        "tool_calls": listed(_CALL),
    },
    "reasoning_content",
    "tool_calls",
)
_HEAD: Schema = {"id": TEXT, "created": COUNT, "model": TEXT, "system_fingerprint": TEXT}

COMPLETION = thing(
    {
        **_HEAD,
        "object": {"const": "chat.completion"},
        "choices": listed(
            thing(
                {
                    "index": COUNT,
                    "message": _MESSAGE,
                    "logprobs": _LOGPROBS,
                    "finish_reason": _REASON,
                    "warnings": _WARNINGS,
                },
                "warnings",
            )
        ),
        "usage": _USAGE,
        "timings": _TIMINGS,
    },
    "timings",
)

_DELTA = thing(
    {
        "role": {"const": "assistant"},
        "content": TEXT,
        "reasoning_content": TEXT,
        "tool_calls": listed(
            thing(
                {
                    "index": COUNT,
                    "id": {**TEXT, "description": "On the first piece of a call only, as are type and name."},
                    "type": {"const": "function"},
                    "function": thing({"name": TEXT, "arguments": TEXT}, "name"),
                },
                "id",
                "type",
            )
        ),
    },
    *("role", "content", "reasoning_content", "tool_calls"),
)
CHUNK = thing(
    {
        **_HEAD,
        "object": {"const": "chat.completion.chunk"},
        "choices": listed(
            thing(
                {
                    "index": COUNT,
                    "delta": _DELTA,
                    "logprobs": _LOGPROBS,
                    "finish_reason": {"enum": [*_REASON["enum"], None]},
                    "warnings": _WARNINGS,
                },
                "warnings",
            )
        ),
        "usage": {"anyOf": [_USAGE, {"type": "null"}]},
        "timings": _TIMINGS,
    },
    *("usage", "timings"),
)

RESPONSE = thing(
    {
        "id": TEXT,
        "object": {"const": "response"},
        "created_at": COUNT,
        "model": TEXT,
        "status": {"enum": ["in_progress", "completed", "incomplete", "failed"]},
        "error": {"type": ["object", "null"]},
        "incomplete_details": {"type": ["object", "null"]},
        "output": listed(
            thing({"id": TEXT, "type": {"enum": ["reasoning", "message", "function_call"]}, "status": TEXT})
        ),
        "usage": {"type": ["object", "null"]},
        "store": {"const": False},
        "warnings": _WARNINGS,
    },
    "warnings",
)

MESSAGE = thing(
    {
        "id": TEXT,
        "type": {"const": "message"},
        "role": {"const": "assistant"},
        "model": TEXT,
        "content": listed(thing({"type": {"enum": ["thinking", "text", "tool_use"]}})),
        "stop_reason": {"enum": ["end_turn", "max_tokens", "tool_use", "stop_sequence"]},
        "stop_sequence": TEXT_OR_NULL,
        "usage": thing(
            {
                "input_tokens": {**COUNT, "description": "Without those that were read from a cache."},
                "cache_creation_input_tokens": {"const": 0},
                "cache_read_input_tokens": COUNT,
                "output_tokens": COUNT,
            }
        ),
        "warnings": _WARNINGS,
    },
    "warnings",
)

_MODALITIES = {"input_modalities": listed(TEXT), "output_modalities": listed(TEXT)}
_VISION = thing(
    {
        "workers_online": COUNT,
        "free_slots": COUNT,
        "formats": listed(TEXT),
        "max_images": COUNT,
        "max_image_bytes": COUNT,
        "max_total_bytes": COUNT,
        "max_side": COUNT,
        "max_pixels": COUNT,
        "max_total_pixels": COUNT,
        "max_aspect": COUNT,
        "tokens_per_image": thing({"least": COUNT, **dict.fromkeys(DETAILS, COUNT)}),
    }
)
MODEL = thing(
    {
        "id": TEXT,
        "object": {"const": "model"},
        "created": COUNT,
        "owned_by": TEXT,
        "name": TEXT,
        "context_length": {
            **COUNT,
            "description": "Of the largest worker online, else the model's own.",
        },
        "max_context_length": COUNT,
        "max_output_tokens": COUNT,
        "features": listed(TEXT),
        **_MODALITIES,
        "architecture": thing({"modality": TEXT, **_MODALITIES}),
        "vision": {
            **_VISION,
            "type": ["object", "null"],
            "description": "null: the model takes text only. Else the pictures that a request may have, the most tokens"
            " of one by its `detail`, and the workers that can show it any now.",
        },
        "presets": {"type": "object", "description": "Sampling by thinking and task profile."},
        "price": thing(
            {
                "currency": {"const": "USD"},
                "prompt_nano_per_token": COUNT,
                "completion_nano_per_token": COUNT,
                "prompt_per_million": TEXT,
                "completion_per_million": TEXT,
            }
        ),
        "licence": TEXT,
        "workers_online": COUNT,
        "slots": COUNT,
        "free_slots": COUNT,
        "weights": {
            **listed(thing({"sha256": TEXT, "workers": COUNT, "claimed": {"const": True}})),
            "description": "SHA-256 of the (first) file that so many of the workers online say they have loaded, the"
            " commonest eight. Their own claim: nobody can look into another's machine.",
        },
    }
)
MODELS = thing({"object": {"const": "list"}, "data": listed(MODEL)})
STATUS = thing({"status": TEXT})
