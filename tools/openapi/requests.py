"""The schema of a request, made of what its reader was seen to ask of bodies that show every kind of object.

Which fields an object must have is found out by leaving each out in turn.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.compat.fields import Api, catalog
from tools.openapi.notes import Schema, Seen, watched, without
from wire.errors import SupernetError

_KINDS = ("role", "type")  # fields that say which of several objects this is


@dataclass(frozen=True)
class _Sample:
    """One object in its body, with the objects that lie in it."""

    seen: Seen
    body: Mapping[str, Any]
    others: Sequence[Seen]

    def inside(self, name: str, deeper: str) -> Iterator["_Sample"]:
        """The objects at field `name`; those in its list if `deeper` is []."""
        at = f"{self.seen.path}.{name}" if self.seen.path else name
        for other in self.others:
            rest = other.path.removeprefix(at)
            if other.path.startswith(at) and (rest == "" if not deeper else rest[:1] == "[" and rest.endswith("]")):
                if rest.count("[") == (1 if deeper else 0) and "." not in rest:
                    yield _Sample(other, self.body, self.others)


@dataclass(frozen=True)
class Describer:
    api: Api
    raw: Mapping[str, Schema]
    more: Mapping[str, Schema]

    def schema(self, extra: Sequence[Mapping[str, Any]]) -> Schema:
        """The schema of the body. `extra` are samples beside the probes of every field."""
        samples: list[_Sample] = []
        bodies = [{**self.api.base, **body} for probe in self.api.probes.values() for body in probe]
        for body in [*bodies, *({**self.api.base, **body} for body in extra)]:
            with watched() as seen:
                self._read(body)
            samples += [_Sample(one, body, seen) for one in seen if one.path == ""]
        return self._objects(samples)

    def _read(self, body: Mapping[str, Any]) -> None:
        self.api.read(json.dumps(body).encode(), catalog(), {})

    def _refuses(self, body: Mapping[str, Any]) -> bool:
        try:
            self._read(body)
        except SupernetError:
            return True
        return False

    def _objects(self, samples: list[_Sample], place: str = "") -> Schema:
        """One object, or any of several that are read differently."""
        assert samples, f"{self.api.path}: no sample shows what lies in {place}"
        groups: dict[str, list[_Sample]] = {}
        for sample in samples:
            asked, value = sample.seen.asked, sample.seen.value
            kind = next((value.get(name) for name in _KINDS if name in asked), None)
            groups.setdefault(json.dumps([asked, kind], sort_keys=True), []).append(sample)
        self._complete(samples)
        read = [group for group in groups.values() if not group[0].seen.left]
        kinds = _merged([self._object(group, several=len(groups) > 1) for group in read])
        if len(read) < len(groups):
            kinds.append(_left_out([one for kind in kinds for one in kind["properties"]["type"]["enum"]]))
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}

    def _complete(self, samples: list[_Sample]) -> None:
        """Every kind of object that the reader knows was shown to it."""
        for name in _KINDS:
            shown = {sample.seen.value.get(name) for sample in samples}
            for sample in samples:
                missing = set((sample.seen.asked.get(name) or {}).get("enum", ())) - shown
                assert not missing, f"{self.api.path}: no sample shows {sample.seen.place} with {name} {missing}"

    def _object(self, group: list[_Sample], several: bool) -> Schema:
        properties: dict[str, Schema] = {}
        required = []
        for name, kind in sorted(group[0].seen.asked.items()):
            if name in group[0].seen.refused:
                continue
            schema = self._property(group, name, kind, several)
            if self._needed(group, name):
                required.append(name)
                properties[name] = schema
            else:
                properties[name] = _or_null(schema)
        whole: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**whole, "required": required} if required else whole

    def _needed(self, group: list[_Sample], name: str) -> bool:
        if any(sample.seen.value.get(name) is None for sample in group):
            return False
        return all(self._refuses(without(sample.body, sample.seen.path, name)) for sample in group)

    def _property(self, group: list[_Sample], name: str, kind: Schema | None, several: bool) -> Schema:
        place = f"{group[0].seen.place}.{name}" if group[0].seen.place else name
        values = sorted({sample.seen.value[name] for sample in group if name in _KINDS and name in sample.seen.value})
        if values and (kind is None or several):
            return {"enum": values}
        if kind is None:
            seen: Schema = self._seeing(self.raw[place], group, name)
            return seen
        inner = [one for sample in group for one in sample.inside(name, "")]
        listed = [one for sample in group for one in sample.inside(name, "[]")]
        more = self.more.get(place, {}) if "type" in kind else {}
        if kind.get("type") == "object":
            return {**self._objects(inner, place), **more}
        if kind.get("type") == "array" and listed:
            return {**kind, "items": self._objects(listed, place), **more}
        return {**kind, **more}

    def _seeing(self, schema: Any, group: list[_Sample], name: str) -> Any:
        """The schema with the objects that were read at this place where it points to them."""
        if isinstance(schema, list):
            return [self._seeing(one, group, name) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if "$see" in schema:
            inside = [one for sample in group for one in sample.inside(name, schema["$see"])]
            return self._objects(inside, f"{group[0].seen.place}.{name}")
        return {key: self._seeing(value, group, name) for key, value in schema.items()}


def _left_out(known: list[str]) -> Schema:
    """An object of a type that is not read, whatever else it holds."""
    return {
        "type": "object",
        "properties": {"type": {"type": "string", "not": {"enum": known}}},
        "required": ["type"],
        "description": "Left out, and said in the answer's `warnings`.",
    }


def _merged(kinds: list[Schema]) -> list[Schema]:
    """Objects that differ in nothing but the word that says which they are, made one."""
    merged: dict[str, Schema] = {}
    for kind in kinds:
        words = {name: kind["properties"][name].get("enum", []) for name in _KINDS if name in kind["properties"]}
        rest = {**kind, "properties": {**kind["properties"], **dict.fromkeys(words)}}
        one = merged.setdefault(json.dumps(rest, sort_keys=True), kind)
        for name in words:
            known = one["properties"][name]
            known["enum"] = [*known["enum"], *(word for word in words[name] if word not in known["enum"])]
    return list(merged.values())


def _or_null(schema: Schema) -> Schema:
    """null means that a field is not given."""
    if schema.keys() <= {"description"}:
        return schema
    if "enum" in schema and "type" not in schema:
        return {**schema, "enum": [*schema["enum"], *([] if None in schema["enum"] else [None])]}
    if isinstance(schema.get("type"), str):
        null: Schema = {"type": [schema["type"], "null"]}
        return {**schema, **null, **({"enum": [*schema["enum"], None]} if "enum" in schema else {})}
    return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
