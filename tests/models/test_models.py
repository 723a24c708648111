"""The tiny models are what they claim to be: llama.cpp loads, tokenises and runs them."""

import ctypes
import json
from collections.abc import Iterator
from pathlib import Path

import jinja2
import llama_cpp
import pytest

from tests.models.make import HERE, small_vocabulary, write_qwen3, write_qwen35

TEXT = "The ferry leaves at 7:45, naïve café 12 € — 天気 🌦️!\n\n  def f(x):\r\n\treturn x's  "


class Model:
    """The few calls of llama.cpp that a test needs, one sequence, one thread."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert self.model, f"{path} does not load"
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        shape = llama_cpp.llama_context_default_params()
        shape.n_ctx, shape.n_batch, shape.n_threads, shape.n_threads_batch = 1024, 1024, 1, 1
        self.context = llama_cpp.llama_init_from_model(self.model, shape)

    def close(self) -> None:
        llama_cpp.llama_free(self.context)
        llama_cpp.llama_model_free(self.model)

    def tokenize(self, text: str) -> list[int]:
        raw = text.encode()
        room = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), room, len(room), False, True)
        return list(room[:count])

    def text(self, ids: list[int]) -> str:
        pieces = []
        room = ctypes.create_string_buffer(128)
        for token in ids:
            size = llama_cpp.llama_token_to_piece(self.vocab, token, room, len(room), 0, True)
            pieces.append(room.raw[:size])
        return b"".join(pieces).decode(errors="replace")

    def logits(self, ids: list[int]) -> list[float]:
        """Of the next token; the context holds what was fed before."""
        tokens = (llama_cpp.llama_token * len(ids))(*ids)
        assert llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(tokens, len(ids))) == 0
        return llama_cpp.llama_get_logits_ith(self.context, -1)[: llama_cpp.llama_vocab_n_tokens(self.vocab)]

    def greedy(self, prompt: str, limit: int = 200) -> str:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        answer: list[int] = []
        row = self.logits(self.tokenize(prompt))
        while len(answer) < limit:
            token = max(range(len(row)), key=row.__getitem__)
            if llama_cpp.llama_vocab_is_eog(self.vocab, token):
                break
            answer.append(token)
            row = self.logits([token])
        return self.text(answer)


def render(template: str, **values: object) -> str:
    """A template as a file of this folder, under the rules that transformers renders with."""

    def fail(message: str) -> None:
        raise ValueError(message)

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = fail
    return environment.from_string((HERE / template).read_text()).render(**values)


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
def test_the_same_seed_writes_the_same_small_file(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write(tmp_path / "a.gguf")
    write(tmp_path / "b.gguf")
    write(tmp_path / "c.gguf", seed=1)
    first = (tmp_path / "a.gguf").read_bytes()
    assert first == (tmp_path / "b.gguf").read_bytes()
    assert first != (tmp_path / "c.gguf").read_bytes()
    assert len(first) < 2_000_000
