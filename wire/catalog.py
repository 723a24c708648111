"""The model catalogue: models.yaml -> frozen ModelSpec, strict, with errors that name the line.

Nothing here opens a file: whoever has the text calls `parse(text, source)`. The text may come from an operator, so it
is bounded (bytes, depth, values after aliases are expanded) and only plain YAML values are built from it.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from wire.errors import ErrorCode, SupernetError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_VALUES = 20_000  # after aliases: a small text with nested aliases can stand for billions of values
MAX_REPORTED = 10

ChatFormat = Literal["qwen-json", "qwen-xml"]
TaskProfile = Literal["general", "coding", "reasoning"]
Nano = Annotated[int, Field(ge=0)]  # nano-dollars: $0.30 per million tokens is 300 a token
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ModelId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")]
# One to four plain names: nothing absolute, no "..", no backslash, nothing hidden.
FileName = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]{0,99}/){0,3}[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\.gguf$")
]
RepositoryName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")
]
Revision = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
SPLIT = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf$")


class CatalogError(ValueError):
    """The catalogue cannot be used; the text names source, line, key and what is expected there."""


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class File(Strict):
    """One GGUF (or projector) file of the repository. Without size or sha256 the hub's own declaration is used."""

    name: FileName
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    sha256: Sha256 | None = None


class Shape(Strict):
    """What the header of the entry's files must say: another model must not be sold under its name. `layers` without
    those that only predict; what is not given is not compared."""

    architecture: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    layers: Annotated[int, Field(ge=1, le=65_536)] | None = None
    embedding: Annotated[int, Field(ge=1, le=2**24)] | None = None
    experts: Annotated[int, Field(ge=0, le=65_536)] | None = None


class Preset(Strict):
    """Sampling defaults of one way to use the model (the model card's own numbers)."""

    temperature: Annotated[float, Field(ge=0, le=2)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0)]
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0


class Presets(Strict):
    """Missing presets fall back: coding and reasoning to general, each within its own column."""

    thinking_general: Preset | None = None
    thinking_coding: Preset | None = None
    thinking_reasoning: Preset | None = None
    plain_general: Preset | None = None
    plain_coding: Preset | None = None
    plain_reasoning: Preset | None = None

    def choose(self, profile: TaskProfile, thinking: bool) -> Preset | None:
        column = "thinking" if thinking else "plain"
        preset: Preset | None = getattr(self, f"{column}_{profile}") or getattr(self, f"{column}_general")
        return preset


class Price(Strict):
    """Nano-dollars per token."""

    prompt: Nano
    completion: Nano


class ModelSpec(Strict):
    """One entry of models.yaml."""

    id: ModelId
    name: Annotated[str, Field(min_length=1, max_length=128)]
    format: ChatFormat
    repository: RepositoryName | None = None
    revision: Revision = "main"
    package: PackageName | None = None  # Python package that ships the file instead of a repository (the demo model)
    # Neither of the two: files of the operator's own, known by their sha256, that a worker names with --model-file.
    files: Annotated[tuple[File, ...], Field(min_length=1, max_length=64)]  # more than one: a split GGUF, in order
    projector: File | None = None
    shape: Shape | None = None
    context: Annotated[int, Field(ge=256, le=2**24)]
    max_output: Annotated[int, Field(ge=1)]
    thinking: bool = False  # the model can think; requests say whether it should
    presets: Presets = Presets()
    price: Price
    licence: Annotated[str, Field(min_length=1, max_length=128)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.repository is not None and self.package is not None:
            raise ValueError("name either a repository or a package, one of the two")
        if self.repository is None and self.package is None and not all(file.sha256 for file in self.files):
            raise ValueError("name a repository or a package; files of your own need a sha256 each")
        if self.package is not None and (len(self.files) > 1 or self.files[0].sha256 is None or self.projector):
            raise ValueError("a package ships exactly one file, with its sha256, and no projector")
        if self.max_output > self.context:
            raise ValueError(f"max_output {self.max_output} is more than context {self.context}")
        if problem := _split_problem([file.name for file in self.files]):
            raise ValueError(problem)
        return self


def _split_problem(names: list[str]) -> str | None:
    """llama.cpp finds the other parts by name beside the first (llama_split_path): order and count must be right."""
    parts = [SPLIT.match(name) for name in names]
    if len(names) == 1 and not (parts[0] and int(parts[0]["count"]) > 1):
        return None
    for number, part in enumerate(parts, start=1):
        same_stem = part and parts[0] and part["stem"] == parts[0]["stem"]
        if not part or not same_stem or (int(part["part"]), int(part["count"])) != (number, len(names)):
            return (
                f"a split model lists every part in order; {names[number - 1]!r} is not part {number} of {len(names)}"
            )
    return None


class Catalog(Strict):
    """All models in the order of the file."""

    default: ModelId
    models: Annotated[tuple[ModelSpec, ...], Field(min_length=1, max_length=256)]

    def get(self, model_id: str) -> ModelSpec:
        """The entry; SupernetError MODEL_NOT_FOUND says which models there are."""
        for spec in self.models:
            if spec.id == model_id:
                return spec
        known = ", ".join(spec.id for spec in self.models)
        message = f"There is no model {model_id[:128]!r}. Models: {known}."
        raise SupernetError(ErrorCode.MODEL_NOT_FOUND, message, param="model")


def parse(text: str | bytes, source: str) -> Catalog:
    """`text` of a catalogue, or its bytes as a file has them -> Catalog; `source` is the file name for messages. Raises
    CatalogError."""
    if len(text if isinstance(text, bytes) else text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise CatalogError(f"{source}: more than {MAX_BYTES} bytes; a catalogue is a short list")
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
                raise CatalogError(f"{self.source}:1: the catalogue is empty; it needs `default` and `models`")
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
