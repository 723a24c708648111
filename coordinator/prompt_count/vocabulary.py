"""The vocabulary of a GGUF file as a tokeniser, without weights and without llama.cpp: the only importer of tokenizers.

Byte-level BPE only, with the pre-tokenisers that the models of the catalog name. Special tokens are no matter here:
text of a request never becomes one (worker/chat/special_tokens.py), so they are not told to the tokeniser at all.
"""

import re
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from coordinator.prompt_count.template import marks
from program.gguf_reader import GgufError, read_strings

_KIND, _PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"
_TOKENS, _MERGES = "tokenizer.ggml.tokens", "tokenizer.ggml.merges"
_TEMPLATE = "tokenizer.chat_template"
_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?[{letters}]+|\p{{N}}| ?[^\s{letters}\p{{N}}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# By tokenizer.ggml.pre: how a text is cut before byte pairs are merged, as llama.cpp does it (src/llama-vocab.cpp).
_SPLITS = {
    "qwen2": _QWEN.format(letters=r"\p{L}"),
    "qwen35": _QWEN.format(letters=r"\p{L}\p{M}"),
    "smollm": r"\p{N}|'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}
_HALVES = re.compile("[\ud800-\udfff]")


class Vocabulary:
    """Counts the tokens of plain text. `marks`: of the file's template, or the longest known where it has none.

    Raises GgufError for a file whose vocabulary is of another kind.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            found = read_strings(stream, path.stat().st_size, frozenset({_KIND, _PRE, _TOKENS, _MERGES}))
        kind, pre = found[_KIND][0], found[_PRE][0]
        if kind != "gpt2" or pre not in _SPLITS:
            raise GgufError(f"a vocabulary of the kind {kind}, cut as {pre}, cannot be counted with here")
        merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in found[_MERGES])]
        numbers = {token: number for number, token in enumerate(found[_TOKENS])}
        try:
            self._tokenizer = Tokenizer(models.BPE(numbers, merges))
        except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
            raise GgufError(f"its merges do not belong to its tokens: {error}") from None
        self.marks = marks(_template(path), numbers)
        split = pre_tokenizers.Split(Regex(_SPLITS[pre]), "isolated")
        letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, letters])

    def count(self, text: str) -> int:
        """Return the number of tokens."""
        plain = _HALVES.sub("\ufffd", text)  # as worker/chat/surrogates.py: no UTF-8 can hold half a character
        return len(self._tokenizer.encode(plain, add_special_tokens=False))


def _template(path: Path) -> str | None:
    """It may stand behind the vocabulary, where a beginning of the file has been kept, or not at all."""
    try:
        with path.open("rb") as stream:
            return read_strings(stream, path.stat().st_size, frozenset({_TEMPLATE}))[_TEMPLATE][0]
    except GgufError:
        return None
