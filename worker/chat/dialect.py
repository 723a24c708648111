"""What a model's template can do, found out by rendering small conversations with it once."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from wire.errors import SupernetError
from worker.chat.pictures import IMAGE_PAD
from worker.chat.prepared import Tokenizer
from worker.chat.refusals import Refusals, refusals_of, writes_late_systems
from worker.chat.special_tokens import SpecialTokens
from worker.chat.template import Template
from worker.chat.thought import CLOSE, OPEN

Pieces = list[tuple[bool, str]]  # (special, text), as Template.render gives them

# For files without a template: the turns of ChatML, which every Qwen knows.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_ASKED = [{"role": "user", "content": "xquestionx"}]
_LOOKED = [{"role": "user", "content": [{"type": "text", "text": "xlookx"}, {"type": "image"}]}]
_FUNCTION = {"name": "xnamex", "description": "xdescriptionx", "parameters": {"type": "object", "properties": {}}}
_TOOLS = [{"type": "function", "function": _FUNCTION}]
_CALLED: list[dict[str, Any]] = [
    *_ASKED,
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "xcallx", "arguments": {"xkeyx": "xvaluex"}}}
        ],
    },
    {"role": "tool", "content": "xresultx", "tool_call_id": "x"},
]


@dataclass(frozen=True)
class Dialect:
    """What a template can do. `tools`: it writes tools and calls itself. `switch`: it heeds enable_thinking. `thinks`:
    it writes `<think>`, so the model was trained to. `start` and `end`: the special tokens around a turn; None: it has
    none. `late_system`: a system message can stand anywhere in a conversation, not at its beginning alone. `refusals`:
    those that it is led past. `sees`: it writes a token in the place of a picture; without, the model has no eyes,
    whatever else is said of it."""

    template: Template
    tools: bool
    switch: bool
    thinks: bool
    start: str | None
    end: str | None
    late_system: bool
    refusals: Refusals
    sees: bool

    def render(self, entries: list[dict[str, Any]], variables: dict[str, Any], now: datetime | None) -> Pieces:
        """The conversation as `Template.render` gives it, and as it raises."""
        late = [entry["content"] for entry in entries[1:] if entry["role"] == "system"]
        instead = self.refusals.instead(self._system_turn(text) for text in late)
        return self.template.render({**variables, "messages": entries}, now, instead)

    def _system_turn(self, text: str) -> str:
        """As the template writes the first one; `refusals_of` has looked whether it does."""
        start, end = (self.template.special(literal or "") for literal in (self.start, self.end))
        return f"{start}system\n{text.strip()}{end}\n"


def dialect_of(tokenizer: Tokenizer, special: SpecialTokens) -> Dialect:
    """Find out what the model's template can do; remembered for the last 16 templates.

    Raises ValueError if the template is broken, or puts special tokens together out of pieces: those could not be told
    from text that spells them.
    """
    return _dialect(tokenizer.template or _CHATML, special.literals)


@lru_cache(maxsize=16)
def _dialect(source: str, literals: tuple[str, ...]) -> Dialect:
    template = Template(source, literals)
    asked = _probe(template, messages=_ASKED, add_generation_prompt=True)
    turn = _probe(template, messages=_ASKED)
    assembled = [literal for special, text in asked if not special for literal in literals if literal in text]
    if assembled:
        raise ValueError(f"the chat template puts {assembled[0]!r} together out of pieces, which is not supported")
    prompt = [text for special, text in asked[len(turn) :] if special]
    ends = [text for special, text in turn if special]
    called = _spelled(_probe(template, messages=_CALLED, tools=_TOOLS, add_generation_prompt=True))
    start, end = prompt[0] if prompt else None, ends[-1] if ends else None
    refusals = refusals_of(template, start, end)
    return Dialect(
        template=template,
        tools=all(word in called for word in ("xnamex", "xcallx", "xvaluex", "xresultx")),
        switch=asked != _probe(template, messages=_ASKED, add_generation_prompt=True, enable_thinking=False)
        or asked != _probe(template, messages=_ASKED, add_generation_prompt=True, enable_thinking=True),
        thinks={OPEN, CLOSE} <= template.writes,
        start=start,
        end=end,
        late_system=refusals.late_system is not None or writes_late_systems(template),
        refusals=refusals,
        sees=_sees(_probe(template, messages=_LOOKED)),
    )


def _sees(looked: Pieces) -> bool:
    """A picture is shown once, and the text before it is not lost."""
    at = [number for number, piece in enumerate(looked) if piece == (True, IMAGE_PAD)]
    return len(at) == 1 and "xlookx" in _spelled(looked[: at[0]])


def _probe(template: Template, **variables: Any) -> Pieces:
    try:
        return template.render({"add_generation_prompt": False, "tools": None, **variables})
    except SupernetError:
        return []  # it refuses such a conversation, so it has no support for it


def _spelled(pieces: Pieces) -> str:
    return "".join(text for _, text in pieces)
