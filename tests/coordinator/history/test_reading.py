from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, text

from coordinator.clock import DAY_MS
from coordinator.history import reading
from coordinator.history.figures import ALL, HOUR_MS, Key, Sums, WorkerKey
from coordinator.history.rows import write
from coordinator.store.database import Database
from tests.coordinator.history.month import MODELS, NOW_MS, made_up, put, rolled_up, used
from tests.coordinator.ledger.builders import client

HOUR = NOW_MS - NOW_MS % HOUR_MS


def test_days_add_up_to_the_month_and_each_is_that_of_usage(database: Database) -> None:
    put(database, made_up(client(database), 800))
    rolled_up(database)
    since_ms = NOW_MS // DAY_MS * DAY_MS - 29 * DAY_MS
    days = reading.series(database, "tiny", HOUR_MS, since_ms, DAY_MS)
    assert set(days) <= set(range(since_ms, NOW_MS, DAY_MS))
    rest = Counter[str]()
    for at_ms in sorted(days, reverse=True):  # what was used since a day began is what it and all later days say
        rest.update({name: days[at_ms][name] for name in ("requests", "prompt", "completion")})
        expected = used(database, at_ms, "tiny")
        assert all(rest[name] == expected[name] for name in rest)


def test_minutes_come_by_model_and_hour_and_so_does_the_beginning(database: Database) -> None:
    sums = {
        Key(HOUR_MS, "m", HOUR): Counter(up=5),
        Key(HOUR_MS, ALL, HOUR): Counter(up=7, measured=7),
        Key(HOUR_MS, ALL, HOUR - 2 * HOUR_MS): Counter(measured=8),
        Key(HOUR_MS, ALL, HOUR - 3 * HOUR_MS): Counter(requests=8),  # added up from usage of before there was a history
    }
    write(database, "replica 1", 1, Sums(sums, {}))
    found = reading.masks(database, ["m", ALL, "nothing"], HOUR - HOUR_MS)
    assert found["m"] == {"up": {HOUR: 5}, "measured": {HOUR: 0}}
    assert found[ALL]["measured"] == {HOUR: 7}
    assert found["nothing"] == {"up": {}, "measured": {}}
    assert reading.began(database) == {HOUR - 2 * HOUR_MS: 8}


def test_an_empty_history_says_nothing(database: Database) -> None:
    assert reading.totals(database, [ALL, "m"], 0) == {}
    assert reading.series(database, ALL, HOUR_MS, 0, DAY_MS) == {}
    assert reading.began(database) == {}
    assert reading.worker_days(database, "acc/w", 0) == []


def test_days_of_a_worker(database: Database) -> None:
    workers = {WorkerKey(name, day): Counter(online=day) for name in ("acc/a", "acc/b", "ac/a") for day in (10, 20, 30)}
    write(database, "replica 1", 1, Sums({}, workers))
    assert [row["online"] for row in reading.worker_days(database, "acc/a", 20)] == [20, 30]


class Explaining:
    """In the place of a database: how SQLite means to answer what is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[str] = []

    def query(self, asked: Select[Any]) -> list[Any]:
        said = asked.compile(self._connection.engine, compile_kwargs={"literal_binds": True})
        rows = self._connection.execute(text(f"EXPLAIN QUERY PLAN {said}")).all()
        self.plans = [row.detail for row in rows if "history" in row.detail]
        return []


def test_every_question_is_answered_along_a_key(database_file: Path) -> None:
    """The table of a month is never read whole."""
    with closing(Database(database_file)) as opened, opened.transaction() as connection:
        explaining = Explaining(connection)
        database: Database = explaining  # type: ignore[assignment]
        for question in (
            lambda: reading.totals(database, MODELS, HOUR),
            lambda: reading.series(database, "m", HOUR_MS, HOUR, DAY_MS),
            lambda: reading.masks(database, MODELS, HOUR),
            lambda: reading.began(database),
            lambda: reading.worker_days(database, "acc/a", 5),
        ):
            question()
            (plan,) = explaining.plans
            assert "SEARCH" in plan and "INDEX" in plan
