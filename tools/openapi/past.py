"""The paths of what the network did, and of each model as it is and was."""

from collections.abc import Callable
from typing import Any

from coordinator.api.history import MOST_DAYS, MOST_GPU_GB, MOST_HOURS, MOST_RAM_GB, STEPS, USUAL_RAM_GB

Schema = dict[str, Any]
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"type": ["number", "null"]}


def _thing(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _percentiles(*parts: int) -> Schema:
    return _thing({"count": _COUNT, **{f"p{part}": _MAYBE for part in parts}})


_COUNTED = ("requests", "failed", "client_errors", "cancelled", "moved", "no_worker", "turned_away", "gave_up")
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "units")
_FIGURES: Schema = {
    **dict.fromkeys((*_COUNTED, *_TOKENS), _COUNT),
    **{name: _percentiles(50, 95) for name in ("queue_ms", "ttft_ms", "total_ms")},
    "tokens_per_second": _percentiles(5, 50, 95),
}
_STATE: Schema = {**dict.fromkeys(("workers", "ready", "slots", "busy", "waiting"), _MAYBE), "waiting_most": _COUNT}
_UPTIME: Schema = {"minutes": _COUNT, "measured": _COUNT, "up": _COUNT, "share": _MAYBE}
_WANTED = [f"{name}_{when}" for when in ("24h", "7d") for name in ("requests", "tokens", "units")]
_REFUSED = [f"{name}_{when}" for when in ("24h", "7d") for name in ("no_worker", "turned_away")]
_MODEL: Schema = {
    "id": _TEXT,
    "name": _TEXT,
    "kind": {"enum": ["chat", "image", "video", "audio"]},
    "workers_online": _COUNT,
    "prices": {"type": "object"},
    "demand": _thing(dict.fromkeys(("waiting", *_WANTED, *_REFUSED), _COUNT)),
    "day": _thing(_FIGURES),
    "uptime": _thing({"days": _COUNT, **_UPTIME}),
}

_FIT: Schema = {
    "type": ["object", "null"],
    "description": "Where `gpu_gb` was asked for; null: the catalog does not say how large the model is.",
    "properties": {
        "place": {"enum": ["gpu", "split", "cpu", "none"]},
        **dict.fromkeys(("slots", "context", "gpu_bytes", "ram_bytes"), _COUNT),
        "sees": {"type": "boolean"},
        "download_bytes": _MAYBE,
    },
}


def paths(get: Callable[..., Schema]) -> Schema:
    """`get`: (words, schema of the answer, statuses of errors) -> operation."""
    step: Schema = {"enum": [step // 1000 for step in STEPS]}
    asked: list[Schema] = [
        {"name": "hours", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_HOURS}},
        {"name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}},
        {"name": "model", "in": "query", "schema": _TEXT},
        {"name": "step", "in": "query", "description": "Seconds of one point.", "schema": step},
    ]
    point = {**_FIGURES, **_STATE, "uptime": _thing(_UPTIME)}
    times = dict.fromkeys(("from_ms", "to_ms", "step_s"), _COUNT)
    history = _thing(
        {
            "object": {"const": "network.history"},
            "model": {"type": ["string", "null"]},
            **times,
            "began_ms": _MAYBE,
            "totals": _thing(point),
            "data": {"type": "array", "items": _thing({"at_ms": _COUNT, **point})},
        }
    )
    day = _thing({"day": _TEXT, **_FIGURES, "uptime": _thing(_UPTIME)})
    one = _thing(
        {
            **_MODEL,
            "object": {"const": "network.model"},
            "month": _thing({**_FIGURES, **_STATE}),
            "days": {"type": "array", "items": day},
            "source": {"type": "object"},
            "serving": _thing({"count": _COUNT, "data": {"type": "array", "items": {"type": "object"}}}),
        }
    )
    own = ("requests", "failed", "cancelled", "prompt_tokens", "completion_tokens", "units")
    minutes = ("online_minutes", "ready_minutes")
    of_worker = _thing({"day": _TEXT, **dict.fromkeys((*own, *minutes), _COUNT)})
    return {
        "/v1/network/history": {
            "parameters": asked,
            **get("What the network or one model did: sums and means, in steps.", history, 400, 404, 429),
        },
        "/v1/network/models": {
            "parameters": [
                _machine("gpu_gb", "A card's memory: each model says how it would run there.", 0, MOST_GPU_GB),
                _machine("ram_gb", f"Main memory beside it, {USUAL_RAM_GB} if it is not named.", 1, MOST_RAM_GB),
            ],
            **get("Every model: served by whom, how well, and how much wanted.", _list(_MODEL, fit=_FIT), 400, 429),
        },
        "/v1/network/models/{model}": {
            "parameters": [_place("model")],
            **get("One model, with its last 30 days and who serves it now.", one, 404, 429),
        },
        "/v1/network/workers/{worker}/history": {
            "parameters": [_place("worker"), asked[1]],
            **get("One worker day by day, for its owner and the operator.", _days(of_worker), 400, 404),
        },
    }


def _machine(name: str, words: str, low: int, high: int) -> Schema:
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return {"name": name, "in": "query", "description": words, "schema": schema}


def _place(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _list(item: Schema, **sometimes: Schema) -> Schema:
    each = _thing(item)
    each["properties"] = {**each["properties"], **sometimes}
    return _thing({"object": {"const": "list"}, "data": {"type": "array", "items": each}})


def _days(item: Schema) -> Schema:
    return _thing({"object": {"const": "network.worker.history"}, "data": {"type": "array", "items": item}})
