"""The paths of messages to an account when something is wrong."""

from collections.abc import Callable
from typing import Any

from coordinator.alerts.kinds import ACCOUNT
from program.alert_formats import SERVICES
from program.post import MOST_URL
from tools.openapi.answers import COUNT, TEXT, listed, thing

Schema = dict[str, Any]
Do = Callable[..., Schema]

_TIME: Schema = {"anyOf": [COUNT, {"type": "null"}]}
_WORDS: Schema = {"type": ["string", "null"], "description": "What became of the last try."}
_KINDS: Schema = {"type": "array", "items": {"enum": [*ACCOUNT]}}
ALERT = thing(
    {
        "object": {"const": "account.alert"},
        "id": TEXT,
        "service": {"enum": [*SERVICES]},
        "url": {"type": "string", "description": "Without what is secret of it."},
        "alerts": _KINDS,
        "balance_below_usd": TEXT,
        "created": COUNT,
        "tried": _TIME,
        "status": _WORDS,
        "paused": {"type": "boolean", "description": "Too many messages in a row did not arrive: test it."},
        "secret": {"type": "string", "description": "What a webhook's messages are signed with: in this answer alone."},
    },
    "secret",
)
_SENT = thing(
    {
        "object": {"const": "account.alert.message"},
        **dict.fromkeys(("id", "alert", "kind", "title", "text"), TEXT),
        "over": {"type": "boolean", "description": "What was wrong is so no more."},
        "created": COUNT,
        "state": {"enum": ["waiting", "sent", "failed"]},
        "status": _WORDS,
        "tries": COUNT,
    }
)
ALERT_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "service": {"enum": [*SERVICES]},
        "url": {"type": "string", "minLength": 1, "maxLength": MOST_URL, "description": "https://..."},
        "alerts": {
            "type": ["array", "null"],
            "items": {"enum": [*ACCOUNT]},
            "minItems": 1,
            "maxItems": len(ACCOUNT),
            "description": "Absent: all of them.",
        },
        "balance_below_spark": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 40,
            "description": "A balance below it is low; absent: 200.",
        },
    },
    "required": ["service", "url"],
    "additionalProperties": False,
}


def paths(do: Do) -> Schema:
    """`do`: as for money.paths."""
    other: Schema = {"name": "account", "in": "query", "schema": {"type": "string", "minLength": 1}}
    one: Schema = {"name": "alert_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    known = thing(
        {
            "object": {"const": "list"},
            "allowed": {"type": "boolean", "description": "Whether the operator lets accounts be told."},
            "most": COUNT,
            "kinds": {"type": "object", "additionalProperties": TEXT},
            "services": listed({"enum": [*SERVICES]}),
            "data": listed(ALERT),
            "sent": listed(_SENT),
        }
    )
    gone = thing({"object": {"const": "account.alert.deleted"}, "id": TEXT, "deleted": {"const": True}})
    tested = thing(
        {"object": {"const": "account.alert.test"}, "id": TEXT, "delivered": {"type": "boolean"}, "status": TEXT}
    )
    return {
        "/v1/account/alerts": {
            "parameters": [other],
            **do("get", "Where the account is told that something is wrong, and what was sent.", known, 200, 404, 429),
            **do("post", "Add an address.", ALERT, 201, 400, 404, 413, 429, body="AlertRequest"),
        },
        "/v1/account/alerts/{alert_id}": {
            "parameters": [other, one],
            **do("delete", "Remove an address.", gone, 200, 404, 429),
        },
        "/v1/account/alerts/{alert_id}/test": {
            "parameters": [other, one],
            **do("post", "Send a message there now.", tested, 200, 404, 429),
        },
    }
