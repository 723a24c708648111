"""Lines between the daemon and its children: one message is one line, its class name, a blank, and JSON.

No pickle: a child parses files and text of strangers, and whoever takes it over must not thereby run code in the
daemon. So each direction has a closed list of types, and every line is checked in full (strict types, bounded length).

Token lists stay JSON numbers. Measured for a prompt of 262,144 tokens: pydantic writes them in 5 ms and reads them in
11 ms, base64 of int32 takes 5 and 7: making the Python integers is what costs, a second notation would buy nothing.
"""

from types import GenericAlias
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

MAX_LINE_BYTES = 32 << 20  # a Start may have 16 MiB; as tokens and escaped text it may grow

T = TypeVar("T")

# base64: a token may be any bytes. Infinity is legal: the logprob of a forbidden token.
_CONFIG = ConfigDict(strict=True, ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")


class Garbled(ValueError):
    """A line that is no message of this pipe. The text names the fault, never the content: that may be a prompt."""


class Codec(Generic[T]):
    """One direction of a pipe: the types that may travel on it, and the longest line, its end included."""

    def __init__(self, limit: int, *types: type) -> None:
        self.limit = limit
        self._adapters: dict[str, TypeAdapter[Any]] = {kind.__name__: _adapter(kind) for kind in types}

    def encode(self, message: T) -> bytes:
        """The message's line, with its end. Raises Garbled if it is longer than the other side accepts."""
        name = type(message).__name__
        line = b"%s %s\n" % (name.encode(), self._adapters[name].dump_json((message,)))
        if len(line) > self.limit:
            raise Garbled(f"{name} of {len(line)} bytes: the limit is {self.limit}")
        return line

    def decode(self, line: bytes) -> T:
        """Raises Garbled."""
        if len(line) > self.limit:
            raise Garbled(f"line of {len(line)} bytes: the limit is {self.limit}")
        name, _, body = line.partition(b" ")
        adapter = self._adapters.get(name.decode("ascii", "replace"))
        if adapter is None:
            raise Garbled("line of no known type")
        try:
            message: T = adapter.validate_json(body)[0]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise Garbled(f"{name.decode()}: {where}: {first['msg']}") from None
        return message


def _adapter(kind: type) -> TypeAdapter[Any]:
    # a tuple of one, because pydantic takes a configuration for a plain dataclass only from around it
    around: Any = GenericAlias(tuple, (kind,))
    return TypeAdapter(around, config=_CONFIG)
