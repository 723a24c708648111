"""No prompt has more tokens than its bound: real vocabulary and templates, and one that has a token for each byte."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.prompt_count.bound import prompt_bound
from tests.conftest import TINY_CHAT
from tests.worker.chat.vocabularies import PLAIN, QWEN3, QWEN35, ByteVocabulary
from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Message, Tool, ToolCall
from wire.errors import SupernetError
from worker.bindings.vocab import Vocab
from worker.chat.prepared import Tokenizer
from worker.chat.prompt import prepare

CONTEXT = 10**7
RARE = "\U00020000"  # four bytes, and four tokens of the tiny model as of Qwen's own
# Wider than any of Qwen's: all is JSON, and what is a value is escaped in it.
WIDE = (
    "{% for tool in tools or [] %}{{ tool | tojson(ensure_ascii=True) }}{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | tojson }}"
    "{% for call in m.tool_calls or [] %}{{ call | tojson(ensure_ascii=True) }}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@cache
def tokenizers() -> tuple[tuple[Tokenizer, ChatFormat], ...]:
    wide = ByteVocabulary(WIDE, defined=())
    return (
        (Vocab(str(TINY_CHAT)), "qwen-json"),
        (QWEN3, "qwen-json"),
        (QWEN35, "qwen-xml"),
        (PLAIN, "qwen-xml"),
        (wide, "qwen-json"),
    )


def excess(request: ChatRequest) -> int:
    """Tokens beyond the bound, by the tokeniser that makes most of the prompt."""
    bound, most = prompt_bound(request, CONTEXT), 0
    for tokenizer, format in tokenizers():
        try:
            most = max(most, len(prepare(request, (), CONTEXT, tokenizer, format).prompt))
        except SupernetError:  # a template may refuse a conversation
            continue
    return most - bound


def asked(*messages: Message, tools: tuple[Tool, ...] = ()) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", content="x"), *messages), tools=tools, max_tokens=10)


def called(arguments: str, name: str = "f") -> Message:
    return Message(role="assistant", tool_calls=(ToolCall(id="c", name=name, arguments=arguments),))


@pytest.mark.parametrize("text", [RARE, "한", "é", "\x01", '"', "\\", "<think>", "\U0001f469\u200d", "\u0958"])
def test_characters_of_many_bytes_are_within_the_bound_wherever_they_stand(text: str) -> None:
    for request in (
        asked(Message(role="user", content=500 * text)),
        asked(Message(role="assistant", content="", reasoning=500 * text), Message(role="tool", content=500 * text)),
        asked(called(json.dumps({500 * text: 500 * text}, ensure_ascii=False))),
        asked(tools=(Tool(name="f", description=500 * text, parameters={"title": 500 * text}),)),
    ):
        assert excess(request) <= 0


@pytest.mark.parametrize(
    "arguments",
    [
        json.dumps([1e15] * 300, separators=(",", ":")).replace("1000000000000000.0", "1e15"),
        json.dumps({str(i): 1 for i in range(300)}, separators=(",", ":")),
        json.dumps({str(i): {} for i in range(300)}, separators=(",", ":")),
        "[" + "0," * 300 + "0]",
        "not JSON: " + 300 * RARE,
        "[" * 300 + "]" * 300,
        "9" * 5000,
        '{"a": NaN, "b": 1e999}',
        "null",
    ],
)
def test_arguments_that_a_template_writes_longer_than_they_came_are_within_the_bound(arguments: str) -> None:
    assert excess(asked(called(arguments))) <= 0
    assert excess(asked(*[called(arguments)] * 20)) <= 0


def test_many_small_tools_turns_and_calls_are_within_the_bound() -> None:
    tools = tuple(Tool(name=f"f{i}", parameters={"properties": {f"p{j}": {} for j in range(50)}}) for i in range(100))
    assert excess(asked(tools=tools)) <= 0
    assert excess(asked(*[Message(role="tool", content="")] * 500)) <= 0
    calls = tuple(ToolCall(id="c", name="f", arguments="{}") for _ in range(500))
    assert excess(asked(Message(role="assistant", tool_calls=calls))) <= 0


def test_a_plain_question_is_not_bounded_far_above_its_bytes() -> None:
    assert prompt_bound(asked(Message(role="user", content="x" * 5000)), CONTEXT) < 5000 + 700


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [RARE, "한글", "\\u00e9", "😀"]
)
NUMBERS = st.integers(-(2**64), 2**64) | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)
COMPACT: Any = OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")))
CALLS = st.builds(ToolCall, id=st.just("c"), name=st.just("f"), arguments=COMPACT | TEXTS)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=TEXTS,
    reasoning=st.none() | TEXTS,
    tool_calls=st.lists(CALLS, max_size=3).map(tuple),
)
TOOLS = st.lists(st.builds(Tool, name=st.just("f"), description=TEXTS, parameters=OBJECTS), max_size=2).map(tuple)


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=6), TOOLS)
def test_no_request_has_more_tokens_than_its_bound(messages: list[Message], tools: tuple[Tool, ...]) -> None:
    assert excess(asked(*messages, tools=tools)) <= 0
