"""Grammars tried with llguidance itself, on a vocabulary of bytes."""

from typing import Any

from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from tests.worker.chat.vocabularies import QWEN3
from wire.chat import ChatRequest, Message
from worker.engine.constraint import Constraint

END = QWEN3.special["<|im_end|>"]


class Wrapped:
    bos_token_id = None
    eos_token_id = END
    tokens = tuple(QWEN3.piece(token) for token in range(256 + len(QWEN3.special)))
    special_token_ids = tuple(QWEN3.special.values())

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text if isinstance(text, bytes) else text.encode())


LLAMA = LLTokenizer(TokenizerWrapper(Wrapped()), eos_token=[END])


def ask(**fields: Any) -> ChatRequest:
    fields = {"thinking": False, "max_tokens": 9, **fields}
    return ChatRequest(messages=(Message(role="user", content="x"),), **fields)


def accepts(made: Constraint, text: str, special: dict[str, int] = QWEN3.special) -> bool:
    """The whole text, and that the answer may end behind it."""
    matcher = LLMatcher(LLAMA, made.grammar, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    tokens = QWEN3.tokenize(text) if special else list(text.encode())
    return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()
