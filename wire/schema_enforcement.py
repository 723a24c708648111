"""A JSON Schema in two halves: one that a grammar holds an answer to, and the keywords that it cannot.

The grammar library (llguidance) drops keywords that it does not know, makes `anyOf` of every `oneOf`, and counts keys
wrong. So it gets a schema of exactly what it holds, with each local `$ref` led to `$defs` of its own, and whatever is
left over has a name and a place: a gap. Only what an answer can reach is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from wire.schema_counts import counted
from wire.schema_exclusive import Exclusive
from wire.schema_formats import FORMATS
from wire.schema_keywords import UNEVALUATED, Gap, checkable, evaluates_all_itself, unheld
from wire.schema_patterns import translated
from wire.schema_refs import References, below, objects, places

_AS_IT_STANDS = frozenset(
    "type const enum required minimum maximum exclusiveMinimum exclusiveMaximum multipleOf pattern".split()
)
_COUNTS = frozenset("minItems maxItems minLength maxLength minProperties maxProperties".split())
_PARTS = frozenset("items prefixItems additionalItems properties patternProperties additionalProperties".split())
_IN_PLACE = frozenset({"$ref", "allOf", "anyOf", "oneOf"})  # other schemas that look at the same value
_ONLY_REWRITTEN = ("oneOf", "minProperties", "maxProperties", "patternProperties")  # right after changes of ours only
ASSERTIONS = _AS_IT_STANDS | _COUNTS | _PARTS | _IN_PLACE | {"format", *UNEVALUATED}


@dataclass(frozen=True)
class Enforced:
    """`schema`: for the grammar, complete in itself. `gaps`: what an answer that matches it may break all the same."""

    schema: dict[str, Any]
    gaps: tuple[Gap, ...]


def enforced(schema: dict[str, Any], within: dict[str, Any] | None = None, place: str = "#") -> Enforced:
    """Divide a schema that `check_schema` let through. `within`: the whole that its references lead into, if it is a
    part of one, at `place`."""
    root = schema if within is None else within
    references = References(root)
    walk = _Walk(references)
    made = walk.schema(schema, place, shared=False)
    while walk.waiting:
        name, node, where, shared = walk.waiting.pop()
        walk.definitions[name] = walk.schema(node, where, shared)
    if _named(root, references):
        inner: dict[str, Any] = {word: root[word] for word in ("$defs", "definitions") if word in root}
        return Enforced({**inner, **schema}, tuple(_unmoved(root)))
    draft = {"$schema": root["$schema"]} if isinstance(root.get("$schema"), str) else {}
    definitions = {"$defs": walk.definitions} if walk.definitions else {}
    return Enforced({**draft, **made, **definitions}, tuple(walk.gaps))


def _named(root: dict[str, Any], references: References) -> bool:
    """Whether references go by names (`$id`) in here: the library resolves them, so nothing may be moved."""
    return any(
        (isinstance(node.get("$ref"), str) and references.target(node["$ref"]) is None)
        or (isinstance(node.get("$id"), str) and node["$id"][:1] != "#" and node is not root)
        for node in objects(root)
    )


def _unmoved(root: dict[str, Any]) -> Iterator[Gap]:
    """The gaps of a schema that the library gets as it stands, wherever they are: what is reached is not known."""
    for place, node in places(root):
        words = [*unheld(node), *(word for word in _ONLY_REWRITTEN if word in node)]
        if isinstance(pattern := node.get("pattern"), str) and translated(pattern) != pattern:
            words.append("pattern")
        if isinstance(name := node.get("format"), str) and name in FORMATS:
            words.append("format")
        if "json-schema.org/" in str(node.get("$ref")):  # of JSON Schema itself, which is full of such keywords
            words.append("$ref")
        yield from (Gap(word, below(place, word), checkable(word, node[word])) for word in words)


@dataclass
class _Walk:
    """`shared`, below: other schemas look at the same value. The library makes one of them all, and there it may count
    keys wrong, and forgets what a key must match by its pattern."""

    references: References
    definitions: dict[str, Any] = field(default_factory=dict)
    gaps: dict[Gap, None] = field(default_factory=dict)
    waiting: list[tuple[str, Any, str, bool]] = field(default_factory=list)
    _names: dict[tuple[str, bool], str] = field(default_factory=dict)
    _exclusive: Exclusive = field(init=False)

    def __post_init__(self) -> None:
        self._exclusive = Exclusive(self.references)

    def schema(self, node: Any, place: str, shared: bool) -> Any:
        """The half that the grammar holds."""
        if not isinstance(node, dict):
            return node
        for word in unheld(node):
            self._gap(word, place, checkable(word, node[word]))
        held: dict[str, Any] = {}
        also: list[Any] = []
        crowded = shared or sum(word in ASSERTIONS for word in node) > 1
        for word, value in node.items():
            if word == "$ref":
                held[word] = self._reference(value, crowded)
            elif word in _IN_PLACE and isinstance(value, list):
                also += self._in_place(word, value, place, crowded)
            elif word == "pattern" and isinstance(value, str):
                held[word] = translated(value)
            elif word == "format" and isinstance(value, str) and value in FORMATS:
                also.append({"$ref": self._defined((value, False), FORMATS[value], "", False)})
            elif word in _COUNTS:
                held[word] = int(value) if isinstance(value, float) and value.is_integer() else value
            elif word in _AS_IT_STANDS or word in _IN_PLACE:
                held[word] = value
            elif word in UNEVALUATED:
                held |= self._unevaluated(word, node, place)
            else:
                held |= self._parts(word, value, below(place, word))
        if also:
            held.setdefault("allOf", also)
        merged = shared or any(word in node for word in _IN_PLACE)
        if merged and "patternProperties" in node:
            self._gap("patternProperties", place)
        if "prefixItems" in node and ("additionalItems" in node or isinstance(node.get("items"), list)):
            self._gap("prefixItems", place)
        return self._count(held, place, merged)

    def _gap(self, keyword: str, place: str, checked: bool = True) -> None:
        self.gaps[Gap(keyword, below(place, keyword), checked)] = None

    def _parts(self, word: str, value: Any, place: str) -> dict[str, Any]:
        """A keyword that holds schemas of parts of the value; {}: another one, of which no grammar is made."""
        if word not in _PARTS:
            return {}
        if isinstance(value, list):
            return {word: [self.schema(item, below(place, at), False) for at, item in enumerate(value)]}
        if word in ("properties", "patternProperties") and isinstance(value, dict):
            by_pattern = word == "patternProperties"
            return {
                word: {
                    translated(name) if by_pattern else name: self.schema(item, below(place, name), False)
                    for name, item in value.items()
                }
            }
        return {word: self.schema(value, place, False)}

    def _unevaluated(self, word: str, node: dict[str, Any], place: str) -> dict[str, Any]:
        """Where nothing else looks at the same value, what is not evaluated is what is not declared."""
        same = UNEVALUATED[word]
        if not evaluates_all_itself(node) or same in node:
            return {}
        return {same: self.schema(node[word], below(place, word), False)}

    def _in_place(self, word: str, value: list[Any], place: str, crowded: bool) -> list[Any]:
        """What must hold besides, of a list of schemas that look at the same value."""
        shared = crowded or (word == "allOf" and len(value) > 1)
        parts = [self.schema(part, below(place, word, at), shared) for at, part in enumerate(value)]
        if word == "oneOf" and not self._exclusive.are(value):
            self._gap(word, place)
        return parts if word == "allOf" else [{"anyOf": parts}]

    def _reference(self, reference: Any, shared: bool) -> Any:
        node = self.references.target(reference)
        return reference if node is None else self._defined((reference, shared), node, reference, shared)

    def _defined(self, key: tuple[str, bool], node: Any, place: str, shared: bool) -> str:
        if key not in self._names:
            self._names[key] = f"d{len(self._names)}"
            self.waiting.append((self._names[key], node, place, shared))
        return f"#/$defs/{self._names[key]}"

    def _count(self, held: dict[str, Any], place: str, merged: bool) -> dict[str, Any]:
        words = [word for word in ("minProperties", "maxProperties") if word in held]
        if not words:
            return held
        right, made = False, held
        if not merged:
            if isinstance(declared := held.get("properties"), dict):
                held = {**held, "properties": {name: self._short(value) for name, value in declared.items()}}
            made, right = counted(held)
        for word in () if right else words:
            self._gap(word, place)
        return made

    def _short(self, held: Any) -> Any:
        """A schema that may be repeated: a reference to it."""
        if not isinstance(held, dict):
            return held
        name = f"d{len(self._names)}"
        self._names[(name, False)] = name
        self.definitions[name] = held
        return {"$ref": f"#/$defs/{name}"}
