"""Rows are added up once each, however many write and add up, and none is passed over that comes late."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection, func, insert, select

from coordinator.store.advisory import Lock
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.operator_tables import audit_log
from coordinator.store.roll_up import RollUp, look, writers
from coordinator.store.tables import settings
from tests.coordinator.store.rolled_up import rolled_up


def _add(connection: Connection, after: int, until: int, at_ms: int) -> None:
    """A row that is added twice breaks the key of this table."""
    found = select(audit_log.c.target).where(audit_log.c.id > after, audit_log.c.id <= until)
    rows = [{"name": f"added {target}", "value": str(at_ms)} for target in connection.execute(found).scalars()]
    if rows:
        connection.execute(insert(settings), rows)


NOTES = RollUp("notes", audit_log, Lock.HISTORY, _add, 3)


def note(connection: Connection, *targets: str) -> None:
    rows = [{"at_ms": 1, "actor": "a", "action": "b", "target": target, "detail": ""} for target in targets]
    connection.execute(insert(audit_log), rows)


def written(database: Database, *targets: str) -> None:
    with database.transaction() as connection:
        note(connection, *targets)


def added(database: Database) -> list[str]:
    rows = database.query(select(settings.c.name).where(settings.c.name.startswith("added ")))
    return sorted(row[0].removeprefix("added ") for row in rows)


@pytest.fixture
def opened(address: str) -> Iterator[Database]:
    with closing(Database(address)) as database:
        yield database


def test_steps_are_of_so_many_rows_and_say_when_there_is_nothing_left(opened: Database) -> None:
    assert NOTES.roll(opened, 99, 5) == 0
    written(opened, *"abcdefg")
    with opened.transaction() as connection:
        connection.execute(audit_log.delete().where(audit_log.c.target.in_(("b", "c", "d", "e"))))
    written(opened, "h")
    last = look(opened, audit_log).last
    assert [NOTES.roll(opened, last - 1, 5) for _ in range(3)] == [3, 0, 0], "ids that are missing count for nothing"
    assert added(opened) == ["a", "f", "g"]
    assert [NOTES.roll(opened, last, 5) for _ in range(2)] == [1, 0]
    assert opened.query(select(NOTES.rolled))[0][0] == last


def test_a_step_that_fails_adds_nothing_and_is_done_again(opened: Database) -> None:
    written(opened, *"abc")
    with opened.transaction() as connection:
        connection.execute(insert(settings).values(name="added b", value=""))
    with pytest.raises(Exception, match=r"(?i)unique"):
        rolled_up(opened, NOTES)
    assert added(opened) == ["b"] and opened.query(select(NOTES.rolled))[0][0] == 0
    with opened.transaction() as connection:
        connection.execute(settings.delete().where(settings.c.name == "added b"))
    assert rolled_up(opened, NOTES) == 3
    assert added(opened) == ["a", "b", "c"]


# ---- several writers -------------------------------------------------------------------------------------------------


def test_who_began_to_write_before_the_look_is_waited_for_and_who_came_after_is_not(
    postgres: Callable[[], str],
) -> None:
    """PostgreSQL numbers rows before they are committed: the later number may be there first."""
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other, closing(Database(url)) as third:
        with one.transaction() as slow:
            note(slow, "early")
            written(other, "late")
            seen = look(other, audit_log)
            assert seen.last == 2 and len(seen.writers) == 1
            assert seen.writers & writers(other, audit_log)
        with third.transaction() as after:
            note(after, "after")
            assert not seen.writers & writers(other, audit_log) and len(writers(other, audit_log)) == 1
            while NOTES.roll(other, seen.last, 1):
                pass
        assert added(other) == ["early", "late"]
        assert rolled_up(other, NOTES) == 1 and added(other) == ["after", "early", "late"]


def test_one_adds_up_at_a_time_and_nobody_waits_for_it(postgres: Callable[[], str]) -> None:
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other:
        written(one, "a")
        with one.transaction() as connection:
            assert NOTES._roll(connection, 1, 1) == 1
            assert NOTES.roll(other, 1, 1) == 0
        assert NOTES.roll(other, 1, 1) == 0 and added(other) == ["a"]


def test_many_who_write_slowly_and_many_who_add_up_miss_nothing_and_count_nothing_twice(
    postgres: Callable[[], str],
) -> None:
    url, over, kept = postgres(), threading.Event(), []

    def write(seed: int) -> None:
        draw = random.Random(seed)
        with closing(Database(url)) as database:
            for n in range(40):
                names, gives_up = [f"{seed}-{n}-{k}" for k in range(draw.randrange(1, 4))], draw.random() < 0.2
                try:
                    with database.transaction() as connection:
                        for name in names:
                            note(connection, name)
                            time.sleep(draw.choice((0, 0, 0.01)))
                        if gives_up:
                            raise Unavailable("thought better of it")
                except Unavailable:
                    continue
                kept.extend(names)

    def add_up() -> None:
        with closing(Database(url)) as database:
            while not over.is_set():
                seen = look(database, audit_log)
                while seen.writers & writers(database, audit_log):
                    time.sleep(0.001)
                while NOTES.roll(database, seen.last, 1):
                    pass

    writing = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    adding = [threading.Thread(target=add_up) for _ in range(2)]
    for thread in (*writing, *adding):
        thread.start()
    for thread in writing:
        thread.join()
    over.set()
    for thread in adding:
        thread.join()
    with closing(Database(url)) as database:
        assert 0 < database.query(select(NOTES.rolled))[0][0], "they were at it meanwhile"
        rolled_up(database, NOTES)
        assert added(database) == sorted(kept)
        assert len(kept) == database.query(select(func.count()).select_from(audit_log))[0][0]
