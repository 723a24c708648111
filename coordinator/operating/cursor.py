"""Where a page of a list ends, as the client gives it back for the next one: the last row's value and name."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from wire.errors import invalid

Value = str | int | float
Cursor = tuple[Value, str]
MOST = 2400  # characters: a name of 128, each twelve as JSON, and an id

Row = TypeVar("Row")


def encoded(value: Value, name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, name]).encode()).decode().rstrip("=")


def decoded(text: str | None, kind: type[Value]) -> Cursor | None:
    """Raises invalid_request for what is no cursor of a list that is sorted by values of this kind."""
    if text is None:
        return None
    try:
        if len(text) > MOST:
            raise ValueError("too long")
        value, name = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if type(value) is not kind or not isinstance(name, str) or (isinstance(value, int) and abs(value) >= 2**63):
            raise ValueError("another list's")
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise invalid("after", "Invalid 'after': give 'next' of the page before, of the same list.") from None
    return value, name


def paged(
    rows: Sequence[Row],
    value: Callable[[Row], Value],
    name: Callable[[Row], str],
    descending: bool,
    after: Cursor | None,
    limit: int,
) -> tuple[list[Row], Row | None]:
    """The rows of one page of a list that is in memory, by value and then by name; and the last of them if more
    follow."""
    by_value: Callable[[Row], Any] = value
    ordered = sorted(sorted(rows, key=name), key=by_value, reverse=descending)
    if after is not None:
        last: Any = after[0]

        def follows(row: Row) -> bool:
            mine = by_value(row)
            return bool(mine < last if descending else mine > last) or (mine == last and name(row) > after[1])

        ordered = [row for row in ordered if follows(row)]
    page = ordered[:limit]
    return page, page[-1] if len(ordered) > limit else None
