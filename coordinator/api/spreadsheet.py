"""Rows as CSV (RFC 4180) for programs and for spreadsheets, which take a cell that begins like a formula for one."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
Cell = str | int | float | None
_FORMULA = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")  # programs that split a cell there begin the next one with what follows


def lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Each ends in CR LF. A text that a spreadsheet would compute has an apostrophe before it; numbers are numbers."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def cells(told: Mapping[str, Any], columns: Sequence[str]) -> list[Cell]:
    """A row of what is told as JSON."""
    return [told[column] for column in columns]


def _safe(cell: Cell) -> Cell:
    if isinstance(cell, str) and (cell.startswith(_BREAKS) or _first(cell) in _FORMULA):
        return "'" + cell
    return cell


def _first(text: str) -> str:
    """The first character that is seen, as the one that it is another form of: spreadsheets of East Asia compute what
    begins with a fullwidth ＝＋－＠ too."""
    seen = next((char for char in text if char.isprintable() and not char.isspace()), "")
    return unicodedata.normalize("NFKC", seen)


def headers(name: str) -> dict[str, str]:
    """Of an answer that a browser keeps as a file. `name`: without its end."""
    return {
        "content-disposition": f'attachment; filename="{name}.csv"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
