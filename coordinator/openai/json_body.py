"""A request body as JSON within bounds: nothing that passes here can exhaust a stack, a parser or a grammar compiler.

Everything up to 64 levels took a running llama-server under 0.1 s. Schemas have bounds of their own, in
wire/schema_limits.py.
"""

from math import isinf
from typing import Any

from pydantic_core import from_json

from wire.errors import ErrorCode, SupernetError, invalid

Json = dict[str, Any]  # a JSON object

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_PICTURES_BODY_BYTES = 20 * 1024 * 1024  # with pictures; without them there is no more in it than in any other
MAX_DEPTH = 64
MAX_VALUES = 100_000  # a body of 4 MiB can hold two million; a conversation of 2048 messages holds some 20,000
MAX_INTEGER = 2**64  # above it JSON readers disagree, and Python's own conversion is quadratic


def load(body: bytes, most: int = MAX_BODY_BYTES) -> Any:
    """The body's JSON value. Of a key given twice the last one counts, as in every common JSON reader.

    Raises SupernetError: request_too_large above `most` bytes, else invalid_request for whatever is not UTF-8, not
    JSON (NaN, Infinity and lone surrogates are not), or beyond the bounds above.
    """
    if len(body) > most:
        message = f"The request body has {len(body)} bytes: at most {most} are accepted."
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
