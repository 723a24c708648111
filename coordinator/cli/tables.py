"""Rows on stdout: a table for people, JSON for programs."""

import json
from datetime import UTC, datetime
from typing import Any

from coordinator.clock import DAY_MS
from coordinator.ledger.pricing import decimal


def print_table(rows: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool) -> None:
    """For people, times are read as times and money as dollars; programs get both as they are stored."""
    if as_json:
        print(json.dumps([{name: row[name] for name in columns} for row in rows]))
        return
    head = tuple(name.removesuffix("_ms").removesuffix("_nano") for name in columns)
    cells = [head, *(tuple(_cell(name, row[name]) for name in columns) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def day(number: int) -> str:
    """`number` counts from the first of January 1970, UTC."""
    return datetime.fromtimestamp(number * DAY_MS / 1000, UTC).strftime("%Y-%m-%d")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_ms"):
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"${decimal(value)}" if name.endswith("_nano") else str(value)
