"""A vocabulary without a model: every byte is a token, and special tokens come behind them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from worker.chat.prepared import Tokenizer

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
DEFINED = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
TEMPLATES = Path(__file__).parents[3] / "tools" / "tiny_models"


@dataclass
class ByteVocabulary:
    """Finds user-defined tokens in plain text and control tokens not, as llama_tokenize does without parse_special.

    `</s>`, if it is among the control tokens, is found all the same: as an ordinary token that byte pairs merge into.
    """

    template: str
    control: tuple[str, ...] = CONTROL
    defined: tuple[str, ...] = DEFINED

    @property
    def size(self) -> int:
        return 256 + len(self.special)

    @cached_property
    def longest(self) -> int:
        return max(map(len, self.special), default=1)

    @cached_property
    def special(self) -> dict[str, int]:
        return {text: 256 + i for i, text in enumerate((*self.control, *self.defined))}

    def tokenize(self, text: str) -> list[int]:
        found = [*self.defined, *(word for word in self.control if word == "</s>")]
        tokens: list[int] = []
        at = 0
        while at < len(text):
            word = next((word for word in found if text.startswith(word, at)), None)
            tokens += [self.special[word]] if word else text[at].encode()
            at += len(word or "x")
        return tokens

    def piece(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else list(self.special)[token - 256].encode()


def text_of(tokenizer: Tokenizer, tokens: tuple[int, ...] | list[int]) -> str:
    return b"".join(map(tokenizer.piece, tokens)).decode()


def specials_of(tokenizer: Tokenizer, tokens: tuple[int, ...] | list[int]) -> list[str]:
    names = {number: text for text, number in tokenizer.special.items()}
    return [names[token] for token in tokens if token in names]


QWEN3 = ByteVocabulary((TEMPLATES / "qwen3.jinja").read_text())
QWEN35 = ByteVocabulary((TEMPLATES / "qwen35.jinja").read_text())
PLAIN = ByteVocabulary(
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    defined=(),
)
