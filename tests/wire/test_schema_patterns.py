"""ECMAScript's regular expressions in Rust's words."""

import pytest

from wire.schema_patterns import matching_whole, translated


@pytest.mark.parametrize(
    ("pattern", "rust"),
    [
        (r"^[a-z]+$", r"^[a-z]+$"),
        (r"a.b\.c[.]", r"a[^\n\r\u2028\u2029]b\.c[.]"),
        (r"[[a]", r"[\[a]"),
        (r"\\s", r"\\s"),
        (r"\d\W[\w-]", r"[0-9][^A-Za-z0-9_][[A-Za-z0-9_]-]"),
        ("trailing\\", "trailing\\"),
    ],
)
def test_what_is_read_differently_is_said_differently(pattern: str, rust: str) -> None:
    assert translated(pattern) == rust


def test_white_space_is_ecmascripts_inside_a_class_and_outside() -> None:
    assert r"\uFEFF" in translated(r"\s") and "[^" in translated(r"\S")
    assert translated(r"[a\s]").startswith("[a[") and translated(r"[a\s]").endswith("]]")


@pytest.mark.parametrize(
    ("pattern", "whole"),
    [
        ("^a$", "a"),
        ("a", "(?s:.*)a(?s:.*)"),
        ("^a|b$", "a(?s:.*)|(?s:.*)b"),
        ("^(a|b)$", "(a|b)"),
        ("^[|^$]$", "[|^$]"),
        (r"^\$$", r"\$"),
        ("(^a|b)", None),
        ("a^b", None),
    ],
)
def test_a_search_is_said_as_a_match_of_the_whole(pattern: str, whole: str | None) -> None:
    assert matching_whole(pattern) == whole
