"""Halves of characters."""

from worker.chat.surrogates import plain


def test_lone_surrogates_are_no_text() -> None:
    assert plain("a\ud800b") == "a\ufffdb"
    assert plain("a😀b") == "a😀b"
