"""Which keys are counted together: a key, those that it replaces, and those that it was made with.

Limits belong to such a chain. If each key had counters of its own, a client could make keys in place of waiting.

So do caps on what may be spent, but for what a person does who is signed in: a cap is the owner's own bound on a key,
and holds neither for the owner's browser nor for the keys that are made there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coordinator.accounts.rows import KeyLimits, KeyRow


@dataclass(frozen=True)
class Counter:
    """What a key and all that it replaces are counted under, and the limits of that. `pays`: what is spent counts
    there too."""

    name: str
    limits: KeyLimits
    pays: bool = True


def chains(rows: Sequence[KeyRow]) -> dict[str, tuple[Counter, ...]]:
    """The counters of each key, by its id: its own first, the last is of a key that the operator made.

    `rows`: all keys, ended ones too, as a key that has ended still has its place between others.
    """
    in_place = sorted(rows, key=lambda row: (row.session_ends_ms is None, row.revoked_ms is None, row.revoked_ms or 0))
    latest = {row.counters: row for row in in_place}  # of a key and all that it replaces
    return {row.id: _chain(row, latest) for row in rows}


def _chain(row: KeyRow, latest: dict[str, KeyRow]) -> tuple[Counter, ...]:
    session = row.session_ends_ms is not None
    pays = not session
    limits = latest[row.counters].limits if session else row.limits
    found = {row.counters: Counter(row.counters, _without_caps(limits) if session else limits, pays)}
    pays = pays and not row.by_person
    above = latest.get(row.parent or "")
    while above is not None and above.counters not in found:  # no program makes a circle; a damaged database ends here
        found[above.counters] = Counter(above.counters, above.limits, pays and _counts(above))
        pays = pays and not above.by_person
        above = latest.get(above.parent or "")
    return tuple(found.values())


def _counts(above: KeyRow) -> bool:
    """Whether what is spent counts for the key above. A chain grows with each key that is made by one which then ends;
    of those that have ended only the caps matter."""
    capped = above.limits != _without_caps(above.limits)
    return above.session_ends_ms is None and (above.revoked_ms is None or capped)


def _without_caps(limits: KeyLimits) -> KeyLimits:
    return replace(limits, cap_day_nano=None, cap_month_nano=None)


def heirs_place(old: KeyRow, rows: Sequence[KeyRow], by: Sequence[Counter]) -> tuple[str | None, bool]:
    """The `parent` and `by_person` of the key that replaces `old`, when a key with the counters `by` asks for it.

    They are those of the old key if the two are of one chain. If not, whoever asks gains a key that was no part of its
    own chain, and what it does with that counts against its own limits too, and its caps.
    """
    asks = by[0]
    related = {counter.name for counter in chains(rows)[old.id] if counter.pays or not asks.pays}
    if asks.name in related or old.counters in {counter.name for counter in by}:
        return old.parent, old.by_person
    return asks.name, not asks.pays  # what does not pay is a session
