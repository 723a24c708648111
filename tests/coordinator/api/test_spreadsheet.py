import csv
import io

import pytest

from coordinator.api.spreadsheet import cells, lines


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "  =HYPERLINK(1)"])
def test_what_a_spreadsheet_would_compute_is_a_text(text: str) -> None:
    (row,) = csv.reader(io.StringIO(lines([[text, -1]]).decode(), newline=""))
    assert row == ["'" + text, "-1"]


def test_rows_are_those_of_rfc_4180() -> None:
    assert lines([["a", 'b "c"', "d,e", "f\ng", None, 0], ["\ud800", "é", "", "", "", 1]]) == (
        b'a,"b ""c""","d,e","f\ng",,0\r\n?,\xc3\xa9,,,,1\r\n'
    )
    assert cells({"a": 1, "b": "x", "c": None}, ("b", "a")) == ["x", 1]
