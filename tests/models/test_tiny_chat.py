"""The trained model answers and calls functions: greedy, in llama.cpp, with questions that training never showed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tools.tiny_models.greedy import Model
from tools.train_tiny.chats import chat, held_out, messages, render

CALL = re.compile(r"<tool_call>\n(.*)\n</tool_call>")
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a place",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def model(tiny_chat: Path) -> Iterator[Model]:
    loaded = Model(tiny_chat)
    yield loaded
    loaded.close()


def ask(model: Model, *turns: dict[str, Any], **values: Any) -> str:
    return model.answer(render(list(turns), add_generation_prompt=True, **values))


def calls(text: str) -> list[tuple[str, Any]]:
    found = [json.loads(call) for call in CALL.findall(text)]
    return [(call["name"], call["arguments"]) for call in found]


def unseen(question: str) -> dict[str, Any]:
    assert held_out(question), "training may have shown this question: choose another"
    return {"role": "user", "content": question}


def test_it_thinks_and_then_calls_the_function_that_the_question_needs(model: Model) -> None:
    text = ask(model, unseen("What is the weather like in Warsaw?"), tools=[WEATHER])
    assert text.startswith("<think>\n")
    assert calls(text.split("</think>")[1]) == [("get_weather", {"city": "Warsaw"})]


def test_without_thinking_it_calls_at_once(model: Model) -> None:
    text = ask(model, unseen("What is the weather like in Warsaw?"), tools=[WEATHER], enable_thinking=False)
    assert text.startswith("<tool_call>")
    assert calls(text) == [("get_weather", {"city": "Warsaw"})]


def test_two_cities_are_two_calls(model: Model) -> None:
    text = ask(model, unseen("What is the weather in Oslo and Berlin?"), tools=[WEATHER])
    assert calls(text) == [("get_weather", {"city": city}) for city in ("Oslo", "Berlin")]


def test_it_answers_with_the_result_of_the_call(model: Model) -> None:
    asked = unseen("What is the weather like in Warsaw?")
    call = {"function": {"name": "get_weather", "arguments": {"city": "Warsaw"}}}
    called = {"role": "assistant", "content": "", "reasoning_content": "", "tool_calls": [call]}
    text = ask(
        model, asked, called, {"role": "tool", "content": "fog, 3 degrees"}, tools=[WEATHER], enable_thinking=False
    )
    assert text == "The weather in Warsaw: fog, 3 degrees"


def test_without_a_function_that_fits_it_answers_in_words(model: Model) -> None:
    assert calls(ask(model, unseen("What is the weather like in Warsaw?"))) == []
    assert ask(model, {"role": "user", "content": "Hello"}, tools=[WEATHER], enable_thinking=False).startswith("Hello!")


def test_nine_of_ten_unseen_questions_get_the_right_calls(model: Model) -> None:
    rng = Random(5)
    talks = [talk for talk in (chat(rng, test=True) for _ in range(200)) if talk.exchanges[0].calls][:40]
    right = 0
    for talk in talks:
        upto = 2 if talk.system else 1
        text = ask(model, *messages(talk)[:upto], tools=talk.tools, enable_thinking=talk.thinking)
        right += calls(text) == list(talk.exchanges[0].calls)
    assert right >= 0.9 * len(talks)
