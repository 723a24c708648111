"""A page goes on where the one before ended, and no client's text breaks a list."""

import pytest

from coordinator.operating.cursor import Value, decoded, encoded, paged
from wire.errors import ErrorCode, SupernetError


@pytest.mark.parametrize("value", ["ä b", "🦙" * 128, 0, -5, 2**62, 1.5])
def test_what_was_encoded_is_decoded(value: Value) -> None:
    assert decoded(encoded(value, "acc_1"), type(value)) == (value, "acc_1")
    assert decoded(None, int) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "%%%",
        "W10",
        "ä",
        "WzEsMl0",
        encoded(True, "x"),
        encoded(2**63, "x"),
        "A" * 2500,
        "W" * 599,
        encoded("s", "x"),
    ],
)
def test_all_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(SupernetError) as caught:
        decoded(text, int)
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "after")


@pytest.mark.parametrize("descending", [True, False])
def test_pages_have_every_row_once_in_order(descending: bool) -> None:
    rows = [(number % 3, f"r{number:02}") for number in range(20)]
    seen, after = list[tuple[int, str]](), None
    while True:
        page, last = paged(rows, lambda row: row[0], lambda row: row[1], descending, after, 7)
        seen += page
        if last is None:
            break
        after = (last[0], last[1])
    assert sorted(seen) == sorted(rows)
    values = [row[0] for row in seen]
    assert values == sorted(values, reverse=descending)
