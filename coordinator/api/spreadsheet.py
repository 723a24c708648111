"""Rows as CSV (RFC 4180) for programs and for spreadsheets, which take a cell that begins like a formula for one."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
Cell = str | int | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Each ends in CR LF. A text that a spreadsheet would compute has an apostrophe before it; numbers are numbers."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def cells(told: Mapping[str, Any], columns: Sequence[str]) -> list[Cell]:
    """A row of what is told as JSON."""
    return [told[column] for column in columns]


def _safe(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return "'" + cell
    return cell


def headers(name: str) -> dict[str, str]:
    """Of an answer that a browser keeps as a file."""
    return {
        "content-disposition": f'attachment; filename="{name}.csv"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
