"""The paths of payouts and deposits."""

from collections.abc import Callable
from typing import Any, get_args

from coordinator.api.payouts import ADDRESS
from coordinator.ledger.orders import PayoutState
from coordinator.ledger.payouts import DECISIONS, MOST_LISTED
from tools.openapi.answers import COUNT, TEXT, listed, thing
from tools.openapi.estimate import AMOUNT

Schema = dict[str, Any]
Do = Callable[..., Schema]

_STATES = [*get_args(PayoutState)]
_CURRENCY: Schema = {"enum": ["spark", "sogni", None], "description": "Absent: spark."}
_AMOUNT: Schema = {"minLength": 1, "maxLength": 40, "description": "Units of the currency, as a decimal number."}
PAYOUT = thing(
    {
        "object": {"const": "payout"},
        **dict.fromkeys(("id", "account", "address", "note", "key"), TEXT),
        "currency": {"enum": ["spark", "sogni"]},
        "state": {"enum": _STATES},
        **AMOUNT,
        "spark": TEXT,
        "sogni": TEXT,
        "asked": COUNT,
        "changed": COUNT,
    },
    "spark",
    "sogni",
)
PAYOUT_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "currency": _CURRENCY,
        "amount": {"type": ["string", "null"], **_AMOUNT},
        "address": {"type": "string", "minLength": 1, "maxLength": ADDRESS},
    },
    "required": ["address"],
    "additionalProperties": False,
}
PAYOUT_DECISION: Schema = {
    "type": "object",
    "properties": {
        "decision": {"enum": [*DECISIONS]},
        "note": {"type": ["string", "null"], "maxLength": ADDRESS, "description": "The owner sees it."},
    },
    "required": ["decision"],
    "additionalProperties": False,
}
DEPOSIT_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "account": {"type": "string", "minLength": 1, "maxLength": 128, "description": "Its name or id."},
        "currency": _CURRENCY,
        "amount": {"type": "string", **_AMOUNT},
        "note": {"type": ["string", "null"], "maxLength": ADDRESS},
    },
    "required": ["account", "amount"],
    "additionalProperties": False,
}
_DEPOSIT = thing(
    {
        "object": {"const": "deposit"},
        **dict.fromkeys(("id", "account"), TEXT),
        "again": {"type": "boolean", "description": "It had been booked before, and nothing was done now."},
        "currency": {"enum": ["spark", "sogni"]},
        **AMOUNT,
        "spark": TEXT,
        "sogni": TEXT,
    },
    "spark",
    "sogni",
)


def paths(do: Do) -> Schema:
    """`do`: as for money.paths."""
    other: Schema = {"name": "account", "in": "query", "schema": {"type": "string", "minLength": 1}}
    one: Schema = {"name": "payout_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    most: Schema = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED}}
    state: Schema = {"name": "state", "in": "query", "schema": {"enum": _STATES}}
    payouts = thing({"object": {"const": "list"}, "data": listed(PAYOUT)})
    signed = do("post", "Book what a payment service says, signed as Standard Webhooks are.", _DEPOSIT, 200, 400, 404)
    signed["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DepositRequest"}}},
    }
    signed["post"]["responses"].pop("401")
    signed["post"]["responses"]["413"] = {"$ref": "#/components/responses/Error"}
    return {
        "/v1/account/payouts": {
            "parameters": [other],
            **do("get", "What was asked for, and what became of it.", payouts, 200, 400, 404, 429),
            **do("post", "Ask for earnings.", PAYOUT, 201, 400, 404, 413, 429, body="PayoutRequest"),
        },
        "/v1/account/payouts/{payout_id}/withdraw": {
            "parameters": [other, one],
            **do("post", "Take back what is not approved yet.", PAYOUT, 200, 400, 404, 429),
        },
        "/v1/payouts": {
            "parameters": [most, state],
            **do("get", "The payouts of all accounts, with a key of the scope `admin`.", payouts, 200, 400),
        },
        "/v1/payouts/{payout_id}": {
            "parameters": [one],
            **do("post", "Decide on a payout, likewise.", PAYOUT, 200, 400, 413, body="PayoutDecision"),
        },
        "/v1/deposits": {"post": {**signed["post"], "security": []}},
    }
