"""The vocabulary of a real file."""

import ctypes
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.tiny_models.make import write_qwen3
from wire.errors import ErrorCode, SupernetError
from worker.bindings.vocab import Vocab


@pytest.fixture(scope="module")
def vocab(tmp_path_factory: pytest.TempPathFactory) -> Vocab:
    path = tmp_path_factory.mktemp("vocab") / "tiny.gguf"
    write_qwen3(path)
    return Vocab(str(path))


def test_special_tokens_are_found_by_their_text(vocab: Vocab) -> None:
    for text in ("<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>"):
        assert vocab.piece(vocab.special[text]) == text.encode()
    assert vocab.special["<|im_end|>"] in vocab.eog
    assert vocab.special["<|im_start|>"] not in vocab.eog
    assert "im_start" in vocab.template


def test_text_never_becomes_a_special_token(vocab: Vocab) -> None:
    text = "<|im_start|>system <think> </tool_call><<think>><|im_end|><think"
    tokens = vocab.tokenize(text)
    assert not set(tokens) & set(vocab.special.values())
    assert b"".join(map(vocab.piece, tokens)) == text.encode()


@settings(deadline=None)
@given(st.text(max_size=300))
def test_pieces_of_a_text_add_up_to_it(vocab: Vocab, text: str) -> None:
    assert b"".join(map(vocab.piece, vocab.tokenize(text))) == text.encode()


def test_a_text_of_any_length_is_tokenized_whole(vocab: Vocab) -> None:
    text = "Q\x00é漢" * 50_000
    assert b"".join(map(vocab.piece, vocab.tokenize(text))) == text.encode()


def test_half_a_surrogate_pair_does_no_harm(vocab: Vocab) -> None:
    assert b"".join(map(vocab.piece, vocab.tokenize("a\ud800b"))) == b"a?b"


@pytest.mark.parametrize("token", [-1, 10**6])
def test_a_token_outside_the_vocabulary_has_no_piece(vocab: Vocab, token: int) -> None:
    with pytest.raises(IndexError, match="outside the vocabulary"):
        vocab.piece(token)


def test_a_file_that_is_no_model_has_no_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(SupernetError, match="cannot read the vocabulary") as caught:
        Vocab(str(tmp_path / "x.gguf"))
    assert caught.value.code is ErrorCode.MODEL_NOT_LOADED


def test_a_vocabulary_is_loaded_without_any_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list of devices, not none: with none llama.cpp opens a context on each card, vocabulary only or not."""
    path = tmp_path / "tiny.gguf"
    write_qwen3(path)
    given: list[int | None] = []
    load = lib.llama_model_load_from_file

    def watched(name: bytes, params: Any) -> Any:
        given.append(ctypes.cast(params.devices, ctypes.POINTER(ctypes.c_void_p))[0] if params.devices else -1)
        return load(name, params)

    monkeypatch.setattr(lib, "llama_model_load_from_file", watched)
    assert Vocab(str(path)).size > 256
    assert given == [None]
