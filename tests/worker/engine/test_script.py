"""Which line of a script speaks."""

import json

import pytest

from worker.engine.script import read
from worker.engine.scripted import words


def say(prompt: str, *lines: tuple[str, str]) -> str:
    script = read(json.dumps([{"when": when, "say": answer} for when, answer in lines]))
    return script(tuple(prompt.encode()), 1).decode()


def test_the_line_whose_words_are_the_last_of_the_conversation_speaks() -> None:
    lines = (("weather", "<tool_call>"), ("18 °C", "Mild: ä"))
    assert say("user: the weather?\n", *lines) == "<tool_call>"
    assert say("user: the weather?\ntool: 18 °C\n", *lines) == "Mild: ä"
    assert say("tool: 18 °C\nuser: the weather?\n", *lines) == "<tool_call>"


def test_of_two_lines_at_one_place_the_longer_one_speaks() -> None:
    assert say("user: Paris, again\n", ("Paris", "short"), ("Paris, again", "long")) == "long"


def test_where_no_line_fits_any_words_are_said() -> None:
    assert say("user: else\n", ("x?", "y")) == words(tuple(b"user: else\n"), 1).decode()
    assert say("user: else\n") == words(tuple(b"user: else\n"), 1).decode()


@pytest.mark.parametrize("text", ["", "{}", '[{"when": "", "say": "x"}]', '[{"when": "x"}]', '[{"say": "x", "n": 1}]'])
def test_what_is_no_script_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read(text)
