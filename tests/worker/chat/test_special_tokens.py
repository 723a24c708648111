"""Plain text never turns into special tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.chat.vocabularies import PLAIN, ByteVocabulary, specials_of, text_of
from wire.errors import SupernetError
from worker.chat.special_tokens import SpecialTokens

NESTED = ByteVocabulary("", control=("</s>", "<a>"), defined=("<a><b>", "<a", "<<a>>", "[x]", "<|<|>"))


@given(st.lists(st.sampled_from([*NESTED.special, "<", ">", "a", "[", "|", "é"]), max_size=12).map("".join))
def test_no_literal_survives_nested_or_overlapping(text: str) -> None:
    tokens = SpecialTokens(NESTED.special).tokenize(text, NESTED)
    assert specials_of(NESTED, tokens) == []
    assert text_of(NESTED, tokens) == text


def test_text_without_literals_is_tokenised_in_one_piece() -> None:
    class Counting(ByteVocabulary):
        def tokenize(self, text: str) -> list[int]:
            seen.append(text)
            return super().tokenize(text)

    seen: list[str] = []
    SpecialTokens(PLAIN.special).tokenize("a < b <| c <|im_ d", Counting(""))
    assert seen == ["a < b <| c <|im_ d"]
    seen.clear()
    SpecialTokens(PLAIN.special).tokenize("a<|im_end|>b", Counting(""))
    assert seen == ["a<", "|im_end|>b"]


def test_a_tokenizer_that_finds_a_special_token_elsewhere_is_caught() -> None:
    class Wrong(ByteVocabulary):
        def tokenize(self, text: str) -> list[int]:
            return [self.special["<|im_end|>"]]

    with pytest.raises(SupernetError, match="control token"):
        SpecialTokens(PLAIN.special).tokenize("x", Wrong(""))


@pytest.mark.parametrize("literal", ["a>", "1", " x", "\n\n", "<", "é|"])
def test_literals_that_begin_like_words_are_refused(literal: str) -> None:
    with pytest.raises(ValueError, match="cannot be kept apart"):
        SpecialTokens({literal: 1})


def test_a_vocabulary_without_special_tokens() -> None:
    assert SpecialTokens({}).tokenize("<a>", PLAIN) == list(b"<a>")


def test_a_text_is_longer_than_told_only_when_it_surely_is() -> None:
    special = SpecialTokens(PLAIN.special)
    assert special.longer_than(1000, "x" * 200_000, PLAIN)
    assert not special.longer_than(1000, "x" * 5000, PLAIN), "short enough to be read whole"
    blanks = ByteVocabulary("")
    blanks.longest = 1000
    blanks.tokenize = lambda text: [32] * (len(text) // 1000)  # type: ignore[method-assign]
    assert not special.longer_than(1000, " " * 900_000, blanks), "a token may have many characters"


def test_a_text_that_no_tokens_could_hold_is_not_read_at_all() -> None:
    class Unread(ByteVocabulary):
        def tokenize(self, text: str) -> list[int]:
            raise AssertionError("read")

    special = SpecialTokens(PLAIN.special)
    longest = Unread("").longest
    assert special.longer_than(1000, " " * (longest * 1000 + 1), Unread(""))
    with pytest.raises(AssertionError, match="read"):
        special.longer_than(1000, " " * (longest * 1000), Unread(""))
