"""The paths of what an owner's workers earned, and of what their power costs."""

from collections.abc import Callable
from typing import Any

from coordinator.api.earnings import MAX_DAYS, PRICE, WORKER_CHARS
from tools.openapi.answers import COUNT, COUNTED_UNTIL, TEXT, listed, thing

Schema = dict[str, Any]
Do = Callable[..., Schema]

_UNKNOWN: Schema = {"type": ["integer", "null"], "minimum": 0, "description": "Null: it is not known."}
_SUMS: Schema = {
    **dict.fromkeys(("jobs", "prompt_tokens", "completion_tokens", "units"), COUNT),
    **dict.fromkeys(("earned_nano_usd", "payable_nano_usd", "credit_nano_usd"), COUNT),
    **dict.fromkeys(("escrow_nano_usd", "escrow_credit_nano_usd", "online_s", "measured_s"), COUNT),
    "energy_wh": {"type": ["number", "null"], "minimum": 0, "description": "By the workers' own sensors."},
    "power_nano_usd": _UNKNOWN,
}
_PRICE: Schema = {
    "usd_per_kwh": {"type": ["string", "null"], "description": "What the owner said; null: nothing."},
    "nano_usd_per_kwh": _UNKNOWN,
}
EARNED = thing(
    {
        "object": {"const": "list"},
        "days": COUNT,
        "first_day": TEXT,
        "counted_until": COUNTED_UNTIL,
        **_PRICE,
        "totals": thing(_SUMS),
        "data": listed(thing({"day": TEXT, "worker": TEXT, "worker_id": TEXT, **_SUMS})),
    }
)
ELECTRICITY: Schema = {
    "type": "object",
    "properties": {
        "usd_per_kwh": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 16,
            "pattern": f"^{PRICE.pattern}$",
            "description": "Dollars, 100 at most. Null forgets it.",
        }
    },
    "additionalProperties": False,
}


def paths(do: Do) -> Schema:
    """`do`: as for money.paths."""
    other: Schema = {"name": "account", "in": "query", "schema": {"type": "string", "minLength": 1}}
    days: Schema = {"name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}}
    worker: Schema = {
        "name": "worker",
        "in": "query",
        "schema": {"type": "string", "minLength": 1, "maxLength": WORKER_CHARS},
    }
    form: Schema = {"name": "format", "in": "query", "schema": {"enum": ["json", "csv"]}}
    price = thing({"object": {"const": "account.electricity"}, **_PRICE})
    earned = do("get", "What was earned by day and worker, and the power that it took.", EARNED, 200, 400, 404, 429)
    earned["get"]["responses"]["200"]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return {
        "/v1/account/earnings": {"parameters": [other, days, worker, form], **earned},
        "/v1/account/electricity": {
            "parameters": [other],
            **do("post", "Say what a kWh costs.", price, 200, 400, 404, 413, 429, body="Electricity"),
        },
    }
