"""coordinator/prompt_count/vocabulary.py: llama.cpp is the judge, text by text."""

import json
from pathlib import Path

import pytest

from coordinator.prompt_count.template import LONGEST
from coordinator.prompt_count.vocabulary import Vocabulary
from program.gguf_reader import GgufError
from tests.coordinator.prompt_count.words import WORDS
from tests.program.test_gguf import ARRAY, TEXT, demo_model, gguf_file, pair, text
from worker.bindings.vocab import Vocab
from worker.chat.special_tokens import special_tokens
from worker.chat.surrogates import plain


@pytest.fixture(scope="module", params=["tiny_qwen3", "tiny_qwen35", "tiny_chat", "demo"])
def model(request: pytest.FixtureRequest) -> Path:
    return demo_model() if request.param == "demo" else request.getfixturevalue(request.param)


def test_every_text_has_as_many_tokens_as_llama_cpp_finds_in_it(model: Path) -> None:
    ours, theirs = Vocabulary(model), Vocab(str(model))
    special = special_tokens(tuple(theirs.special.items()))
    for name, words in WORDS.items():
        expected = len(special.tokenize(plain(words), theirs))
        assert abs(ours.count(words) - expected) <= 0.01 * expected, name


def test_only_the_beginning_of_a_file_is_needed(model: Path, tmp_path: Path) -> None:
    beginning = tmp_path / "beginning.gguf"
    beginning.write_bytes(model.read_bytes()[: 4 * 2**20])
    assert Vocabulary(beginning).count(WORDS["english"]) == Vocabulary(model).count(WORDS["english"])


def listed(*items: str) -> bytes:
    return (8).to_bytes(4, "little") + len(items).to_bytes(8, "little") + b"".join(map(text, items))


def vocabulary(path: Path, kind: str = "gpt2", pre: str = "qwen2", merges: tuple[str, ...] = ("a b",)) -> Path:
    path.write_bytes(
        gguf_file(
            [
                pair("tokenizer.ggml.model", TEXT, text(kind)),
                pair("tokenizer.ggml.pre", TEXT, text(pre)),
                pair("tokenizer.ggml.tokens", ARRAY, listed("a", "b", "ab")),
                pair("tokenizer.ggml.merges", ARRAY, listed(*merges)),
            ]
        )
    )
    return path


def test_a_made_up_file_is_one_too(tmp_path: Path) -> None:
    assert Vocabulary(vocabulary(tmp_path / "v.gguf")).count("abab") == 2


def test_the_marks_are_those_of_the_files_template_and_none_is_needed(model: Path, tmp_path: Path) -> None:
    assert Vocabulary(model).marks.thought == (("\n\n", "\n\n") if "qwen" in model.name else ())
    assert Vocabulary(vocabulary(tmp_path / "v.gguf")).marks == LONGEST


@pytest.mark.parametrize(
    "fields", [{"kind": "llama"}, {"pre": "deepseek"}, {"merges": ("a zz",)}, {"merges": ("a",)}], ids=json.dumps
)
def test_a_vocabulary_of_another_kind_is_refused(tmp_path: Path, fields: dict[str, str]) -> None:
    with pytest.raises(GgufError):
        Vocabulary(vocabulary(tmp_path / "v.gguf", **fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"GGUF", b"<html>", gguf_file([])], ids=["empty", "cut", "page", "bare"])
def test_what_has_no_vocabulary_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "v.gguf"
    file.write_bytes(content)
    with pytest.raises(GgufError):
        Vocabulary(file)
