"""Byte-level BPE in the manner of GPT-2 with Qwen's splitting rule: learn merges from a text, encode with them.

llama.cpp is the judge: `test_models.py` holds `encode` against its tokenizer. Python's \\w and \\d stand in for \\p{L}
and \\p{N}, so the two can differ on rare Unicode (roman numerals, say), never on what the tokens decode to.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

Pair = tuple[str, str]

# Letters are words with at most one other character before them, and every digit stands alone.
_SPLIT = re.compile(
    r"'(?:[sdmtSDMT]|ll|LL|re|RE|ve|VE)"
    r"|(?:[^\r\n\w]|_)?[^\W\d_]+"
    r"|\d"
    r"| ?(?:[^\s\w]|_)+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)


def byte_letters() -> list[str]:
    """The printable character that stands for each of the 256 bytes in token texts: GPT-2's table."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = {byte: 256 + n for n, byte in enumerate(sorted(set(range(256)) - set(kept)))}
    return [chr(moved.get(byte, byte)) for byte in range(256)]


LETTERS = byte_letters()


def words(text: str) -> list[str]:
    """The text cut into pieces that no token crosses, in token letters."""
    return ["".join(LETTERS[byte] for byte in piece.encode()) for piece in _SPLIT.findall(text)]


def learn(text: str, count: int, bind_capitals: bool = True) -> list[Pair]:
    """At most `count` merges, commonest pair first; ties go to the alphabet, so only the text decides.

    Without `bind_capitals` the space before a capital stays a token of its own: a name is then the same tokens behind a
    space and behind a quote, which makes copying it into JSON easy to learn.
    """
    pieces = [(list(word), n) for word, n in Counter(words(text)).items()]
    merges: list[Pair] = []
    pairs: Counter[Pair] = Counter()
    for parts, n in pieces:
        _count(pairs, parts, n, bind_capitals)
    while len(merges) < count and pairs:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for parts, n in pieces:
            if best in pairwise(parts):
                _count(pairs, parts, -n, bind_capitals)
                _merge(parts, best)
                _count(pairs, parts, n, bind_capitals)
        pairs = +pairs
    return merges


def _count(pairs: Counter[Pair], parts: list[str], n: int, bind_capitals: bool) -> None:
    for pair in pairwise(parts):
        if bind_capitals or pair[0] != LETTERS[32] or not pair[1][0].isupper():
            pairs[pair] += n


def _merge(parts: list[str], pair: Pair) -> None:
    at = 0
    while at < len(parts) - 1:
        if (parts[at], parts[at + 1]) == pair:
            parts[at : at + 2] = ["".join(pair)]
        at += 1


@dataclass(frozen=True)
class Vocabulary:
    """Token texts by id: 256 bytes, one per merge, then control and user-defined tokens."""

    merges: list[Pair]
    control: tuple[str, ...]
    defined: tuple[str, ...]
    _seen: dict[str, list[int]] = field(default_factory=dict, repr=False)

    @cached_property
    def tokens(self) -> list[str]:
        merged = dict.fromkeys("".join(pair) for pair in self.merges)  # two merges may spell the same token
        return [*sorted(LETTERS), *merged, *self.control, *self.defined]

    @cached_property
    def ids(self) -> dict[str, int]:
        return {token: n for n, token in enumerate(self.tokens)}

    @cached_property
    def _ranks(self) -> dict[Pair, int]:
        return {pair: n for n, pair in enumerate(self.merges)}

    @cached_property
    def _specials(self) -> re.Pattern[str]:
        return re.compile("(" + "|".join(map(re.escape, (*self.control, *self.defined))) + ")")

    def encode(self, text: str) -> list[int]:
        """Ids of a text in which special tokens are looked for."""
        ids: list[int] = []
        for part in self._specials.split(text):
            if part in self.control or part in self.defined:
                ids.append(self.ids[part])
            else:
                for word in words(part):
                    ids += self._word(word)
        return ids

    def _word(self, word: str) -> list[int]:
        if word not in self._seen:
            parts = list(word)
            while len(parts) > 1:
                best = min(pairwise(parts), key=lambda pair: self._ranks.get(pair, 1 << 30))
                if best not in self._ranks:
                    break
                _merge(parts, best)
            self._seen[word] = [self.ids[part] for part in parts]
        return self._seen[word]

    def decode(self, ids: list[int]) -> str:
        """Text of ids, special tokens spelled out."""
        special = {*self.control, *self.defined}
        table = {letter: byte for byte, letter in enumerate(LETTERS)}
        raw = b"".join(
            token.encode() if token in special else bytes(table[letter] for letter in token)
            for token in (self.tokens[n] for n in ids)
        )
        return raw.decode(errors="replace")
