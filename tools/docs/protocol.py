"""docs/protocol.md and docs/protocol.schema.json, from wire/: what a worker that is not ours has to know."""

import inspect
import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from coordinator.admission import useless_frames
from program.useless_frames import INVALID
from tools.docs.tables import table
from wire import codec, errors, messages
from wire.job_state import ENDED, TRANSITIONS, JobMessage

Schema = dict[str, Any]

INTRODUCTION = Path(__file__).with_name("protocol.in.md")
JOB_TABLE = """## The states of a job

Both ends obey this table (`wire/job_state.py`). A pair that is not in it is a violation, and ends the attempt.
"""

ERRORS = """## Error codes

`retryable`: another worker may try the job. Status and type are what an API client sees. A worker is believed when it
blames the request with `invalid_request`, `request_too_large` or `context_length_exceeded`, and with no other code.
`internal_error` says that it met a bug in itself while it read the answer, and counts as an engine that crashed does:
one more worker tries, and if it fails so too, the request is refused for ten minutes. So it is with workers that have
finished a job since they joined, the coordinator's own test included. One that dies of its first is taken for a machine
that cannot compute: it rests and is tested, the job goes elsewhere, and nothing is held against the request.
"""


def page() -> str:
    """The whole of docs/protocol.md."""
    parts = [
        introduction(),
        "## Frames of a worker\n",
        *(frame(model) for model in _frames(messages.ToCoordinator)),
        "## Frames of a coordinator\n",
        *(frame(model) for model in _frames(messages.ToWorker)),
        "## Shapes inside frames\n",
        *(frame(model) for model in _inner()),
        JOB_TABLE,
        job_table() + "\n",
        ERRORS,
        error_table() + "\n",
        "## Close codes\n",
        close_table(),
    ]
    return "\n".join(parts) + "\n"


def introduction() -> str:
    """The prose, with the numbers of the code."""
    return INTRODUCTION.read_text(encoding="utf-8").format(
        path=messages.WORKER_PATH,
        subprotocol=messages.SUBPROTOCOL,
        version=messages.PROTOCOL_VERSION,
        hello_s=messages.HELLO_TIMEOUT_S,
        heartbeat_s=messages.HEARTBEAT_S,
        dead_s=messages.DEAD_AFTER_S,
        hello_kib=codec.MAX_BEFORE_WELCOME_BYTES // 2**10,
        from_worker_mib=codec.MAX_TO_COORDINATOR_BYTES // 2**20,
        to_worker_mib=codec.MAX_TO_WORKER_BYTES // 2**20,
        small_kib=codec.MAX_SMALL_TO_COORDINATOR_BYTES // 2**10,
        from_worker_containers=f"{codec.TO_COORDINATOR_BOUNDS.containers:,}",
        useless_mib=useless_frames.MOST_BYTES // 2**20,
        useless_kib=useless_frames.BYTES_PER_S // 2**10,
        invalid=INVALID,
    )


def schemas() -> str:
    """Both directions as one JSON Schema document: `$defs/ToCoordinator` and `$defs/ToWorker` are the unions."""
    unions: dict[str, TypeAdapter[Any]] = {"ToCoordinator": messages.TO_COORDINATOR, "ToWorker": messages.TO_WORKER}
    defs: Schema = {}
    for name, adapter in unions.items():
        made = adapter.json_schema(ref_template="#/$defs/{model}")
        defs |= made.pop("$defs")
        defs[name] = made
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Supernet, worker protocol"}
    return json.dumps(document | {"$defs": dict(sorted(defs.items()))}, indent=2) + "\n"


def _frames(union: Any) -> list[type[BaseModel]]:
    return list(get_args(get_args(union)[0]))


def _inner() -> list[type[BaseModel]]:
    """Models that frames are made of and that are no frames themselves, by name."""
    frames = {*_frames(messages.ToCoordinator), *_frames(messages.ToWorker)}
    found: dict[str, type[BaseModel]] = {}

    def visit(kind: Any) -> None:
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                for field in kind.model_fields.values():
                    visit(field.annotation)
        for argument in get_args(kind):
            visit(argument)

    for model in frames:
        visit(model)
    return [model for name, model in sorted(found.items()) if model not in frames]


# ---- one model ---------------------------------------------------------------------------------------------------


def frame(model: type[BaseModel]) -> str:
    """A heading, what its docstring says, and a table of its fields."""
    schema = TypeAdapter(model).json_schema()
    kind = schema["properties"].get("type", {}).get("const")
    title = f"### `{kind}`" if kind and model in _all_frames() else f"### {model.__name__}"
    about = inspect.cleandoc(model.__doc__ or "") if model.__doc__ != BaseModel.__doc__ else ""
    rows = [
        (f"`{name}`", value(field), "required" if name in schema.get("required", ()) else default(field))
        for name, field in schema["properties"].items()
        if not (name == "type" and model in _all_frames())
    ]
    return "\n\n".join(filter(None, [title, about, table(("field", "value", "default"), rows)])) + "\n"


def _all_frames() -> list[type[BaseModel]]:
    return [*_frames(messages.ToCoordinator), *_frames(messages.ToWorker)]


def default(field: Schema) -> str:
    return f"`{json.dumps(field['default'])}`" if "default" in field else "none"


def value(schema: Schema) -> str:
    """A JSON Schema in words."""
    if "$ref" in schema:
        return _reference(schema["$ref"])
    if "const" in schema:
        return f'`"{schema["const"]}"`'
    if "enum" in schema:
        return "one of " + ", ".join(f'`"{each}"`' for each in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(value(each) for each in schema[key])
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind in ("integer", "number"):
        return f"{kind}{_range(schema)}"
    if kind == "string":
        return "text" + _length(schema)
    return {"boolean": "true or false", "null": "null", "object": "object", None: "any JSON"}[kind]


def _reference(ref: str) -> str:
    name = ref.rpartition("/")[2]
    if name == "ErrorCode":
        return "an [error code](#error-codes)"
    return f"[{name}](#{name.lower()})"


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return "[" + ", ".join(value(each) for each in schema["prefixItems"]) + "]"
    most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
    return f"list of {value(schema['items'])}{most}"


def _range(schema: Schema) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    words = []
    if least is not None:
        words.append(f"{'above' if 'exclusiveMinimum' in schema else 'from'} {_number(least)}")
    if most is not None:
        words.append(f"{'below' if 'exclusiveMaximum' in schema else 'to'} {_number(most)}")
    return " " + " ".join(words) if words else ""


def _number(number: float) -> str:
    exponent = int(number).bit_length() - 1
    return f"2^{exponent}" if number == 2**exponent and exponent > 16 else f"{number:g}"


def _length(schema: Schema) -> str:
    words = [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    words += [f"matching `{schema['pattern']}`"] if "pattern" in schema else []
    return " " + ", ".join(words) if words else ""


# ---- tables ------------------------------------------------------------------------------------------------------


def job_table() -> str:
    head = ("state", *(message.value for message in JobMessage))
    rows = [
        (f"**{state.value}**", *(str(moves.get(message, "")) for message in JobMessage))
        for state, moves in TRANSITIONS.items()
        if state not in ENDED
    ]
    ends = ", ".join(sorted(state.value for state in ENDED))
    return table(head, rows) + f"\n\nEnds, which nothing may follow: {ends}."


def error_table() -> str:
    rows = [
        (f"`{code.value}`", str(row.status), row.openai_type, "yes" if row.retryable else "no")
        for code, row in errors.ERRORS.items()
    ]
    return table(("code", "HTTP status", "type", "retryable"), rows)


def close_table() -> str:
    """The CLOSE_... constants, which say by their names what they mean."""
    codes = {name: number for name, number in vars(errors).items() if name.startswith("CLOSE_")}
    rows = [
        (
            str(number),
            name.removeprefix("CLOSE_").lower().replace("_", " "),
            "no" if number in errors.FATAL_CLOSE_CODES else "yes",
        )
        for name, number in sorted(codes.items(), key=lambda item: item[1])
    ]
    return table(("code", "meaning", "dial again"), rows)
