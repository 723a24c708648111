"""The text of models.yaml -> Catalog, strictly, with errors that name the line.

Nothing here opens a file: program/catalog.py does. The text may come from an operator, so it is bounded (bytes, depth,
values after aliases are expanded) and only plain YAML values are built from it.
"""

from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from wire.catalog import Catalog

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_VALUES = 20_000  # after aliases: a small text with nested aliases can stand for billions of values
MAX_REPORTED = 10


class CatalogError(ValueError):
    """The catalog cannot be used; the text names source, line, key and what is expected there."""


def parse(text: str | bytes, source: str) -> Catalog:
    """Read the text of a catalog, or its bytes as a file has them. `source` is the file's name for messages. Raises
    CatalogError, which names the lines."""
    if len(text if isinstance(text, bytes) else text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise CatalogError(f"{source}: more than {MAX_BYTES} bytes; a catalog is a short list")
    if isinstance(text, bytes):
        text = _decoded(text, source)
    reader = _Reader(source)
    value = reader.read(text)
    try:
        catalog = Catalog.model_validate(value, strict=True)
    except ValidationError as error:
        # A list that lost its wrong items also counts as too short: that says nothing new.
        found = [item for item in error.errors() if item["type"] != "too_short" or error.error_count() == 1]
        lines = sorted((reader.line(item["loc"]), _sentence(item)) for item in found)
        raise CatalogError("\n".join(f"{source}:{line}: {text}" for line, text in lines[:MAX_REPORTED])) from None
    for problem in _cross_check(catalog, reader):
        raise CatalogError(f"{source}:{problem}")
    return catalog


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CatalogError(f"{source}:{line}: this is not UTF-8 text: save the file as UTF-8") from None


def _cross_check(catalog: Catalog, reader: "_Reader") -> Iterator[str]:
    seen: dict[str, int] = {}
    for index, spec in enumerate(catalog.models):
        line = reader.line(("models", index, "id"))
        if spec.id in seen:
            yield f"{line}: model id {spec.id!r} is already used in line {seen[spec.id]}"
        seen[spec.id] = line
    if catalog.default not in seen:
        yield f"{reader.line(('default',))}: default {catalog.default!r} is not one of the models: {', '.join(seen)}"


def _sentence(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    match item["type"]:
        case "extra_forbidden":
            return f"unknown key {key!r}"
        case "missing":
            return f"key {key!r} is missing"
        case "value_error":
            return f"{key}: {item['ctx']['error']}"
        case "string_pattern_mismatch":
            return f"{key}: {str(item['input'])[:80]!r} does not have the form {item['ctx']['pattern']}"
        case _:
            return f"{key}: {item['msg']} (found {str(item['input'])[:80]!r})"


class _Reader:
    """YAML text -> plain values (sequences as tuples), remembering the line of every one of them."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[tuple[str | int, ...], int] = {(): 1}

    def read(self, text: str) -> Any:
        try:
            self._check_depth(text)
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if node is None:
                raise CatalogError(f"{self.source}:1: the catalog is empty; it needs `default` and `models`")
            return self._value(loader, node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise CatalogError(f"{self.source}:{mark.line + 1 if mark else 1}: {error.problem}") from None
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise CatalogError(f"{self.source}: {str(error).splitlines()[0]}") from None

    def line(self, location: tuple[str | int, ...]) -> int:
        """Line of the value, or of the nearest value around it when it is missing."""
        while location not in self.lines:
            location = location[:-1]
        return self.lines[location]

    def _check_depth(self, text: str) -> None:
        """Before nodes are composed: the composer recurses, the parser of events does not."""
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise CatalogError(f"{self.source}:{_line(event)}: nested deeper than {MAX_DEPTH}")
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                depth -= 1

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, at: tuple[str | int, ...]) -> Any:
        line = _line(node)
        self.lines.setdefault(at, line)
        if len(at) > MAX_DEPTH or len(self.lines) > MAX_VALUES:
            raise CatalogError(f"{self.source}:{line}: too many values; aliases must not nest")
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._mapping(loader, node, at)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return tuple(self._value(loader, item, (*at, index)) for index, item in enumerate(node.value))
            case yaml.ScalarNode():
                return self._scalar(loader, node)
        raise CatalogError(f"{self.source}:{line}: the tag {node.tag} is not allowed here")

    def _mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, at: tuple[str | int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = _line(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                raise CatalogError(f"{self.source}:{line}: a key must be plain text")
            if key_node.value in result:
                raise CatalogError(f"{self.source}:{line}: key {key_node.value!r} appears twice")
            self.lines[(*at, key_node.value)] = line
            result[key_node.value] = self._value(loader, value_node, (*at, key_node.value))
        return result

    def _scalar(self, loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str | int | float | bool | None:
        where, shown = f"{self.source}:{_line(node)}", repr(node.value[:80])
        try:
            value = loader.construct_object(node)
        except ValueError:  # an integer of thousands of digits, a date that does not exist
            raise CatalogError(f"{where}: {shown} is not a value") from None
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise CatalogError(f"{where}: put {shown} in quotes")


def _line(node: yaml.Node | yaml.Event) -> int:
    return node.start_mark.line + 1 if node.start_mark else 1
