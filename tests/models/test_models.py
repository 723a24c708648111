"""The tiny models are what they claim to be: llama.cpp loads, tokenises and runs them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import llama_cpp
import pytest

from tools.tiny_models.greedy import Model
from tools.tiny_models.make import HERE, small_vocabulary, write_qwen3, write_qwen35

TEXT = "The ferry leaves at 7:45, naïve café 12 € — 天気 🌦️!\n\n  def f(x):\r\n\treturn x's  "


@pytest.fixture(params=["tiny_qwen3", "tiny_qwen35"])
def model(request: pytest.FixtureRequest) -> Iterator[Model]:
    loaded = Model(request.getfixturevalue(request.param))
    yield loaded
    loaded.close()


def test_text_of_any_script_comes_back_from_its_tokens(model: Model) -> None:
    assert model.text(model.tokenize(TEXT)) == TEXT


def test_our_encoder_agrees_with_llama_cpp(model: Model) -> None:
    vocab = small_vocabulary()
    text = "<|im_start|>user\n" + TEXT + (HERE / "text.txt").read_text() + "<think>\n"
    assert vocab.encode(text) == model.tokenize(text)
    assert vocab.decode(vocab.encode(text)) == text


def test_special_tokens_have_the_types_of_real_qwen_files(model: Model) -> None:
    def kinds(text: str) -> int:
        (token,) = model.tokenize(text)
        return int(llama_cpp.llama_vocab_get_attr(model.vocab, token))

    assert kinds("<|im_start|>") == llama_cpp.LLAMA_TOKEN_ATTR_CONTROL
    assert kinds("<think>") == kinds("</tool_call>") == llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
    assert model.text([llama_cpp.llama_vocab_eos(model.vocab)]) == "<|im_end|>"
    assert not llama_cpp.llama_vocab_get_add_bos(model.vocab)


def test_it_computes_finite_logits_that_depend_on_the_prompt(model: Model) -> None:
    first = model.logits(model.tokenize("The ferry"))
    second = model.logits(model.tokenize(" leaves the harbour"))
    assert all(abs(value) < 1e4 for value in first + second)
    assert first != second


@pytest.mark.parametrize("write", [write_qwen3, write_qwen35])
def test_the_same_seed_writes_the_same_small_file(write: Callable[..., None], tmp_path: Path) -> None:
    write(tmp_path / "a.gguf")
    write(tmp_path / "b.gguf")
    write(tmp_path / "c.gguf", seed=1)
    first = (tmp_path / "a.gguf").read_bytes()
    assert first == (tmp_path / "b.gguf").read_bytes()
    assert first != (tmp_path / "c.gguf").read_bytes()
    assert len(first) < 2_000_000
