"""What a JSON text holds is counted as a parser would count it, before there is a parser."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.bounds import Bounds, excess

JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a,[]{}"\\\u0000é'),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(alphabet=',{["\\'), inner, max_size=5),
    max_leaves=30,
)


def counted(value: Any) -> tuple[int, int]:
    """Containers, and members beside the first of each container."""
    if not isinstance(value, dict | list):
        return 0, 0
    inside = [counted(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + sum(one for one, _ in inside), sum(two for _, two in inside) + max(0, len(value) - 1)


@given(JSON)
def test_texts_of_strings_count_for_nothing_and_everything_else_counts_once(value: Any) -> None:
    text = json.dumps(value).encode()
    containers, commas = counted(value)
    exact = Bounds(containers, containers + commas)
    assert excess(text, exact) is None
    if containers:
        assert "lists and objects" in str(excess(text, Bounds(containers - 1, exact.values)))
        assert excess(text, Bounds(containers, exact.values - 1)) is not None


@pytest.mark.parametrize("text", [b'"' + b'\\"' * 500, b'["' + b"[" * 500, b'[{"\\', b"", b'"' * 501, b"\\" * 500])
def test_a_text_that_is_cut_or_no_json_is_left_to_the_parser(text: bytes) -> None:
    assert excess(text, Bounds(1000, 1000)) is None


def test_a_string_that_is_never_closed_is_read_once() -> None:
    """Read again from each of its quotes it would take half an hour."""
    text = b"[" * 20 + b'"' + b'\\"' * 500_000
    assert "lists" in str(excess(text, Bounds(10, 20)))
    assert excess(text, Bounds(20, 20)) is None


def test_strings_without_end_are_refused_uncounted() -> None:
    assert "values" in str(excess(b'["",' * 1000, Bounds(10, 20)))
