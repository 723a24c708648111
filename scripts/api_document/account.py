"""The paths of accounts, of prices and of the network: plain questions, with answers of one object each."""

from typing import Any

from coordinator.account import MAX_DAYS, MAX_LIMIT, _wish
from coordinator.accounts import Principal
from coordinator.apikeys import PREFIX
from coordinator.openai_fields import Fields
from scripts.api_document.notes import watched

Schema = dict[str, Any]

_OBJECT: Schema = {"type": "object", "properties": {"object": {"type": "string"}}, "required": ["object"]}
_KEY = {"name": "key_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_WORKER = {"name": "worker", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(name: str, schema: Schema, required: bool = False, words: str = "") -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": words}


_ACCOUNT = _query("account", {"type": "string"}, words="Another account, by name or id: with a key of the scope admin.")


def _key_request() -> Schema:
    """Read off its reader, as those of the chat are."""
    with watched() as seen:
        _wish(Fields({"name": "x", "scopes": ["client"]}), "", Principal("", "", ("client",)))
    properties = {name: schema for name, schema in seen[0].asked.items() if schema is not None}
    scopes = {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "The caller's, if left out."}
    return {
        "type": "object",
        "properties": {**properties, "scopes": scopes},
        "required": ["name"],
        "additionalProperties": False,
    }


def _operation(words: str, answer: Schema, status: int, errors: tuple[int, ...], *parameters: Schema) -> Schema:
    failed = {
        str(code): {"$ref": "#/components/responses/" + ("ErrorLater" if code in (429, 503) else "Error")}
        for code in sorted({401, 403, *errors})
    }
    shown = {"description": words, "content": {"application/json": {"schema": answer}}}
    return {"summary": words, "parameters": list(parameters), "responses": {str(status): shown, **failed}}


def paths() -> Schema:
    count = {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT}
    days = _query("days", {"type": "integer", "minimum": 1, "maximum": MAX_DAYS})
    body = {"required": True, "content": {"application/json": {"schema": _key_request()}}}
    made = f"The key, shown once: it begins with {PREFIX}."
    changing = (400, 404, 413)
    events = _operation("The network, again whenever it changes.", _OBJECT, 200, (429,))
    events["responses"]["200"]["content"] = {"text/event-stream": {}}
    return {
        "/v1/account": {"get": _operation("Balances and bonus.", _OBJECT, 200, (404,), _ACCOUNT)},
        "/v1/account/usage": {"get": _operation("Usage by day.", _OBJECT, 200, (400, 404), _ACCOUNT, days)},
        "/v1/account/bonus": {
            "post": _operation("Claim the daily bonus.", _OBJECT, 200, (400, 402, 404, 429), _ACCOUNT)
        },
        "/v1/account/earnings/spend": {
            "post": _operation("Make earnings spendable.", _OBJECT, 200, (400, 402, 404), _ACCOUNT)
        },
        "/v1/account/keys": {
            "get": _operation("All keys.", _OBJECT, 200, (404,), _ACCOUNT),
            "post": {**_operation(made, _OBJECT, 201, changing, _ACCOUNT), "requestBody": body},
        },
        "/v1/account/keys/{key_id}/regenerate": {"post": _operation(made, _OBJECT, 201, changing, _KEY, _ACCOUNT)},
        "/v1/account/keys/{key_id}": {"delete": _operation("Revoke a key.", _OBJECT, 200, changing, _KEY, _ACCOUNT)},
        "/v1/estimate": {
            "get": _operation(
                "What so many tokens cost.",
                _OBJECT,
                200,
                (400, 404),
                _query("model", {"type": "string"}, required=True),
                _query("input_tokens", count),
                _query("max_output_tokens", count),
                _query("token_type", {"enum": ["auto", "spark", "sogni"]}),
            )
        },
        "/v1/network": {"get": _operation("The network as it is now.", {"type": "object"}, 200, ())},
        "/v1/network/events": {"get": events},
        "/v1/network/workers/{worker}": {"get": _operation("One worker.", {"type": "object"}, 200, (404,), _WORKER)},
        "/v1/network/workers/{worker}/earnings": {
            "get": _operation("What it has earned.", _OBJECT, 200, (404,), _WORKER)
        },
    }
