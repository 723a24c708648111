"""coordinator/prompt_count/child.py as the process that it is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.prompt_count.child import VOCABULARIES, Vocabularies
from coordinator.prompt_count.environment import environment
from coordinator.prompt_count.vocabulary import Vocabulary
from tests.coordinator.prompt_count.words import WORDS

Child = subprocess.Popen[str]


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    command = [sys.executable, "-m", "coordinator.prompt_count.child"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment(hub=False)) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def ask(child: Child, path: Path, text: str | None) -> str:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps({"path": str(path), "text": text}) + "\n")
    child.stdin.flush()
    return child.stdout.readline().strip()


def test_texts_are_counted_one_after_the_other(child: Child, tiny_chat: Path) -> None:
    vocabulary = Vocabulary(tiny_chat)
    for words in WORDS.values():
        assert ask(child, tiny_chat, words) == str(vocabulary.count(words))


def test_without_a_text_the_marks_of_the_template_are_told(child: Child, tiny_chat: Path) -> None:
    assert json.loads(ask(child, tiny_chat, None)) == {"system": None, "thought": ["\n\n", "\n\n"], "thought_tokens": 2}


def test_a_file_that_cannot_be_counted_with_is_an_answer_too(child: Child, tiny_chat: Path, tmp_path: Path) -> None:
    (tmp_path / "page.gguf").write_text("<html>")
    assert ask(child, tmp_path / "page.gguf", "hello").startswith("!not a GGUF file")
    assert ask(child, tmp_path / "none.gguf", "hello").startswith("!")
    assert ask(child, tiny_chat, "hello").isdecimal()


def test_so_many_vocabularies_are_kept_and_no_more(tiny_chat: Path, tmp_path: Path) -> None:
    kept = Vocabularies()
    paths = [tmp_path / f"{n}.gguf" for n in range(VOCABULARIES + 1)]
    for path in paths:
        path.symlink_to(tiny_chat)
    first = kept.get(str(paths[0]))
    assert kept.get(str(paths[0])) is first
    for path in paths[1:]:
        kept.get(str(path))
    assert kept.get(str(paths[0])) is not first
