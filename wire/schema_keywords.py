"""Which keywords of JSON Schema a grammar cannot hold an answer to, and where they mean nothing and may stand.

Both ends ask: the coordinator refuses them where `strict` was asked for, a worker checks the finished answer.
"""

from dataclasses import dataclass
from typing import Any

from wire.schema_formats import FORMATS

# What nobody checks: JSON Schema calls these annotations, and a format that no library knows is one too.
_ANNOTATIONS = frozenset({"contentEncoding", "contentMediaType", "contentSchema"})
_CHECKED_FORMATS = frozenset(
    "idn-email idn-hostname iri iri-reference json-pointer regex relative-json-pointer uri-reference "
    "uri-template".split()
)
_MOST_NAMED = 3  # keywords in one message
_MOST_CHARS = 200  # of a place in it: keys are the client's
_OF_TYPE = {
    "contains": "array",
    "uniqueItems": "array",
    "unevaluatedItems": "array",
    "dependencies": "object",
    "dependentRequired": "object",
    "dependentSchemas": "object",
    "propertyNames": "object",
    "unevaluatedProperties": "object",
    "contentEncoding": "string",
    "contentMediaType": "string",
    "contentSchema": "string",
    "format": "string",
}
_OF_ANY = ("not", "if", "$dynamicRef", "$recursiveRef")


UNEVALUATED = {"unevaluatedProperties": "additionalProperties", "unevaluatedItems": "items"}
_EVALUATING = ("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "contains")


@dataclass(frozen=True)
class Gap:
    """A keyword that the grammar does not hold an answer to. `place` is its JSON Pointer within the schema, `checked`
    whether a check of the finished answer finds out if it holds."""

    keyword: str
    place: str
    checked: bool = True


def not_strict(gaps: tuple[Gap, ...]) -> str:
    """Say to a client why its schema cannot be strict, and what to do."""
    named = ", ".join(f"'{gap.keyword}' at {gap.place[:_MOST_CHARS]}" for gap in gaps[:_MOST_NAMED])
    more = f" and {len(gaps) - _MOST_NAMED} more" if len(gaps) > _MOST_NAMED else ""
    return (
        f"an answer cannot be held to {named}{more}, so 'strict' cannot be true with it. Leave it out, or send "
        "strict: false: its 'warnings' then say what does not hold in the finished answer, or was not checked."
    )


def unchecked(gaps: tuple[Gap, ...]) -> list[str]:
    """Say to a client what of its schema nobody looks at, a sentence for each keyword."""
    return [
        f"nothing holds the answer to '{gap.keyword}' at {gap.place[:_MOST_CHARS]}, and nothing checks it"
        for gap in gaps
        if not gap.checked
    ]


def unheld(schema: dict[str, Any]) -> list[str]:
    """Return the keywords of one schema that no grammar is made of, less those that let everything through as they
    stand here. Keywords whose meaning depends on their neighbours (oneOf, minProperties) are not looked at."""
    found = [word for word in _OF_ANY if word in schema and not _says_nothing(word, schema)]
    found += [word for word, kind in _OF_TYPE.items() if word in schema and _concerns(schema, kind, word)]
    return found


def checkable(word: str, value: object) -> bool:
    """Whether a check of the finished answer finds out if this keyword, of which no grammar is made, holds."""
    return isinstance(value, str) and value in _CHECKED_FORMATS if word == "format" else word not in _ANNOTATIONS


def evaluates_all_itself(schema: dict[str, Any]) -> bool:
    """Whether no other schema evaluates parts of the same value on behalf of this one."""
    return not any(word in schema for word in _EVALUATING)


def _concerns(schema: dict[str, Any], kind: str, word: str) -> bool:
    declared = schema.get("type", kind)
    return (declared == kind or (isinstance(declared, list) and kind in declared)) and not _says_nothing(word, schema)


def _says_nothing(word: str, schema: dict[str, Any]) -> bool:
    value = schema[word]
    match word:
        case "not":
            return value is False
        case "format":
            return isinstance(value, str) and value in FORMATS  # a grammar holds it
        case "if":
            return _anything(schema.get("then", True)) and _anything(schema.get("else", True))
        case "contains":
            return schema.get("minContains") == 0 and "maxContains" not in schema
        case "uniqueItems":
            most = schema.get("maxItems")
            return value is not True or (isinstance(most, int) and most <= 1)
        case "dependentRequired" | "dependentSchemas" | "dependencies":
            return isinstance(value, dict) and all(_anything(item) or item == [] for item in value.values())
        case "unevaluatedProperties" | "unevaluatedItems":
            return _anything(value) or evaluates_all_itself(schema)  # a grammar holds it
        case "propertyNames":
            return _anything(value)
        case _:
            return False


def _anything(schema: object) -> bool:
    return schema is True or schema == {}
