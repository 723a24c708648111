"""The paths of accounts and prices, and the schemas of what they take and answer."""

from collections.abc import Callable
from typing import Any

from coordinator.api.account import MAX_DAYS, USAGE_COLUMNS
from coordinator.api.keys import MAX_CAP, MAX_LIMIT
from tools.openapi.answers import COUNT, COUNTED_UNTIL, TEXT, listed, thing
from tools.openapi.asked import FORMAT, as_csv, query
from tools.openapi.asked import paths as asked
from tools.openapi.estimate import AMOUNT, ESTIMATE, ESTIMATED

Schema = dict[str, Any]
Do = Callable[..., Schema]

_LIMIT: Schema = {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_LIMIT}
_WHEN: Schema = {"type": ["integer", "null"], "description": "Unix seconds."}
_SPARK = thing({**AMOUNT, "spark": TEXT})
_AMOUNTS = {kind: thing({**AMOUNT, "spark": TEXT, "sogni": TEXT}, "spark", "sogni") for kind in ("available", "held")}
_AMOUNTS |= {kind: _AMOUNTS["held"] for kind in ("given", "escrow", "credit", "earned")}
_CAPS = {
    f"cap_{period}_nano_usd": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": MAX_CAP,
        "description": f"What may be spent in a {period} (UTC) with the key and with those made with it; null: all.",
    }
    for period in ("day", "month")
}
_RATES = dict.fromkeys(("rpm", "tpm", "concurrency"), _LIMIT)
_TOOLS = {"type": "boolean", "description": "Whether the models that it asks are told of them."}
_KEY: Schema = {
    "object": {"const": "account.key"},
    **dict.fromkeys(("id", "name", "hint"), TEXT),
    "scopes": listed(TEXT),
    **_RATES,
    **_CAPS,
    **dict.fromkeys(("spent_day_nano_usd", "spent_month_nano_usd"), COUNT),
    "platform_tools": _TOOLS,
    "disabled": {"type": "boolean"},
    "created": COUNT,
    "last_used": {**_WHEN, "description": "Unix seconds, within a minute; null: never."},
    "expires": _WHEN,
    "revoked": _WHEN,
}
# What only the key that asks is told of itself.
_CURRENT: Schema = {
    "limits": thing(dict.fromkeys(("rpm", "tpm", "concurrency"), COUNT)),
    "remaining_nano_usd": {"type": ["integer", "null"], "description": "Until a cap holds; null: there is none."},
    **dict.fromkeys(("day_ends", "month_ends"), COUNT),
}
ACCOUNT = thing(
    {
        "object": {"const": "account"},
        "id": TEXT,
        "name": TEXT,
        "created": COUNT,
        "weight": {"type": "number"},
        "balances": thing({"spark": thing(_AMOUNTS), "sogni": thing(_AMOUNTS)}),
        "bonus": thing({**AMOUNT, "spark": TEXT, "claimable": {"type": "boolean"}, "next_at": COUNT}),
        "promotions": thing({"day": _SPARK, "account": _SPARK, "next_at": COUNT}),
    }
)
USED = thing(
    {
        "day": TEXT,
        "model": TEXT,
        "key": TEXT,
        "key_name": TEXT,
        **dict.fromkeys(("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens"), COUNT),
        "cost_nano_usd": COUNT,
        "cost_usd": TEXT,
    }
)
_WORKER = thing(
    {
        "object": {"const": "account.worker"},
        "worker": TEXT,
        "worker_id": TEXT,
        **dict.fromkeys(("jobs", "earned_nano_usd", "escrow_nano_usd", "last"), COUNT),
    }
)
KEY_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9][A-Za-z0-9 ._-]*$"},
        "scopes": {
            "type": ["array", "null"],
            "minItems": 1,
            "items": {"enum": ["client", "worker"]},
            "description": "Some of the caller's own, which are the default.",
        },
        "expires_in_s": {"type": ["integer", "null"], "minimum": 60, "maximum": 10 * 366 * 86_400},
        **_RATES,
        **_CAPS,
        "platform_tools": {"type": ["boolean", "null"], "description": "Absent: as with the caller's own key."},
    },
    "required": ["name"],
    "additionalProperties": False,
}
KEY_CHANGE: Schema = {
    "type": "object",
    "properties": {
        **{name: KEY_REQUEST["properties"][name] for name in ("name", "expires_in_s", "platform_tools")},
        **_RATES,
        **_CAPS,
        "disabled": {"type": ["boolean", "null"], "description": "Whether the key does not work, for now."},
    },
    "minProperties": 1,
    "additionalProperties": False,
    "description": "What changes. A limit, a cap or an expiry that is null is taken away.",
}

_ME: Schema = {
    "type": "object",
    "properties": {
        "status": {"const": "success"},
        "data": {
            "type": "object",
            "properties": {
                "username": {"type": "string"},
                "currentEmail": {"type": "null"},
                "walletAddress": {"type": "null"},
            },
            "required": ["username", "currentEmail", "walletAddress"],
        },
    },
    "required": ["status", "data"],
}


def _list(items: Schema, **more: Schema) -> Schema:
    return thing({"object": {"const": "list"}, "data": listed(items), **more})


def _keys(do: Do, path: Do, other: Schema) -> Schema:
    key: Schema = {"name": "key_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    made = thing({**_KEY, "key": TEXT})
    deleted = thing({"object": {"const": "account.key.deleted"}, "id": TEXT, "deleted": {"const": True}})
    create = do("post", "Make a key; it is shown once.", made, 201, 400, 404, 413, 429, body="KeyRequest")
    show = "One key; `current` is the one that asks, of any scope, and is told what holds for it."
    replace = "A new key in the place of this one, which ends at once."
    return {
        "/v1/account/keys": path(
            do("get", "All keys, without their secrets.", _list(thing(_KEY)), 200, 404, 429), create
        ),
        "/v1/account/keys/{key_id}/regenerate": path(do("post", replace, made, 201, 404, 429), parameters=[other, key]),
        "/v1/account/keys/{key_id}": path(
            do("get", show, thing({**_KEY, **_CURRENT}, *_CURRENT), 200, 404, 429),
            do("patch", "Change a key.", thing(_KEY), 200, 400, 404, 413, 429, body="KeyChange"),
            do("delete", "End a key.", deleted, 200, 404, 429),
            parameters=[other, key],
        ),
    }


def paths(do: Do) -> Schema:
    """`do`: (method, words, schema of the answer, its status, statuses of errors) -> operation. `account` names another
    account, for keys with the scope `admin`."""
    other: Schema = {"name": "account", "in": "query", "schema": {"type": "string", "minLength": 1}}
    days: Schema = {"name": "days", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}}
    earned_as: Schema = {"name": "kind", "in": "query", "schema": {"enum": ["credit", "earned"]}}
    moved = thing({"object": {"const": "account.earnings"}, "moved": {"type": "object"}})
    bonus = thing({"object": {"const": "account.bonus"}, **AMOUNT, "spark": TEXT})

    def path(*operations: Schema, parameters: list[Schema] | None = None) -> Schema:
        whole: Schema = {"parameters": [other] if parameters is None else parameters}
        for operation in operations:
            whole |= operation
        return whole

    ended = thing({"object": {"const": "account.deleted"}, "id": TEXT, "deleted": {"const": True}})
    earned, used = (_list(each, counted_until=COUNTED_UNTIL) for each in (_WORKER, USED))
    spend = "What was earned with workers becomes spendable."
    return {
        "/v1/account": path(
            do("get", "Balances and bonus.", ACCOUNT, 200, 404, 429),
            do("delete", "End the account for good; a person signed in does that, no key.", ended, 200, 404, 429),
        ),
        "/v1/account/me": path(do("get", "Who the account is, in the envelope of Sogni's API.", _ME, 200, 404, 429)),
        "/v1/account/usage": path(
            as_csv(do("get", "What was used, by day, model and key.", used, 200, 400, 404, 429), USAGE_COLUMNS),
            parameters=[other, days, query("model", "Of one model."), query("key", "Of one key."), FORMAT],
        ),
        **asked(do, other),
        "/v1/account/workers": path(
            do("get", "What each worker has earned, those that are gone too.", earned, 200, 404, 429)
        ),
        "/v1/account/bonus": path(do("post", "Claim the daily bonus.", bonus, 200, 404, 429)),
        "/v1/account/earnings/spend": path(
            do("post", spend, moved, 200, 400, 402, 404, 429), parameters=[other, earned_as]
        ),
        **_keys(do, path, other),
        "/v1/estimate": path(
            do(
                "get",
                "What tokens or media cost, exactly, and pictures to be seen at most.",
                ESTIMATE,
                200,
                400,
                404,
            ),
            parameters=ESTIMATED,
        ),
    }
