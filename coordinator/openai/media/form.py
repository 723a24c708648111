"""A multipart/form-data body -> what the same request says in JSON, with its files beside it.

A form knows only text, so numbers and switches are told by the names of their fields.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from coordinator.openai.json_body import Json
from wire.errors import invalid
from wire.media import MAX_PROMPT_CHARS

FORM = "multipart/form-data"
MAX_PARTS = 64
MAX_TEXT_BYTES = 4 * MAX_PROMPT_CHARS  # of a field that is no file: a character has four bytes at most
INTEGERS = frozenset({"n", "steps", "seed", "partial_images", "output_compression", "fps"})
SWITCHES = {"true": True, "false": False, "True": True, "False": False}
_INTEGER = re.compile(r"-?[0-9]{1,20}")


@dataclass(frozen=True)
class Form:
    """`values`: fields by name, as JSON would have them. `files`: (field, bytes) in their order; `image[]` and
    `image[0]` are `image`, as clients write lists."""

    values: Json = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()


@dataclass
class _Part:
    disposition: dict[bytes, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == FORM


def read_form(body: bytes, content_type: str) -> Form:
    """The form of a body. Raises invalid_request for what is none, a part without a name, a field given twice, or more
    than MAX_PARTS parts."""
    values: Json = {}
    files: list[tuple[str, bytes]] = []
    for part in _parts(body, content_type):
        name = part.disposition.get(b"name", b"").decode(errors="replace")
        if not name:
            raise invalid(None, "The form has a part without a name.")
        if b"filename" in part.disposition:
            files.append((re.sub(r"\[[0-9]*\]$", "", name), bytes(part.data)))
        elif name in values:
            raise invalid(name[:64], f"The form has the field '{name[:64]}' twice.")
        else:
            values[name] = _value(name, part.data)
    return Form(values, tuple(files))


def _value(name: str, data: bytearray) -> Any:
    if len(data) > MAX_TEXT_BYTES:
        raise invalid(name[:64], f"Invalid '{name[:64]}': it has {len(data):,} bytes, at most {MAX_TEXT_BYTES:,}.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise invalid(name[:64], f"Invalid '{name[:64]}': it is not UTF-8.") from None
    if name in INTEGERS and _INTEGER.fullmatch(text):
        return int(text)
    if name == "stream":
        return SWITCHES.get(text, text)
    return text


def _parts(body: bytes, content_type: str) -> list[_Part]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise invalid(None, f"The Content-Type {FORM} names no boundary: let the HTTP library write it.")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise invalid(None, f"The body is not {FORM} as its boundary says.") from None
    if not reader.whole:
        raise invalid(None, f"The body of {FORM} ends before its last boundary.")
    return reader.parts


class _Reader:
    """Puts the pieces together that the parser tells of."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.whole = False
        self._header = bytearray()
        self._value = bytearray()

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self.parts[-1].data.extend(memoryview(data)[start:end]),
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise invalid(None, f"The form has more than {MAX_PARTS} parts.")
        self.parts.append(_Part())

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self.parts[-1].disposition.update(parse_options_header(bytes(self._value))[1])
        self._header, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        self.whole = True
