"""A request body as JSON within bounds: nothing that passes here can exhaust a stack, a parser or a grammar compiler.

The figures come from attacks on a running llama-server: a schema nested 20,000 deep killed the process, one nested
5,000 deep held a core for 17.8 s, and everything up to 64 levels took under 0.1 s.
"""

from math import isinf
from typing import Any

from pydantic_core import from_json, to_json

from wire.errors import ErrorCode, SupernetError, invalid

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 100_000  # a body of 4 MiB can hold two million; a conversation of 2048 messages holds some 20,000
MAX_INTEGER = 2**64  # above it JSON readers disagree, and Python's own conversion is quadratic

MAX_SCHEMA_DEPTH = 32
MAX_SCHEMA_BYTES = 64 * 1024
MAX_PATTERN_CHARS = 256
MAX_PATTERN_DEPTH = 8


def load(body: bytes) -> Any:
    """The body's JSON value. Of a key given twice the last one counts, as in every common JSON reader.

    Raises SupernetError: request_too_large above MAX_BODY_BYTES, else invalid_request for whatever is not UTF-8, not
    JSON (NaN, Infinity and lone surrogates are not), or beyond the bounds above.
    """
    if len(body) > MAX_BODY_BYTES:
        message = f"The request body has {len(body)} bytes: at most {MAX_BODY_BYTES} are accepted."
        raise SupernetError(ErrorCode.REQUEST_TOO_LARGE, message)
    try:
        # The reader's own limit is 200 levels, so a deep body ends in a ValueError and never in a RecursionError.
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise invalid(None, f"The request body is not valid JSON: {error}.") from None
    depth, scalars = measure(value)
    if depth > MAX_DEPTH:
        raise invalid(None, f"The request body is nested {depth} levels deep: at most {MAX_DEPTH} are accepted.")
    if any(_out_of_range(scalar) for scalar in scalars):
        raise invalid(None, "The request body has a number that is out of range.")
    return value


def _out_of_range(scalar: Any) -> bool:
    if isinstance(scalar, float):
        return isinf(scalar)  # 1e999 is read as infinity
    return isinstance(scalar, int) and abs(scalar) > MAX_INTEGER


def measure(value: Any) -> tuple[int, list[Any]]:
    """How many containers lie inside each other, and every scalar. Raises SupernetError above MAX_VALUES values."""
    depth, count = 0, 1
    scalars: list[Any] = []
    level = [value]
    while True:
        inner: list[Any] = []
        containers = 0
        for item in level:
            if isinstance(item, dict):
                containers += 1
                inner.extend(item.values())
            elif isinstance(item, list):
                containers += 1
                inner.extend(item)
            else:
                scalars.append(item)
        count += len(inner)
        if count > MAX_VALUES:
            raise invalid(None, f"The request body has more than {MAX_VALUES} values.")
        if not containers:
            return depth, scalars
        depth += 1
        level = inner


def check_schema(schema: dict[str, Any], param: str) -> None:
    """Bounds of a JSON Schema that a worker will compile. Raises SupernetError that names `param`."""
    size = len(to_json(schema))
    if size > MAX_SCHEMA_BYTES:
        raise invalid(param, f"The schema in '{param}' has {size} bytes: at most {MAX_SCHEMA_BYTES} are accepted.")
    depth, _ = measure(schema)
    if depth > MAX_SCHEMA_DEPTH:
        raise invalid(param, f"The schema in '{param}' is nested {depth} deep: at most {MAX_SCHEMA_DEPTH} is accepted.")
    for pattern in _patterns(schema):
        if len(pattern) > MAX_PATTERN_CHARS or _groups(pattern) > MAX_PATTERN_DEPTH:
            bounds = f"at most {MAX_PATTERN_CHARS} characters and {MAX_PATTERN_DEPTH} nested groups are accepted"
            raise invalid(param, f"A regular expression in '{param}' is too large: {bounds}.")


def _patterns(schema: dict[str, Any]) -> list[str]:
    """Every regular expression: values of `pattern` and keys of `patternProperties`, wherever they stand."""
    found: list[str] = []
    waiting: list[Any] = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
            if isinstance(item.get("pattern"), str):
                found.append(item["pattern"])
            if isinstance(item.get("patternProperties"), dict):
                found.extend(item["patternProperties"])
    return found


def _groups(pattern: str) -> int:
    """How deep parentheses nest, escaped ones apart. Inside a character class they count too: the bound is generous."""
    depth = deepest = 0
    escaped = False
    for char in pattern:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth -= 1
    return deepest
