"""Outputs as Qwen models write them, made up by a seed: thoughts, words and calls, half of them damaged on the way.

Every text, thought and argument holds words that stand nowhere else, so that none can get lost unnoticed.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from wire.catalog import ChatFormat
from wire.chat import Tool
from worker.chat.prepared import Reading

SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "maybe": {"type": ["string", "null"]},
    "count": {"type": "integer"},
    "ratio": {"type": "number"},
    "flag": {"type": "boolean"},
    "rows": {"type": "array", "items": {"type": "string"}},
    "point": {"type": "object", "properties": {"x": {"type": "string"}}},
    "free": {},
}
TOOLS = (
    Tool(name="write", parameters={"type": "object", "properties": SCHEMAS}),
    Tool(name="write_all", parameters={"type": "object", "properties": SCHEMAS, "required": list(SCHEMAS)}),
    Tool(name="now", parameters={"type": "object", "properties": {}}),
)
TAGS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<function=write>", "</function>", "</parameter>"]
TAGS += ["<parameter=text>", '{"name": "write", "arguments": ', '"}}', '"', "{", "}", "\n", "\\", "<", "</", ">"]
FILLING = [
    "",
    " ",
    "\n",
    "\n\n",
    "  ",
    "\t",
    "é",
    "格",
    "😀",
    '"',
    "'",
    "\\",
    "\\n",
    "<b>",
    "</",
    "{}",
    "a < b",
    "<tool",
]
FILLING += ["</parameter>x", "`<think>`", "x\r\n", "\u2028", "null", "None", "[1]", "#!"]


@dataclass(frozen=True)
class Output:
    """`calls` are (name, arguments), of an undamaged output only."""

    reading: Reading
    text: str
    words: tuple[str, ...]
    calls: tuple[tuple[str, dict[str, Any]], ...] | None


@dataclass
class _Writer:
    rng: Random
    format: ChatFormat
    said: list[str] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def word(self) -> str:
        self.said.append(f"w{len(self.said)}w")
        return self.said[-1]

    def prose(self, tame: bool = False) -> str:
        """`tame`: nothing in it can be taken for a tag."""
        filling = [text for text in FILLING if "<" not in text] if tame else FILLING
        pieces = [self.word(), *(self.rng.choice(filling) for _ in range(self.rng.randint(0, 3)))]
        self.rng.shuffle(pieces)
        return " ".join(pieces) + self.word()

    def value(self, name: str) -> Any:
        rng = self.rng
        match name:
            case "count":
                return rng.choice([0, -1, 7, 10**12])
            case "ratio":
                return rng.choice([0.5, -2, 1e-9])
            case "flag":
                return rng.random() < 0.5
            case "rows":
                return [self.prose() for _ in range(rng.randint(0, 2))]
            case "point":
                return {"x": self.prose()} if rng.random() < 0.8 else {}
            case "maybe" if rng.random() < 0.3:
                return None
        return self.prose()

    def call(self) -> str:
        name = self.rng.choice([tool.name for tool in TOOLS])
        keys = [] if name == "now" else self.rng.sample(list(SCHEMAS), self.rng.randint(0, 3))
        arguments = {key: self.value(key) for key in keys}
        self.calls.append((name, arguments))
        return self._json(name, arguments) if self.format == "qwen-json" else self._xml(name, arguments)

    def _json(self, name: str, arguments: dict[str, Any]) -> str:
        ascii = self.rng.random() < 0.5
        body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=ascii)
        return f"<tool_call>\n{body}\n</tool_call>"

    def _xml(self, name: str, arguments: dict[str, Any]) -> str:
        def spelled(value: Any) -> str:
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

        parameters = [f"<parameter={key}>\n{spelled(value)}\n</parameter>\n" for key, value in arguments.items()]
        return f"<tool_call>\n<function={name}>\n{''.join(parameters)}</function>\n</tool_call>"


def output(seed: int, format: ChatFormat) -> Output:
    rng = Random(f"{format}/{seed}")
    writer = _Writer(rng, format)
    opened = rng.random() < 0.5
    text = ""
    if opened or rng.random() < 0.5:
        thought = writer.prose(tame=True) if rng.random() < 0.9 else ""
        text += ("" if opened else "<think>\n") + f"{thought}\n</think>\n\n"
    if rng.random() < 0.6:
        text += writer.prose() + rng.choice(["", "\n", "\n\n"])
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        text += writer.call() + rng.choice(["", "\n", "\n\n"])
        text += f"\n{writer.prose()}\n" if rng.random() < 0.2 else ""
    reading = Reading(format, in_reasoning=opened, reasons=True, tools=TOOLS)
    if rng.random() < 0.5:
        return Output(reading, text, tuple(writer.said), tuple(writer.calls))
    text = damaged(rng, text)
    return Output(reading, text, tuple(word for word in writer.said if word in text), None)


def damaged(rng: Random, text: str) -> str:
    """One to three things that go wrong when a small model writes: a tag too many, one missing, a cut, a repetition."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        standing = [tag for tag in TAGS if tag in text]
        match rng.choice(["insert", "leave out", "cut", "swap", "drop"]):
            case "insert":
                text = text[:at] + rng.choice(TAGS) + text[at:]
            case "leave out" if standing:
                text = text.replace(rng.choice(standing), "", 1)
            case "swap" if len(standing) > 1:
                one, other = rng.sample(standing, 2)
                text = text.replace(one, other, 1)
            case "cut":
                text = text[: max(at, 1)]
            case "drop":
                text = text[:at] + text[at + 1 :]
    return text
