"""The paths of the operator: /v1/admin."""

from collections.abc import Callable
from typing import Any

from coordinator.api.operator import MOST_LISTED, SEARCH_CHARS
from coordinator.api.operator_changes import MOST_DAYS, NOTE_CHARS, REASONS
from coordinator.api.operator_workers import KINDS_OF, MOST_S, ORDERS, STATES, WORKER
from coordinator.dashboard.view import SEVERITIES
from coordinator.operating.accounts import SORTS
from tools.openapi.answers import COUNT, COUNTED_UNTIL, TEXT, listed, thing
from tools.openapi.estimate import AMOUNT

Schema = dict[str, Any]
Do = Callable[..., Schema]

_NOTE: Schema = {"type": ["string", "null"], "maxLength": NOTE_CHARS}
_BOOL: Schema = {"type": "boolean"}
_MAYBE: Schema = {"type": ["integer", "null"]}
_SOME: Schema = {"type": ["string", "null"]}


def _body(required: tuple[str, ...], **properties: Schema) -> Schema:
    shown = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**shown, "required": [*required]} if required else shown


BODIES: dict[str, Schema] = {
    "AccountChange": {
        **_body(
            (),
            disabled={"type": ["boolean", "null"]},
            weight={"type": ["number", "null"], "minimum": 0.01, "maximum": 1000},
        ),
        "anyOf": [
            {"required": ["disabled"], "properties": {"disabled": {"type": "boolean"}}},
            {"required": ["weight"], "properties": {"weight": {"type": "number"}}},
        ],
    },
    "GrantRequest": _body(
        ("amount",),
        amount={"type": "string", "minLength": 1, "maxLength": 40, "description": "Units of the currency, as '12.5'."},
        currency={"enum": ["spark", "sogni", None], "description": "Absent: spark."},
        reason={"enum": [*REASONS, None], "description": "Absent: grant, a present."},
        note=_NOTE,
    ),
    "OperatorInvite": _body(
        (),
        note={"type": ["string", "null"], "maxLength": 128},
        days={"type": ["integer", "null"], "minimum": 1, "maximum": MOST_DAYS},
        account={
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 128,
            "description": "Whose people lost their passkeys.",
        },
    ),
    "WorkerOrder": _body(
        ("worker", "order"),
        worker={"type": "string", "pattern": f"^{WORKER.pattern}$"},
        order={"enum": [*ORDERS]},
        seconds={"type": ["integer", "null"], "minimum": 1, "maximum": MOST_S, "description": "Needed but for `end`."},
        note=_NOTE,
    ),
}
_ORDER = thing(
    {
        "object": {"const": "operator.order"},
        "worker": TEXT,
        "order": {"enum": [*ORDERS[:2], None]},
        "since": COUNT,
        "until": COUNT,
        "note": TEXT,
        "account_name": TEXT,
    },
    "since",
    "until",
    "note",
    "account_name",
)
_LINE: Schema = {
    "object": {"const": "operator.account"},
    **dict.fromkeys(("id", "name"), TEXT),
    "disabled": _BOOL,
    "weight": {"type": "number"},
}
_SUMS = ("spendable_nano_usd", "held_nano_usd", "owed_nano_usd", "credit_nano_usd")
_ACCOUNT = thing(
    {**_LINE, "created": COUNT, **dict.fromkeys(_SUMS, COUNT), "keys": COUNT, "passkeys": COUNT, "seen": _MAYBE}
)
_INVITE = thing(
    {
        "object": {"const": "operator.invite"},
        **dict.fromkeys(("id", "note", "state"), TEXT),
        **dict.fromkeys(("created", "expires"), COUNT),
        "used": _MAYBE,
        **dict.fromkeys(("made_by", "account", "used_by"), _SOME),
        "code": TEXT,
        "link": TEXT,
    },
    "code",
    "link",
)
_GRANT = thing(
    {
        "object": {"const": "operator.grant"},
        **dict.fromkeys(("id", "account"), TEXT),
        "reason": {"enum": [*REASONS]},
        "again": _BOOL,
        "currency": {"enum": ["spark", "sogni"]},
        **AMOUNT,
        "spark": TEXT,
        "sogni": TEXT,
    },
    "spark",
    "sogni",
)
_CHECK = thing(
    {
        "object": {"const": "operator.ledger_check"},
        "state": {"enum": ["never", "running", "ok", "wrong", "failed"]},
        "started": _MAYBE,
        "seconds": {"type": ["number", "null"]},
        "found": listed(TEXT),
    }
)
_ANY: Schema = {"type": "object"}
_DELETED = thing({"object": TEXT, "id": TEXT, "deleted": _BOOL})


def _page(schema: Schema, *more: str) -> Schema:
    """A page of a list; `more`: objects that stand beside it."""
    following: Schema = {
        "type": ["string", "integer", "null"],
        "description": "`after` (or `before`) of the next page.",
    }
    shown = {"object": {"const": "list"}, "data": listed(schema), "next": following}
    return thing({**shown, **dict.fromkeys(more, _ANY)}, *more)


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


def _path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


_LIMIT = _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED})
_AFTER = _query("after", TEXT)
_SEARCH = _query("search", {"type": "string", "maxLength": SEARCH_CHARS})
_ORDERED = _query("order", {"enum": ["asc", "desc"]})


def paths(do: Do) -> Schema:
    """`do`: as for money.paths. All with a key of the scope `admin`."""
    return {**_accounts(do), **_invites(do), **_workers(do), **_looks(do)}


def _accounts(do: Do) -> Schema:
    grant = do("post", "Give, book a deposit or pay out, once.", _GRANT, 201, 400, 404, 413, 503, body="GrantRequest")
    grant["post"]["responses"]["200"] = grant["post"]["responses"]["201"]
    once: Schema = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {**TEXT, "minLength": 1}}
    grant["post"]["parameters"] = [once]
    disabled = _query("disabled", {"enum": ["true", "false", "any"]})
    change = do("post", "Disable, enable or weigh it.", thing(_LINE), 200, 400, 404, 413, 503, body="AccountChange")
    return {
        "/v1/admin/accounts": {
            "parameters": [_SEARCH, _query("sort", {"enum": [*SORTS]}), _ORDERED, disabled, _LIMIT, _AFTER],
            **do("get", "All accounts, in pages.", _page(_ACCOUNT), 200, 400, 503),
        },
        "/v1/admin/accounts/{account}": {
            "parameters": [_path("account")],
            **do("get", "One account, with its balances and keys.", _ANY, 200, 400, 404, 503),
            **change,
        },
        "/v1/admin/accounts/{account}/grants": {"parameters": [_path("account")], **grant},
        "/v1/admin/keys/{key_id}": {
            "parameters": [_path("key_id")],
            **do("delete", "End a key of any account.", _DELETED, 200, 400, 404, 503),
        },
    }


def _invites(do: Do) -> Schema:
    made = do("post", "An invite, shown here alone.", _INVITE, 201, 400, 404, 413, 503, body="OperatorInvite")
    listed_ = do("get", "All invites.", _page(_INVITE), 200, 400, 503)
    listed_["get"]["parameters"] = [_LIMIT, _AFTER]
    return {
        "/v1/admin/invites": {**made, **listed_},
        "/v1/admin/invites/{invite_id}": {
            "parameters": [_path("invite_id")],
            **do("delete", "End an invite that is not used.", _DELETED, 200, 400, 404, 503),
        },
    }


def _workers(do: Do) -> Schema:
    order = do("post", "Have it rest, send it away, or end that.", _ORDER, 201, 400, 404, 413, 503, body="WorkerOrder")
    order["post"]["responses"]["200"] = order["post"]["responses"]["201"]
    standing = do("get", "The orders that stand.", _page(_ORDER), 200, 400, 503)
    standing["get"]["parameters"] = [_LIMIT, _AFTER]
    named = [_query(name, TEXT) for name in ("model", "account")]
    everyone = _page(_ANY, "states")
    everyone["properties"]["counted_until"] = COUNTED_UNTIL
    everyone["properties"]["left_out"] = {**COUNT, "description": "Workers of other replicas that are not listed."}
    state, sort = _query("state", {"enum": ["any", "troubled", *STATES]}), _query("sort", {"enum": [*KINDS_OF]})
    severity = _query("severity", {"enum": ["any", *SEVERITIES]})
    return {
        "/v1/admin/workers": {
            "parameters": [_SEARCH, state, *named, sort, _ORDERED, _LIMIT, _AFTER],
            **do("get", "All workers that are connected, in pages.", everyone, 200, 400, 503),
        },
        "/v1/admin/worker-orders": {**order, **standing},
        "/v1/admin/problems": {
            "parameters": [severity, _LIMIT, _query("after", COUNT)],
            **do("get", "Every problem of the network, the worst first.", _page(_ANY, "severities"), 200, 400, 503),
        },
    }


def _looks(do: Do) -> Schema:
    who = [_query(name, TEXT) for name in ("actor", "action", "target")]
    return {
        "/v1/admin/overview": do("get", "All money in a few sums, and what waits.", _ANY, 200, 400, 503),
        "/v1/admin/holds": {
            "parameters": [_query("account", {**TEXT, "minLength": 1}), _LIMIT, _AFTER],
            **do("get", "Open holds, the oldest first.", _page(_ANY), 200, 400, 404, 503),
        },
        "/v1/admin/audit": {
            "parameters": [*who, _query("since", COUNT), _LIMIT, _query("before", COUNT)],
            **do("get", "What operators did, the newest first.", _page(_ANY), 200, 400, 503),
        },
        "/v1/admin/ledger-check": {
            **do("get", "How the last check of the books went.", _CHECK, 200, 400),
            **do("post", "Begin one.", _CHECK, 202, 400),
        },
    }
