"""Thoughts lose the white space around them, wherever they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.chat.thought import Thought, split_thought


@given(st.lists(st.text("a \n", max_size=5), max_size=10))
def test_pieces_add_up_to_the_stripped_text(pieces: list[str]) -> None:
    thought = Thought()
    assert "".join(map(thought.add, pieces)) == "".join(pieces).strip()


def test_a_model_that_runs_on_blanks_is_not_held_for_ever() -> None:
    thought = Thought()
    assert len(thought.add("a" + " " * 1000)) == 1000 + 1 - 256


@pytest.mark.parametrize(
    ("content", "thought", "answer"),
    [
        ("<think>\nhm\n</think>\n\nyes", "hm", "yes"),
        ("\n<think>hm</think>yes", "hm", "yes"),
        ("<think>\n\n</think>\n\nyes", "", "yes"),
        ("<think>cut", "cut", ""),
        ("<think>a</think>b</think>", "a", "b</think>"),
        ("no <think>x</think>", None, "no <think>x</think>"),
        ("", None, ""),
    ],
)
def test_a_thought_is_taken_out_of_a_text(content: str, thought: str | None, answer: str) -> None:
    assert split_thought(content) == (thought, answer)
