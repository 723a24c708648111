"""Special tokens of a vocabulary, and turning plain text into tokens so that it cannot become one of them."""

import re
from functools import lru_cache

from wire.errors import ErrorCode, SupernetError
from worker.chat.prepared import Tokenizer

_CHARACTERS = 5  # of a token; prose has about 4
_SLICE = 32 * 1024  # characters
_SEAM = 64  # tokens that a slice may have more for being cut from its neighbours


class SpecialTokens:
    """The texts of the special tokens, and where plain text spells one.

    llama.cpp does not look for control tokens in plain text, but it does for user-defined ones (`<think>`,
    `<tool_call>`), and byte pairs may merge into a control token that is also an ordinary one (`</s>`). So text that
    spells a special token is cut behind its first character and the halves are tokenised apart. That needs literals
    of two characters or more, which words of a language do not begin with: else ValueError.
    """

    def __init__(self, ids: dict[str, int]) -> None:
        for literal in ids:
            if len(literal) < 2 or literal[0].isalnum() or literal[0].isspace():
                raise ValueError(
                    f"this vocabulary cannot be kept apart from text: its special token {literal!r} begins with a "
                    "letter, a digit or white space, or is a single character"
                )
        self.ids = ids
        self.literals = tuple(sorted(ids))
        self._numbers = frozenset(ids.values())
        self._spelled = re.compile(f"(?={_tree(self.literals)})") if ids else None

    def longer_than(self, most: int, text: str, tokenizer: Tokenizer) -> bool:
        """Whether a text that is very long for `most` tokens has surely more, told from its beginning.

        llama.cpp takes 1 to 8 s for a MB of hostile text (blanks, tags), so all of it is read only where it may fit.
        What would not even fit in the vocabulary's longest tokens is not read at all.
        """
        if len(text) <= _CHARACTERS * most:
            return False
        if len(text) > tokenizer.longest * most:
            return True
        count = 0
        for at in range(0, len(text), _SLICE):
            count += len(tokenizer.tokenize(text[at : at + _SLICE])) - _SEAM
            if count > most:
                return True
        return False

    def tokenize(self, text: str, tokenizer: Tokenizer) -> list[int]:
        """Tokens of plain text, none of them special."""
        cuts = [match.start() + 1 for match in self._spelled.finditer(text)] if self._spelled else []
        tokens: list[int] = []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            tokens += tokenizer.tokenize(text[start:end])
        if not self._numbers.isdisjoint(tokens):
            raise SupernetError(
                ErrorCode.INVALID_REQUEST, "A text in this request reads as a control token.", param="messages"
            )
        return tokens


@lru_cache(maxsize=16)
def special_tokens(items: tuple[tuple[str, int], ...]) -> SpecialTokens:
    return SpecialTokens(dict(items))


def _tree(words: tuple[str, ...]) -> str:
    """A pattern for any of the sorted `words` that shares their beginnings: one step per character of text, where a
    plain alternation of a few hundred would try them all at each `<` of a hostile text."""
    shared = words[0]
    for word in words[1:]:
        while not word.startswith(shared):
            shared = shared[:-1]
    rests = [word[len(shared) :] for word in words]
    branches: dict[str, list[str]] = {}
    for rest in filter(None, rests):
        branches.setdefault(rest[0], []).append(rest)
    if "" in rests or not branches:  # the shortest is found: that is enough for a cut behind the first character
        return re.escape(shared)
    return re.escape(shared) + "(?:" + "|".join(_tree(tuple(group)) for group in branches.values()) + ")"
