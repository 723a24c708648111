"""A script of answers for ScriptedEngine, as JSON: what to say when which words are the last of the conversation."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from worker.engine.scripted import Script, words


class Line(BaseModel):
    """One answer of a script: `say`, tags of thoughts and calls included, to a prompt that has the words `when`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: Annotated[str, Field(min_length=1)]
    say: str


LINES: TypeAdapter[tuple[Line, ...]] = TypeAdapter(tuple[Line, ...])


def read(text: str) -> Script:
    """Read a script: a JSON list of {"when": ..., "say": ...}. Raises ValueError.

    The line whose `when` stands last in the prompt speaks, of two at one place the longer one; where none stands in it,
    `words` do.
    """
    lines = LINES.validate_json(text)
    by_words = {line.when.encode(): line.say.encode() for line in lines}

    def script(prompt: tuple[int, ...], seed: int) -> bytes:
        said = bytes(prompt)
        place, when = max(((said.rfind(when), when) for when in by_words), key=_last, default=(-1, b""))
        return words(prompt, seed) if place < 0 else by_words[when]

    return script


def _last(found: tuple[int, bytes]) -> tuple[int, int]:
    return found[0], len(found[1])
