"""The OpenAPI document: what is asked is read off the readers, what is answered is in answers.py.

Frameworks derive such a document from models of the bodies. There are none here: the readers (`coordinator/openai`)
take a body field by field, so that no field can be ignored in silence, and a second list of the fields would drift from
them. So the readers are given bodies of every kind while `notes.py` notes what they ask for. The price is this package,
the least ordinary code of the repository; `tests/e2e/test_the_api_document.py` holds a running coordinator to its
result.
"""

from importlib.metadata import version
from typing import Any

from tools.compat.fields import CHATS, MEDIA
from tools.openapi import (
    alerts,
    answers,
    drawn,
    earnings,
    media,
    money,
    network,
    operator,
    past,
    payouts,
    people,
    raw,
    samples,
    sogni,
)
from tools.openapi.requests import Describer
from tools.openapi.tags import tagged, tags
from wire.errors import ERRORS

Schema = dict[str, Any]

_ABOUT = """Chat completions from other people's GPUs, as OpenAI's clients ask for them.

Every field is also read in camelCase (`maxTokens`). null means that a field is not given. A field that is not listed
is refused with 400, by name. A request may also be refused for what no schema says: two tools with one name, a call of
a tool that is not declared, a schema that is nested too deep, an integer beyond 64 bits, messages that are too long
for the model.

Errors have OpenAI's envelope, below `/v1/messages` Anthropic's (`MessagesError`), in a stream as an event. Workers
connect to `/v1/worker`, a websocket, which is described in the documentation of the protocol."""

_HEADERS: Schema = {
    "x-request-id": {
        "schema": {"type": "string"},
        "description": "The client's own, if harmless. `/v1/account/requests/{id}` finds a request by it.",
    },
}
_TIMING: Schema = {
    name: {"schema": {"type": "string"}, "description": words}
    for name, words in {
        "x-supernet-attempts": "Workers that were asked.",
        "x-supernet-queue-ms": "Time in the queue.",
        "x-supernet-ttft-ms": "Time to the first token.",
        "x-supernet-worker": "A pseudonym of the worker.",
    }.items()
}
_AGAIN: Schema = {name: {"schema": {"type": "string"}} for name in ("retry-after", "retry-after-ms")}

_EVENT: Schema = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["data"],
    "description": "Each server-sent event; `data` is JSON.",
}

# What any request with a key may meet, and what one that becomes a job may meet besides.
_KEYED = (401, 403)
_JOB = tuple(sorted({415, *(row.status for row in ERRORS.values())}))  # 415: a Content-Encoding that is not decoded


def _json(schema: Schema, words: str, headers: Schema | None = None) -> Schema:
    return {
        "description": words,
        "headers": {**_HEADERS, **(headers or {})},
        "content": {"application/json": {"schema": schema}},
    }


def _errors(*statuses: int) -> Schema:
    return {
        str(status): {"$ref": "#/components/responses/" + ("ErrorLater" if status in (429, 503) else "Error")}
        for status in statuses
    }


def _get(words: str, schema: Schema, *statuses: int, key: bool = True, **more: Any) -> Schema:
    return {
        "get": {
            "summary": words,
            **({} if key else {"security": []}),
            "responses": {"200": _json(schema, words), **_errors(*statuses, *(_KEYED if key else ()))},
            **more,
        }
    }


def _ask(
    words: str, body: str, answer: str, events: str, examples: dict[str, Schema], form: str | None = None
) -> Schema:
    """What becomes a job. `events`: of an answer that may be a stream; `form`: the same request as a form."""
    shown = {name: {"value": example} for name, example in examples.items()}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}, "examples": shown}}
    if form is not None:
        content["multipart/form-data"] = {"schema": {"$ref": f"#/components/schemas/{form}"}}
    answered = _json({"$ref": f"#/components/schemas/{answer}"}, "The whole answer.", _TIMING if events else None)
    if events:
        answered["description"] = f"The whole answer; with `stream`, {events}."
        answered["content"]["text/event-stream"] = {"schema": _EVENT}
    return {
        "post": {
            "summary": words,
            "requestBody": {"required": True, "content": content},
            "responses": {"200": answered, **_errors(*_JOB)},
        }
    }


def _operation(method: str, words: str, schema: Schema, status: int, *errors: int, body: str | None = None) -> Schema:
    asked: Schema = {}
    if body is not None:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
        asked = {"requestBody": {"required": True, "content": content}}
    answered = {str(status): _json(schema, words), **_errors(*errors, *_KEYED)}
    return {method: {"summary": words, **asked, "responses": answered}}


_METRICS: Schema = {
    "summary": "For Prometheus, with a key of the scope `metrics`.",
    "responses": {
        "200": {"description": "Text, or OpenMetrics.", "headers": _HEADERS, "content": {"text/plain": {}}},
        **_errors(*_KEYED),
    },
}


def _paths() -> Schema:
    one = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    status = {"$ref": "#/components/schemas/Status"}
    ready = _get("Whether requests are taken.", status, key=False)
    ready["get"]["responses"]["503"] = _json(status, "It drains, or its database is out of reach.")
    return {
        "/v1/chat/completions": _ask(
            "Complete a conversation.",
            "ChatRequest",
            "ChatCompletion",
            "events of ChatCompletionChunk, then `[DONE]`",
            samples.EXAMPLES_CHAT,
        ),
        "/v1/responses": _ask(
            "Complete a conversation, in the words of the Responses API. Stateless.",
            "ResponsesRequest",
            "Response",
            "the events of the Responses API",
            samples.EXAMPLES_RESPONSES,
        ),
        "/v1/messages": _ask(
            "Complete a conversation, in the words of Anthropic's Messages API.",
            "MessagesRequest",
            "Message",
            "the events of the Messages API",
            samples.EXAMPLES_MESSAGES,
        ),
        "/v1/models": _get("All models.", {"$ref": "#/components/schemas/Models"}),
        "/v1/models/{model}": {
            "parameters": [one],
            **_get("One model.", {"$ref": "#/components/schemas/Model"}, 404),
        },
        **money.paths(_operation),
        **payouts.paths(_operation),
        **alerts.paths(_operation),
        **operator.paths(_operation),
        **earnings.paths(_operation),
        **people.paths(_operation),
        **media.paths(_operation),
        **drawn.paths(_ask, _operation),
        **sogni.paths(_operation),
        **network.paths(),
        "/health": _get("Whether the process runs.", status, key=False),
        "/livez": _get("Whether the process runs.", status, key=False),
        "/readyz": ready,
        "/metrics": {"get": _METRICS},
        "/openapi.json": _get("This document.", {"type": "object"}, key=False),
    }


def _network() -> Schema:
    """What the dashboard reads."""
    worker = {"name": "worker", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    network = _kind("network", "at_ms", "viewer", "totals", "history", "models", "problems", "workers")
    one = _kind("network.worker", "id", "status", "hardware", "models", "issues", "tokens_per_second")
    events = _get("The same as events: first whole, then each second what has changed.", network, 429)
    events["get"]["responses"]["200"]["content"] = {"text/event-stream": {"schema": _EVENT}}
    return {
        "/v1/network": _get("The network now: workers, slots, queue, speed, problems; of others no names.", network),
        "/v1/network/events": events,
        **past.paths(_get),
        "/v1/network/workers/{worker}": {
            "parameters": [worker],
            **_get("One worker, for its owner and the operator.", one, 404),
        },
        "/v1/network/workers/{worker}/earnings": {
            "parameters": [worker],
            **_get("What one worker has earned.", _kind("network.earnings", "earned_nano_usd", "escrow_nano_usd"), 404),
        },
    }


def _kind(name: str, *required: str) -> Schema:
    return {
        "type": "object",
        "properties": {"object": {"const": name}},
        "required": ["object", *required],
    }


def document() -> Schema:
    chat, responses, messages = CHATS
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Supernet",
            "version": version("supernet"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"bearer": []}, {"header": []}],
        "tags": tags(),
        "paths": tagged({**_paths(), **_network()}),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
            "responses": {
                "Error": _json({"$ref": "#/components/schemas/Error"}, "Refused or failed; the error says why."),
                "ErrorLater": _json({"$ref": "#/components/schemas/Error"}, "Try again later.", _AGAIN),
            },
            "schemas": {
                "ChatRequest": Describer(chat, raw.CHAT, raw.MORE_CHAT).schema(samples.CHAT),
                "ChatCompletion": answers.COMPLETION,
                "ChatCompletionChunk": answers.CHUNK,
                "ResponsesRequest": Describer(responses, raw.RESPONSES, raw.MORE_RESPONSES).schema(samples.RESPONSES),
                "Response": answers.RESPONSE,
                "MessagesRequest": Describer(messages, raw.MESSAGES, raw.MORE_MESSAGES).schema(samples.MESSAGES),
                "Message": answers.MESSAGE,
                **drawn.schemas(*MEDIA),
                "KeyRequest": money.KEY_REQUEST,
                "KeyChange": money.KEY_CHANGE,
                "AlertRequest": alerts.ALERT_REQUEST,
                "Electricity": earnings.ELECTRICITY,
                "PayoutRequest": payouts.PAYOUT_REQUEST,
                "PayoutDecision": payouts.PAYOUT_DECISION,
                "DepositRequest": payouts.DEPOSIT_REQUEST,
                **operator.BODIES,
                "PasskeyRequest": people.PASSKEY_REQUEST,
                "LinkRequest": people.LINK_REQUEST,
                "InviteRequest": people.INVITE_REQUEST,
                "MediaReport": media.REPORT,
                "Models": answers.MODELS,
                "Model": answers.MODEL,
                "Status": answers.STATUS,
                "Error": answers.ERROR,
                "MessagesError": answers.MESSAGES_ERROR,
            },
        },
    }
