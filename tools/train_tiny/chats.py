"""Whole conversations of the small world, as text under the model's own chat template and as tokens to learn from."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jinja2

from tools.tiny_models.bpe import Vocabulary
from tools.tiny_models.make import vocabulary
from tools.train_tiny import words, world
from tools.train_tiny.world import Exchange, Schema

TEMPLATE = Path(__file__).parents[2] / "tools" / "tiny_models" / "qwen3.jinja"
SMALL_TALK = frozenset(question for questions, _, _ in words.TALK for question in questions)
MERGES = 1150
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


@dataclass(frozen=True)
class Chat:
    """`thinking`: answers start with a thought. `packed`: earlier thoughts stay, so every answer can be learned."""

    system: str
    tools: list[Schema]
    exchanges: list[Exchange]
    thinking: bool
    packed: bool


def make_vocabulary() -> Vocabulary:
    """Merges for this world: every listed word is one token, whatever stands before it."""
    rng = Random(7)
    plain = re.sub(r"<\|?/?[a-z_]+\|?>", "", "".join(text(chat(rng)) for _ in range(600)))
    listed = "".join(f"{word}\n {word}\n" for word in [*words.CITIES, *words.PEOPLE, *words.THINGS])
    return vocabulary((TEMPLATE.parent / "text.txt").read_text() + plain + listed * 50, MERGES, bind_capitals=False)


def held_out(question: str) -> bool:
    """One question in ten is never trained on, small talk aside; which ones, the text decides."""
    return question not in SMALL_TALK and hashlib.sha256(question.encode()).digest()[0] < 26


def exchange(rng: Random, tools: list[Schema]) -> Exchange:
    """Mostly a question for one of the declared functions, else one for another, or small talk."""
    known = [tool["function"]["name"] for tool in tools if tool["function"]["name"] in world.SKILLS]
    draw = rng.random()
    if draw < (0.65 if known else 0.0):
        return world.SKILLS[rng.choice(known)](rng, tools)
    if draw < (0.8 if known else 0.25):
        missing = rng.choice([name for name in world.SKILLS if name not in known])
        return world.refuse(world.SKILLS[missing](rng, tools))
    return world.plain(rng)


def lesson(rng: Random) -> Chat:
    """A short conversation without functions, mostly of copying: what has to be learned before anything else can be."""
    drawn = [world.echo(rng) if rng.random() < 0.7 else exchange(rng, []) for _ in range(rng.randint(1, 3))]
    return Chat("", [], [one for one in drawn if not held_out(one.question)], rng.random() < 0.6, True)


def chat(rng: Random, test: bool = False) -> Chat:
    """A random conversation; with `test`, one exchange that training never shows."""
    tools = [world.declare(name, rng) for name in rng.sample(list(world.SKILLS), rng.choice([0, 1, 1, 1, 2, 2, 3]))]
    if tools and rng.random() < 0.25:
        tools.append(world.stranger(rng))
        rng.shuffle(tools)
    exchanges: list[Exchange] = []
    wanted = 1 if test else rng.randint(1, 4)
    while len(exchanges) < wanted:
        drawn = world.introduce(rng) if rng.random() < 0.04 and not test else [exchange(rng, tools)]
        if all(held_out(one.question) == test for one in drawn) or len(drawn) > 1:
            exchanges += drawn
    system = rng.choice(words.SYSTEMS) if rng.random() < 0.5 else ""
    return Chat(system, tools, exchanges, rng.random() < 0.6, rng.random() < 0.8)


def messages(talk: Chat) -> list[dict[str, Any]]:
    """OpenAI's shape. A thought of one newline renders as the empty thought that enable_thinking=false puts there."""
    found: list[dict[str, Any]] = [{"role": "system", "content": talk.system}] if talk.system else []
    for exchange in talk.exchanges:
        found.append({"role": "user", "content": exchange.question})
        if exchange.calls:
            calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in exchange.calls]
            thought = exchange.thought if talk.thinking else "\n" if talk.packed else ""
            found.append({"role": "assistant", "content": "", "reasoning_content": thought, "tool_calls": calls})
            found += [{"role": "tool", "content": result} for result in exchange.results]
        thought = exchange.after if exchange.calls else exchange.thought
        thought = thought if talk.thinking else "\n"
        found.append({"role": "assistant", "content": exchange.answer, "reasoning_content": thought})
    return found


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(TEMPLATE.read_text())


def render(asked: list[dict[str, Any]], **values: Any) -> str:
    return _template().render(messages=asked, **values)


def text(talk: Chat) -> str:
    return render(messages(talk), tools=talk.tools, preserve_thinking=talk.packed)


def tokens(talk: Chat, vocab: Vocabulary) -> tuple[list[int], list[bool]]:
    """Ids, and for each whether it is learned: what the model writes itself, in answers that show their thought."""
    ids: list[int] = []
    learned: list[bool] = []
    for n, part in enumerate(text(talk).split("<|im_start|>assistant\n")):
        said, _, rest = part.partition("<|im_end|>") if n else ("", "", part)
        prefix, mine = "<|im_start|>assistant\n" if n else "", said.startswith("<think>")
        if said.startswith(EMPTY_THOUGHT):
            prefix, said = prefix + EMPTY_THOUGHT, said.removeprefix(EMPTY_THOUGHT)
        for piece, learn in ((prefix, False), (said + "<|im_end|>" if n else "", mine), (rest, False)):
            found = vocab.encode(piece)
            ids += found
            learned += [learn] * len(found)
    return ids, learned
