"""Which keys are counted together: a key, those that it replaces, and those that it was made with.

Limits belong to such a chain. If each key had counters of its own, a client could make keys in place of waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.accounts.rows import KeyLimits, KeyRow


@dataclass(frozen=True)
class Counter:
    """What a key and all that it replaces are counted under, and the limits of that."""

    name: str
    limits: KeyLimits


def chains(rows: Sequence[KeyRow]) -> dict[str, tuple[Counter, ...]]:
    """The counters of each key, by its id: its own first, the last is of a key that the operator made.

    `rows`: all keys, ended ones too, as a key that has ended still has its place between others.
    """
    in_place = sorted(rows, key=lambda row: (row.revoked_ms is None, row.revoked_ms or 0))
    latest = {row.counters: row for row in in_place}  # of a key and all that it replaces
    return {row.id: _chain(row, latest) for row in rows}


def _chain(row: KeyRow, latest: dict[str, KeyRow]) -> tuple[Counter, ...]:
    found = {row.counters: row.limits}
    above = latest.get(row.parent or "")
    while above is not None and above.counters not in found:  # no program makes a circle; a damaged database ends here
        found[above.counters] = above.limits
        above = latest.get(above.parent or "")
    return tuple(Counter(name, limits) for name, limits in found.items())


def heirs_parent(old: KeyRow, rows: Sequence[KeyRow], by: Sequence[Counter]) -> str | None:
    """The `parent` of the key that replaces `old`, when a key with the counters `by` asks for it.

    It is that of the old key if the two are of one chain. If not, whoever asks gains a key that was no part of its own
    chain, and what it does with that counts against its own limits too.
    """
    related = by[0].name in {counter.name for counter in chains(rows)[old.id]}
    related = related or old.counters in {counter.name for counter in by}
    return old.parent if related else by[0].name
