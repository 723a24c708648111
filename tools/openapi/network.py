"""The paths of the network as people watch it: plain questions, with answers of one object each."""

from typing import Any

Schema = dict[str, Any]

_OBJECT: Schema = {"type": "object", "properties": {"object": {"type": "string"}}, "required": ["object"]}
_WORKER = {"name": "worker", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _operation(words: str, answer: Schema, status: int, errors: tuple[int, ...], *parameters: Schema) -> Schema:
    failed = {
        str(code): {"$ref": "#/components/responses/" + ("ErrorLater" if code in (429, 503) else "Error")}
        for code in sorted({401, 403, *errors})
    }
    shown = {"description": words, "content": {"application/json": {"schema": answer}}}
    return {"summary": words, "parameters": list(parameters), "responses": {str(status): shown, **failed}}


def paths() -> Schema:
    events = _operation("The network, again whenever it changes.", _OBJECT, 200, (429,))
    events["responses"]["200"]["content"] = {"text/event-stream": {}}
    return {
        "/v1/network": {"get": _operation("The network as it is now.", {"type": "object"}, 200, ())},
        "/v1/network/events": {"get": events},
        "/v1/network/workers/{worker}": {"get": _operation("One worker.", {"type": "object"}, 200, (404,), _WORKER)},
        "/v1/network/workers/{worker}/earnings": {
            "get": _operation("What it has earned.", _OBJECT, 200, (404,), _WORKER)
        },
    }
