"""The bound of a prompt against what a worker's own preparation makes of it, template, tokens and all."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from coordinator.prompt_count.texts import special_tokens, texts, unasked
from coordinator.prompt_count.vocabulary import Vocabulary
from tests.coordinator.prompt_count.words import WORDS
from tests.program.test_gguf import demo_model
from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Message, Tool, ToolCall
from worker.bindings.vocab import Vocab
from worker.chat.prompt import prepare

PROSE = WORDS["english"]
CALL = ToolCall(id="a", name="get_weather", arguments='{"city": "Paris", "days": 3, "when": "tomorrow"}')
PLACE = {"type": "string", "description": "a city, or a place that has a name"}
KIND = {"type": "string", "enum": ["rain", "sun"]}
PARAMETERS = {"type": "object", "properties": {"city": PLACE, "kind": KIND}, "required": ["city"]}
TOOLS = tuple(Tool(name=f"tool_{n}", description="Tells what will be.", parameters=PARAMETERS) for n in range(8))


def system(content: str) -> Message:
    return Message(role="system", content=content)


def user(content: str) -> Message:
    return Message(role="user", content=content)


def said(content: str, **more: object) -> Message:
    return Message.model_validate({"role": "assistant", "content": content} | more)


def result(content: str) -> Message:
    return Message(role="tool", content=content, tool_call_id="a")


TURNS: dict[str, tuple[Message, ...]] = {
    "hello": (user("hello"),),
    "prose": (system("Be brief."), user(PROSE)),
    "chat": (*(message for n in range(20) for message in (user(f"and {n}?"), said("so " * n))), user("well?")),
    "short": (*(message for _ in range(200) for message in (user("ok"), said("ok"))), user("ok")),
    "continued": (user("hello"), said("Once upon a")),
    "thought": (user("hello"), said("yes", reasoning=PROSE[:200]), user("and?")),
    "calls": (user("go"), said("", tool_calls=(CALL,)), result(PROSE), user("so?")),
    "two calls": (user("go"), said("", tool_calls=(CALL, CALL)), result("a"), result("b"), user("so?")),
    "agent": (user("go"), *(message for _ in range(50) for message in (said("", tool_calls=(CALL,)), result("ok")))),
    "systems": (*(system("ok") for _ in range(50)), user("ok")),
    "reminders": (
        user("go"),
        *(message for n in range(50) for message in (said("ok"), system("Be brief."), user("so?"))),
    ),
    "only reminded": (system(""), user("hello"), system("ok")),
    "no question": (system("Be brief."), said("", tool_calls=(CALL,)), result("ok")),
    "mixed": tuple(user(words) for words in WORDS.values()),
}


@dataclass(frozen=True)
class Model:
    ours: Vocabulary
    theirs: Vocab
    format: ChatFormat
    real: bool  # a vocabulary of words; those of the tiny models are letters, and so are the marks

    def honest(self, request: ChatRequest) -> int:
        return len(prepare(request, (), 1_000_000, self.theirs, self.format).prompt)

    def bound(self, request: ChatRequest) -> int:
        tokens, marks = unasked(request, self.ours.marks)
        return special_tokens(request) + tokens + sum(map(self.ours.count, texts(request, self.format) + marks))


@pytest.fixture(scope="module", params=["tiny_qwen3", "tiny_qwen35", "tiny_chat", "demo"])
def model(request: pytest.FixtureRequest) -> Model:
    path: Path = demo_model() if request.param == "demo" else request.getfixturevalue(request.param)
    format: ChatFormat = "qwen-xml" if request.param == "tiny_qwen35" else "qwen-json"
    return Model(Vocabulary(path), Vocab(str(path)), format, request.param == "demo")


@pytest.mark.parametrize("turns", TURNS)
def test_no_honest_claim_is_above_the_bound_and_little_room_is_left_above_it(model: Model, turns: str) -> None:
    for tools, thinking in product(((), TOOLS[:1], TOOLS), (True, False)):
        request = ChatRequest(messages=TURNS[turns], tools=tools, max_tokens=1, thinking=thinking)
        honest, bound = model.honest(request), model.bound(request)
        assert honest <= bound
        calls = sum(len(message.tool_calls) for message in request.messages)
        systems = sum(message.role == "system" for message in request.messages)  # leading ones become one turn
        thought = sum(model.ours.count(message.reasoning or "") for message in request.messages)  # it may be left out
        room = 8 + 3 * systems + 6 * calls + (20 + 0.11 * honest if tools else 0)
        assert not model.real or bound <= 1.001 * honest + room + thought


def test_a_short_question_is_counted_to_the_token(model: Model) -> None:
    """Before, "hello" was believed up to 38 tokens with Qwen3's vocabulary and template, which make 13 of it."""
    for content in ("hello", PROSE):
        request = ChatRequest(messages=(user(content),), max_tokens=1, thinking=False)
        assert 0 <= model.bound(request) - model.honest(request) <= 1
