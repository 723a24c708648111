"""The grammar of a call in Qwen's XML: a tag for each parameter, with raw text or JSON in it.

Text values stand there as they are, without quotes, so what JSON Schema says of a text is said once more here, as a
regular expression of the value and the tag that closes it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from wire.chat import Tool
from wire.errors import SupernetError, invalid
from wire.schema_enforcement import ASSERTIONS
from wire.schema_exclusive import Exclusive
from wire.schema_formats import FORMATS
from wire.schema_keywords import Gap, checkable, unheld
from wire.schema_patterns import matching_whole
from wire.schema_refs import References, below
from worker.chat.grammar_rules import ANY_OBJECT, CALL_STYLE, Rules, text
from worker.chat.tool_values import ANY, json_types

_PARAMETER = r"[^<>\r\n]{1,128}"  # a name as `XmlCall` reads it from between `<parameter=` and `>`
_CLOSE = "\n</parameter>\n"
_CLOSED = r"\n<\/parameter>\n"
# `XmlCall` takes a line break before a tag for the tag's, and CR LF is one.
_PLAIN = r"[^\r\n]"
_NO_TAG = r"([^\r\n]|\n+[^<\r\n])*"
_MOST_DEPTH = 16
_MOST_LEAVES = 64
_OF_TYPE = {
    **dict.fromkeys(("pattern", "format", "minLength", "maxLength"), ("string",)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), ("number", "integer")),
    "multipleOf": ("number", "integer"),
    **dict.fromkeys(("items", "prefixItems", "additionalItems", "minItems", "maxItems"), ("array",)),
    **dict.fromkeys(("properties", "patternProperties", "additionalProperties", "required"), ("object",)),
    **dict.fromkeys(("minProperties", "maxProperties"), ("object",)),
}
# Of the parameters as a whole a call says only which there are.
_OF_A_CALL = {"type", "properties", "required", "additionalProperties", "patternProperties"}


def check_names(tool: Tool) -> None:
    """Raise SupernetError (invalid_request) for a parameter that no call of this format can name."""
    for name in _parameters(tool):
        if not re.fullmatch(_PARAMETER, name) or name != name.strip():
            raise _cannot_name(tool, name)


def _cannot_name(tool: Tool, name: str) -> SupernetError:
    return invalid(
        "tools",
        f"Invalid 'tools': this model cannot name the parameter {name[:64]!r} of '{tool.name}' in a call. "
        "Rename it: 1 to 128 characters, no '<', '>' or line break, and no white space at either end.",
    )


def _parameters(tool: Tool) -> dict[str, Any]:
    """Those that are declared, and those that are only required, with their schemas."""
    declared, required = tool.parameters.get("properties"), tool.parameters.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    return {**(declared if isinstance(declared, dict) else {}), **{n: {} for n in names if n not in (declared or {})}}


def _whole(tool: Tool) -> dict[str, Any]:
    """What a reference to the root leads to: an object, whether the schema says so or not."""
    return {**ANY_OBJECT, **tool.parameters}


def xml_call(rules: Rules, index: int, tool: Tool, exact: bool) -> str:
    """Exact parameters come in the order of the schema, as those of a JSON object do in llguidance."""
    parts = [text(f"<function={tool.name}>\n")]
    declared = _parameters(tool)
    if exact:
        required = tool.parameters.get("required")
        words = [word for word in ASSERTIONS if word in tool.parameters and word not in _OF_A_CALL]
        rules.leave(tool.name, _gaps(tool.parameters, [*unheld(tool.parameters), *words], "#"))
        for number, (name, schema) in enumerate(declared.items()):
            needed = isinstance(required, list) and name in required
            if schema is False and not needed:
                continue  # it must not be given
            anything = _until_closed([other for other in declared if other != name])
            value = _value(rules, f"{index}_{number}", tool, schema, below("#", "properties", name), anything)
            parameter = rules.rule(f"parameter_{index}_{number}", f"{text(f'<parameter={name}>{_NL}')} {value}")
            parts.append(parameter if needed else parameter + "?")
    else:
        value = rules.rule(f"text_{index}", _until_closed(declared), lazy=True)
        parts.append(f'("<parameter=" /{_PARAMETER}/ ">\\n" {value}){{0,64}}')
    return " ".join([*parts, '"</function>"'])


_NL = "\n"


def _until_closed(others: Iterable[str]) -> str:
    """Any text, and the tag that closes it. No line of it opens one of the other parameters: a model that is about to
    has forgotten that tag."""
    names = "|".join(map(re.escape, others))
    opens = rf" & ~/(?s:(.*\n)?<parameter=\s*({_escaped(names)}).*)/" if names else ""
    return f"/(?s:.*){_CLOSED}/{opens}"


@dataclass(frozen=True)
class _Leaf:
    """One of the schemas that a value may match: it has no branches, or is what cannot be told apart."""

    schema: Any
    place: str

    @property
    def values(self) -> list[Any] | None:
        """All that it admits, if it lists them."""
        if not isinstance(self.schema, dict):
            return None
        if "const" in self.schema:
            return [self.schema["const"]]
        listed = self.schema.get("enum")
        if isinstance(listed, list):
            kinds = json_types({"type": self.schema.get("type")}, {})
            kinds |= {"integer"} if "number" in kinds else set()
            return [value for value in listed if json_types({"const": value}, {}) <= kinds] or listed
        return [None] if self.schema.get("type") == "null" else None

    @property
    def lists(self) -> list[str]:
        return [word for word in ("const", "enum") if word in self.schema]

    @property
    def words(self) -> list[str]:
        """What it says beside its type and its list."""
        if not isinstance(self.schema, dict):
            return []
        kind = self.schema.get("type")
        concerns = (
            ASSERTIONS - {"type", "enum", "const"} - {w for w in _OF_TYPE if kind in ANY and kind not in _OF_TYPE[w]}
        )
        return [*unheld(self.schema), *(word for word in self.schema if word in concerns)]


def _value(rules: Rules, name: str, tool: Tool, schema: Any, place: str, anything: str) -> str:
    """A value and its closing tag: a text as the schema wants it where it may be one, else JSON. `anything`: any text
    and that tag."""
    leaves = list(islice(_leaves(schema, place, References(_whole(tool)), 0), _MOST_LEAVES + 1))
    texts = [leaf for leaf in leaves if _may_be_text(leaf, tool.parameters)]
    if not texts or len(leaves) > _MOST_LEAVES:
        fields = schema if isinstance(schema, dict) else {"allOf": [schema]}
        json_value = rules.value(fields, CALL_STYLE, tool.name, within=_whole(tool), place=place)
        return rules.rule(f"value_{name}", f"{json_value} {text(_CLOSE)}")
    free = [leaf for leaf in texts if leaf.values is None]
    parts = []
    for number, leaf in enumerate(leaves):
        if leaf.values is not None:
            # beside free text, JSON of the type of a listed value is read as such, listed or not
            loose = bool(free) and not all(isinstance(value, str | None) for value in leaf.values)
            rules.leave(tool.name, _gaps(leaf.schema, leaf.words + leaf.lists * loose, leaf.place))
            parts += [text(_written(value) + _CLOSE) for value in leaf.values]
        elif leaf in texts:
            parts.append(_text_rule(rules, f"text_{name}_{number}", tool, leaf, anything))
        else:
            rules.leave(tool.name, _gaps(leaf.schema, leaf.words if free else [], leaf.place))
            json_value = rules.value(leaf.schema, CALL_STYLE, tool.name, within=_whole(tool), place=leaf.place)
            parts.append(f"{json_value} {text(_CLOSE)}")
    free_text = rules.rule(f"text_{name}", anything, lazy=True)
    return free_text if free_text in parts else rules.rule(f"value_{name}", " | ".join(dict.fromkeys(parts)))


def _leaves(schema: Any, place: str, references: References, depth: int) -> Iterator[_Leaf]:
    """The branches of a schema, those of its branches too, and one for each of its types."""
    said = {*unheld(schema), *(word for word in schema if word in ASSERTIONS)} if isinstance(schema, dict) else set()
    alone = said.pop() if len(said) == 1 else ""
    if depth <= _MOST_DEPTH and alone == "$ref" and (found := references.target(schema["$ref"])) is not None:
        yield from _leaves(found, schema["$ref"], references, depth + 1)
    elif depth <= _MOST_DEPTH and isinstance(branches := _branches(schema, alone, references), list):
        for at, branch in enumerate(branches):
            yield from _leaves(branch, below(place, alone, at), references, depth + 1)
    elif isinstance(schema, dict) and isinstance(kinds := schema.get("type"), list):
        for kind in kinds:
            yield _Leaf({**schema, "type": kind}, place)
    elif schema is not False:
        yield _Leaf(schema, place)


def _branches(schema: Any, alone: str, references: References) -> list[Any] | None:
    """Of a keyword that stands alone: schemas of which a value matches any."""
    found = schema[alone] if alone in ("anyOf", "oneOf", "allOf") else None
    if not isinstance(found, list) or (alone == "allOf" and len(found) > 1):
        return None
    return None if alone == "oneOf" and not Exclusive(references).are(found) else found


def _may_be_text(leaf: _Leaf, root: dict[str, Any]) -> bool:
    if leaf.values is None:
        return "string" in json_types(leaf.schema, root)
    return any(isinstance(value, str) for value in leaf.values)


def _text_rule(rules: Rules, name: str, tool: Tool, leaf: _Leaf, anything: str) -> str:
    """A text that the schema says something of, as far as regular expressions can say it."""
    schema = leaf.schema if isinstance(leaf.schema, dict) else {}
    inner = FORMATS.get(schema["format"], {}) if isinstance(schema.get("format"), str) else {}
    patterns = [matching_whole(p) for p in (schema.get("pattern"), inner.get("pattern")) if isinstance(p, str)]
    held = {word for word in ("minLength", "maxLength") if isinstance(schema.get(word), int | float)}
    held |= {"format"} if inner else set()
    held |= {"pattern"} if isinstance(schema.get("pattern"), str) and patterns[0] is not None else set()
    left = [word for word in leaf.words if word not in held]
    if left and schema.get("type") != "string":
        left, held = leaf.words, set()  # text is one of several types, and what is said may be about another
    rules.leave(tool.name, _gaps(schema, left, leaf.place))
    if not held:
        return rules.rule(name, anything, lazy=True)
    low = int(schema["minLength"]) if "minLength" in held else 0
    most = [int(one["maxLength"]) for one in (schema, inner) if isinstance(one.get("maxLength"), int | float)]
    return rules.rule(
        name, _expression([p for p in patterns if p is not None], low, min(most, default=None)), lazy=True
    )


def _expression(patterns: list[str], low: int, high: int | None) -> str:
    """A text of `low` to `high` characters that matches all patterns, and its closing tag.

    The first tag closes it: so no tag may stand in what a text must have at least. Two expressions that must both match
    are dear to follow, so a length alone is one.
    """
    if not patterns:
        more = "" if high is None else str(max(high - low, 0))
        return f"/(?s:{_PLAIN}{{{low}}}.{{0,{more}}}){_CLOSED}/"
    counted = [] if low == 0 and high is None else [f".{{{low},{'' if high is None else high}}}"]
    return " & ".join(f"/(?s:{_escaped(one)}){_CLOSED}/" for one in [*patterns, *counted, _NO_TAG])


def _escaped(expression: str) -> str:
    r"""With `/` as `\/`, and no line break in it."""
    found = re.sub(r"\\.|/", lambda one: one[0] if one[0] != "/" else r"\/", expression, flags=re.DOTALL)
    return found.replace("\n", r"\n").replace("\r", r"\r")


def _gaps(schema: Any, words: list[str], place: str) -> list[Gap]:
    return [Gap(word, below(place, word), checkable(word, schema[word])) for word in words]


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
