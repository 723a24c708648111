"""What a hostile request is made of, and the status that it must get."""

import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

MIB = 1024 * 1024


@dataclass(frozen=True)
class Hostile:
    """One request. `body` goes out as it is; `status` has several where each is right."""

    name: str
    body: bytes
    status: frozenset[int]
    path: str = "/v1/chat/completions"
    method: str = "POST"
    headers: Json = field(default_factory=dict)
    key: bool = True


def chat(content: Any = "hi", **fields: Any) -> Json:
    return {"messages": [{"role": "user", "content": content}], "max_tokens": 1, **fields}


def ask(name: str, body: Json, *status: int, **rest: Any) -> Hostile:
    # Lone surrogates and NaN go out as a careless client writes them.
    return Hostile(name, json.dumps(body).encode(), frozenset(status), **rest)


def raw(name: str, body: bytes, *status: int, **rest: Any) -> Hostile:
    return Hostile(name, body, frozenset(status), **rest)


def tool(parameters: Json, name: str = "f", **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def json_schema(schema: Json) -> Json:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}


def nested_schema(depth: int) -> Json:
    schema: Json = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    return schema


def assistant_calls(*arguments: str) -> Json:
    """A turn of the assistant that calls a function once with each of the arguments."""
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": one}} for one in arguments]
    return {"role": "assistant", "content": None, "tool_calls": calls}
