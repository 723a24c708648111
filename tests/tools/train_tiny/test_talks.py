"""What the tiny model is taught about drawing, and what is kept for its test."""

import json
from random import Random

import pytest

from coordinator.media.tools import SHORT
from tools.train_tiny.chats import messages
from tools.train_tiny.draws.score import QUESTIONS, WISHES, prompt_of
from tools.train_tiny.draws.talks import DRAWS, NAME, about_pictures, kept


def test_fifty_wishes_and_fifty_questions_that_training_never_shows() -> None:
    assert len(set(WISHES)) == len(set(QUESTIONS)) == 50
    assert kept() == {*WISHES, *QUESTIONS}
    rng = Random(4)
    shown = {one.question for _ in range(3000) for one in about_pictures(rng).exchanges}
    assert not shown & kept()


def test_the_tool_is_declared_as_the_coordinator_declares_it() -> None:
    (tool,) = (tool for tool in SHORT if tool.name == NAME)
    assert DRAWS["function"] == {"name": NAME, "description": tool.description, "parameters": tool.parameters}


def test_a_wish_calls_the_tool_only_where_it_is_declared() -> None:
    rng = Random(6)
    for _ in range(500):
        talk = about_pictures(rng)
        called = {call["function"]["name"] for turn in messages(talk) for call in turn.get("tool_calls", [])}
        assert NAME not in called or DRAWS in talk.tools


@pytest.mark.parametrize(
    ("answer", "prompt"),
    [
        ('<tool_call>\n{"name": "sogni_generate_image", "arguments": {"prompt": "a cat"}}\n</tool_call>', "a cat"),
        ("<think>\nI draw.\n</think>\n\n<tool_call>\n" + json.dumps({"name": NAME, "arguments": {"prompt": "x"}}), "x"),
        ("I draw a cat.", ""),
        ('<tool_call>\n{"name": "add", "arguments": {"prompt": "a cat"}}\n</tool_call>', ""),
        ('<tool_call>\n{"name": "sogni_generate_image", "arguments": {}}\n</tool_call>', ""),
        ('<tool_call>\n{"name": "sogni_generate_image", "argum', ""),
    ],
)
def test_a_call_counts_when_it_is_whole(answer: str, prompt: str) -> None:
    assert prompt_of(answer) == prompt
