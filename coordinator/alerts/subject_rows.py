"""What can be wrong, and how it stands, in the database. Every replica writes what it sees; one at a time judges."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from coordinator.alerts.judge import SILENT_S, STALE_S, Judged
from coordinator.alerts.subjects import WORKER, Key, Sighting, Subject
from coordinator.store.alert_tables import alert_subjects
from program.alerts import Standing

MOST_SUBJECTS = 1000  # of one account
_T = alert_subjects
_SAME = and_(*(_T.c[name] == bindparam(f"_{name}") for name in ("account", "kind", "subject")))


def see(connection: Connection, sightings: Iterable[Sighting], now_ms: int) -> None:
    """Write down what was seen. Of an account that has too many rows already, nothing new is."""
    sightings = sorted(sightings, key=lambda one: one.key)  # replicas lock rows in one order
    seen = [one for one in sightings if not one.away and not one.parted]
    missed = [one for one in sightings if one.away or one.parted]
    if seen:
        crowded = _crowded(connection, {one.key.account for one in seen})
        new = insert_or_not(_T)
        made = new.on_conflict_do_update(
            index_elements=["account", "kind", "subject"],
            set_={"words": new.excluded.words, "seen_ms": now_ms, "away": False, "parted": False},
        )
        rows = [_row(one, now_ms) for one in seen if one.key.account not in crowded]
        if rows:
            connection.execute(made, rows)
        old = [_named(one.key) | {"_words": one.words} for one in seen if one.key.account in crowded]
        if old:
            again = update(_T).where(_SAME).values(words=bindparam("_words"), seen_ms=now_ms, away=False, parted=False)
            connection.execute(again, old)
    if missed:
        marks = [_named(one.key) | {"_away": one.away, "_parted": one.parted} for one in missed]
        marked = update(_T).where(_SAME).values(away=bindparam("_away"), parted=bindparam("_parted"), seen_ms=now_ms)
        connection.execute(marked, marks)


def _crowded(connection: Connection, accounts: set[str]) -> set[str]:
    found = set[str]()
    ordered = sorted(accounts)
    for start in range(0, len(ordered), 500):
        theirs = _T.c.account.in_(ordered[start : start + 500])
        many = select(_T.c.account).where(theirs).group_by(_T.c.account).having(func.count() >= MOST_SUBJECTS)
        found |= set(connection.execute(many).scalars())
    return found


def interesting(connection: Connection, now_ms: int) -> list[Subject]:
    """All that is wrong, or was told of and may be over: not the many workers that are there."""
    silent, stale = now_ms - int(SILENT_S * 1000), now_ms - int(STALE_S * 1000)
    missed = and_(_T.c.kind == WORKER, not_(_T.c.parted), or_(_T.c.away, _T.c.seen_ms <= silent))
    wrong = and_(_T.c.kind != WORKER, or_(_T.c.seen_ms > stale, _T.c.told_ms.is_not(None)))
    known = select(_T).where(or_(_T.c.open, _T.c.since_ms.is_not(None), missed, wrong))
    return [_subject(row) for row in connection.execute(known)]


def known(connection: Connection, keys: Iterable[Key]) -> dict[Key, Subject]:
    """Those of these that are remembered."""
    ordered, found = sorted(set(keys)), list[Subject]()
    for start in range(0, len(ordered), 200):
        each = [and_(*(_T.c[name] == value for name, value in key._asdict().items())) for key in ordered[start:][:200]]
        found += [_subject(row) for row in connection.execute(select(_T).where(or_(*each)))]
    return {one.key: one for one in found}


def remember(connection: Connection, judged: Sequence[Judged], now_ms: int) -> None:
    """Write what has changed, forget the rest."""
    forgotten = [_named(one.before.key) for one in judged if one.subject is None]
    if forgotten:
        connection.execute(delete(_T).where(_SAME), forgotten)
    changed = [one.subject for one in judged if one.subject is not None and one.subject != one.before]
    if changed:
        names = ("since_ms", "gone_ms", "told_ms", "open")
        values: dict[str, Any] = {name: bindparam(f"_{name}") for name in names}
        rows = [_named(one.key) | _standing(one.standing) for one in changed]
        connection.execute(update(_T).where(_SAME).values(**values), rows)


def sweep(connection: Connection, before_ms: int) -> None:
    """Forget workers that have left and were not seen since, and what accounts without an address had."""
    gone = and_(or_(_T.c.parted, not_(_T.c.open)), _T.c.seen_ms < before_ms)
    connection.execute(delete(_T).where(gone))


def _row(one: Sighting, now_ms: int) -> dict[str, object]:
    return {**one.key._asdict(), "words": one.words, "seen_ms": now_ms}


def _named(key: Key) -> dict[str, object]:
    return {f"_{name}": value for name, value in key._asdict().items()}


def _standing(standing: Standing) -> dict[str, object]:
    times = {"since": standing.since, "gone": standing.gone, "told": standing.told}
    stored = {f"_{name}_ms": None if at is None else int(at * 1000) for name, at in times.items()}
    return {**stored, "_open": standing.open}


def _subject(row: object) -> Subject:
    at = {name: getattr(row, f"{name}_ms") for name in ("since", "gone", "told")}
    known = {name: None if value is None else value / 1000 for name, value in at.items()}
    key = Key(*(getattr(row, name) for name in ("account", "kind", "subject")))
    marks = {name: bool(getattr(row, name)) for name in ("away", "parted")}
    words, seen_s, is_open = (getattr(row, name) for name in ("words", "seen_ms", "open"))
    return Subject(key, words, seen_s / 1000, standing=Standing(**known, open=bool(is_open)), **marks)
