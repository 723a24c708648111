"""Lines between the daemon and its children: one message is one line, its class name, a blank, and JSON.

No pickle: a child parses files and text of strangers, and an attacker who takes it over must not thereby run code in
the daemon. So each direction has a closed list of types, and every line is checked (strict types, bounded length and
number of values) up to its first fault.

Token lists stay JSON numbers. Measured for a prompt of 262,144 tokens: pydantic writes them in 5 ms and reads them in
11 ms, base64 of int32 takes 5 and 7: making the Python integers is what costs, a second notation would buy nothing.
"""

from types import GenericAlias
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator

from wire.bounds import Bounds, excess

MAX_LINE_BYTES = 16 << 20  # a Start may have 8 MiB; as tokens and escaped text it may grow
MOST = Bounds(containers=2**18, values=2**21)  # a prompt of 262,144 tokens, and all that a Start may hold

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
        self._readers = {name: _reader(adapter) for name, adapter in self._adapters.items()}

    def encode(self, message: T) -> bytes:
        """The message's line, with its end. Raises Garbled if it is longer than the other side accepts."""
        name = type(message).__name__
        line = b"%s %s\n" % (name.encode(), self._adapters[name].dump_json((message,)))
        if len(line) > self.limit:
            raise Garbled(f"{name} of {len(line)} bytes: the limit is {self.limit}")
        return line

    def decode(self, line: bytes) -> T:
        """Read one line as a message. Raises Garbled."""
        if len(line) > self.limit:
            raise Garbled(f"line of {len(line)} bytes: the limit is {self.limit}")
        name, _, body = line.partition(b" ")
        reader = self._readers.get(name.decode("ascii", "replace"))
        if reader is None:
            raise Garbled("line of no known type")
        if too_much := excess(body, MOST):
            raise Garbled(f"{name.decode()} with {too_much}")
        try:
            message: T = reader.validate_json(body)[0]
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            raise Garbled(f"{name.decode()}: {where}: {first['msg']}") from None
        return message


def _adapter(kind: type) -> TypeAdapter[Any]:
    # a tuple of one, because pydantic takes a configuration for a plain dataclass only from around it
    around: Any = GenericAlias(tuple, (kind,))
    return TypeAdapter(around, config=_CONFIG)


def _reader(adapter: TypeAdapter[Any]) -> SchemaValidator:
    """The adapter's validator, with every list made to stop at its first fault. Of a type on a pipe that is a plain
    dataclass no field can forget to; those of the wire say so themselves, in wire/messages.py."""
    return SchemaValidator(_stopping(adapter.core_schema))


def _stopping(node: Any) -> Any:
    if isinstance(node, dict):
        copy = {key: _stopping(value) for key, value in node.items()}
        return {**copy, "fail_fast": True} if node.get("type") in ("list", "tuple") else copy
    if isinstance(node, list | tuple):
        return type(node)(_stopping(item) for item in node)
    return node
