"""What the model does with the wishes and questions of the test, greedy, in llama.cpp."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.tiny_models.greedy import Model
from tools.train_tiny.chats import render
from tools.train_tiny.draws.talks import DRAWS, NAME

HERE = Path(__file__).parent
WISHES = tuple((HERE / "wishes.txt").read_text().splitlines())
QUESTIONS = tuple((HERE / "questions.txt").read_text().splitlines())
OPEN, CLOSE = "<tool_call>\n", "\n</tool_call>"


@dataclass(frozen=True)
class Score:
    """`called`: wishes with exactly one call of the tool, arguments whole. `disturbed`: questions with any call."""

    called: int
    disturbed: int
    prompts: tuple[str, ...]  # one for each wish, empty without a call

    def __str__(self) -> str:
        return f"{self.called} of {len(WISHES)} wishes, {self.disturbed} of {len(QUESTIONS)} questions call the tool"


def prompt_of(answer: str) -> str:
    """The prompt of the one call in an answer, or nothing."""
    call = answer.partition(OPEN)[2]
    try:
        said: Any = json.loads(call.removesuffix(CLOSE)) if call.count(OPEN) == 0 else None
    except ValueError:
        return ""
    match said:
        case {"name": name, "arguments": {"prompt": str(prompt)}} if name == NAME and len(said["arguments"]) == 1:
            return prompt
    return ""


def score(model: Model, thinking: bool) -> Score:
    def answer(asked: str) -> str:
        talk = [{"role": "user", "content": asked}]
        return model.answer(render(talk, tools=[DRAWS], add_generation_prompt=True, enable_thinking=thinking))

    prompts = tuple(prompt_of(answer(wish)) for wish in WISHES)
    disturbed = sum(OPEN in answer(question) for question in QUESTIONS)
    return Score(sum(map(bool, prompts)), disturbed, prompts)
