"""What an account asked for: the paths of its requests, and their schemas."""

from collections.abc import Callable
from typing import Any

from coordinator.api.request_rows import COLUMNS
from coordinator.api.requests import MOST_LISTED
from coordinator.ledger.requests import STATUSES
from tools.openapi.answers import COUNT, TEXT, listed, thing
from tools.openapi.estimate import AMOUNT

Schema = dict[str, Any]
Do = Callable[..., Schema]

_MAYBE: Schema = {"type": ["integer", "null"], "minimum": 0}
_STATUS: Schema = {"enum": [*STATUSES]}
_COST = thing({**AMOUNT, "spark": TEXT})
_TOKENS = dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens", "units"), COUNT)
_TIMES = {"queue_ms": _MAYBE, "ttft_ms": _MAYBE, "total_ms": _MAYBE}
_ENDED = {"status": _STATUS, "finish": {"type": ["string", "null"]}, "told": TEXT}
_REQUEST: Schema = {
    "object": {"const": "account.request"},
    "id": TEXT,
    "x_request_id": TEXT,
    "created": COUNT,
    "created_ms": COUNT,
    "model": TEXT,
    "kind": {"type": "string", "description": "`chat`, or the platform tool that made something."},
    "key": TEXT,
    "key_name": TEXT,
    "stream": {"type": "boolean"},
    **_ENDED,
    "choices": COUNT,
    "attempts": {**COUNT, "description": "Workers that the choice with the most of them was given to."},
    **_TOKENS,
    **_TIMES,
    "cost": _COST,
}
_CHOICE = thing(
    {
        "finish": TEXT,
        "worker": {"type": ["string", "null"], "description": "A pseudonym."},
        "attempts": COUNT,
        **_TOKENS,
        "price": thing({"prompt_nano_usd": COUNT, "completion_nano_usd": COUNT}),
        "cost": _COST,
        **_TIMES,
    }
)
_PART = thing({"name": TEXT, "model": TEXT, "kind": TEXT, **_ENDED, "cost": _COST, "choices": listed(_CHOICE)})
_ENDS = {"first_id": {"type": ["string", "null"]}, "last_id": {"type": ["string", "null"]}}


def query(name: str, words: str, **schema: Any) -> Schema:
    return {"name": name, "in": "query", "description": words, "schema": schema or {"type": "string"}}


def as_csv(operation: Schema, columns: tuple[str, ...]) -> Schema:
    """The same operation, whose answer may be a file."""
    words = "With `format=csv`: " + ", ".join(columns)
    operation["get"]["responses"]["200"]["content"]["text/csv"] = {"schema": {"type": "string", "description": words}}
    return operation


FORMAT = query("format", "`csv`: a file for spreadsheets.", enum=["json", "csv"])
_FILTERS = [
    query("after", "The `last_id` of the page before.", type="string", minLength=1),
    query("limit", "How many at most.", type="integer", minimum=1, maximum=MOST_LISTED),
    query("model", "Of one model.", type="string", pattern="^[A-Za-z0-9._:/-]{1,128}$"),
    query("key", "Of one key, by its id.", type="string", pattern="^[A-Za-z0-9._:/-]{1,128}$"),
    query("from", "From then on: Unix seconds, a day (UTC), or a time of ISO 8601 with its zone."),
    query("to", "Before then."),
    query("status", "Only those that ended so.", enum=[*STATUSES]),
    query("finish", "Only with this finish reason or code.", type="string", pattern="^[A-Za-z0-9._:/-]{1,128}$"),
    query("request_id", "By `x-request-id`, or the id in the answer."),
    FORMAT,
]


def paths(do: Do, other: Schema) -> Schema:
    """`do`, `other`: as in money.py."""
    named: Schema = {"name": "request_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    page = thing(
        {"object": {"const": "list"}, "data": listed(thing(_REQUEST)), **_ENDS, "has_more": {"type": "boolean"}}
    )
    whole = thing({**_REQUEST, "data": listed(_CHOICE), "rounds_and_calls": listed(_PART)})
    listing = do("get", "What the account asked for, newest first; no text of it.", page, 200, 400, 404, 429)
    one = do("get", "One request, with each choice, by any id that its client knows.", whole, 200, 400, 404, 429)
    return {
        "/v1/account/requests": {"parameters": [other, *_FILTERS], **as_csv(listing, COLUMNS)},
        "/v1/account/requests/{request_id}": {"parameters": [other, named], **one},
    }
