import csv
import io
import re
from pathlib import Path

import pytest

import coordinator
from coordinator.api.spreadsheet import cells, lines

FULLWIDTH = ("＝1+1", "＋1", "－1", "＠SUM(1)", "　＝1", "﹦1")
HIDDEN = ("\ufeff=1", "\u200b=1", "\x00=1", "\xa0=1", "\x0b@x", "\u202e=1")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\tx", "\rx", "  =HYPERLINK(1)", *FULLWIDTH, *HIDDEN]
)
def test_what_a_spreadsheet_would_compute_is_a_text(text: str) -> None:
    (row,) = csv.reader(io.StringIO(lines([[text, -1]]).decode(), newline=""))
    assert row == ["'" + text, "-1"]


def test_rows_are_those_of_rfc_4180() -> None:
    assert lines([["a", 'b "c"', "d,e", "f\ng", None, 0], ["\ud800", "é", "", "", "", 1]]) == (
        b'a,"b ""c""","d,e","f\ng",,0\r\n?,\xc3\xa9,,,,1\r\n'
    )
    assert cells({"a": 1, "b": "x", "c": None}, ("b", "a")) == ["x", 1]


def test_what_is_no_formula_stays_as_it_is() -> None:
    harmless = ["a=1", "acc_1/-1", "1-1", "", " ", "é", "\u202fx"]
    (row,) = csv.reader(io.StringIO(lines([harmless]).decode(), newline=""))
    assert row == harmless


def test_there_is_no_second_place_that_writes_them() -> None:
    root = Path(coordinator.__file__).parent
    written = re.compile(r"(?m)^\s*(import|from) csv\b")
    users = [path.name for path in root.rglob("*.py") if written.search(path.read_text())]
    assert users == ["spreadsheet.py"]
