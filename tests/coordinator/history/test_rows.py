"""Rows of usage become sums, once each, whoever wrote them and whoever adds them up."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from coordinator.clock import DAY_MS
from coordinator.history import rows as module
from coordinator.history.figures import ALL, FIVE_MINUTES_MS, HOUR_MS, KEPT_MS, Key, Sums, WorkerKey
from coordinator.history.reading import totals
from coordinator.history.rows import HISTORY, in_groups, sweep, write
from coordinator.store.database import Database
from coordinator.store.history_tables import history, history_marks, history_workers
from tests.coordinator.history.month import MODELS, NOW_MS, made_up, put, rolled_up, used
from tests.coordinator.ledger.builders import client

HOUR = NOW_MS - NOW_MS % HOUR_MS
WRITTEN = ("requests", "prompt", "cached", "completion", "reasoning", "units")


def told(database: Database, model: str, since_ms: int = 0) -> Counter[str]:
    found = totals(database, [model], since_ms, WRITTEN).get(model, {})
    return Counter({name: 0 for name in WRITTEN} | found)


def row(database: Database, step: int, model: str, at_ms: int) -> dict[str, int]:
    mine = history.c.step == step, history.c.model == model, history.c.at_ms == at_ms
    (found,) = database.query(select(history).where(*mine))
    return {name: count for name, count in found._mapping.items() if count and name not in ("step", "model", "at_ms")}


def test_the_sums_are_those_of_the_table_of_usage(database: Database) -> None:
    put(database, made_up(client(database), 1500))
    assert rolled_up(database) == 1500
    assert told(database, ALL) == used(database, 0)
    for model in MODELS:
        assert told(database, model) == used(database, 0, model)
    for since_ms in (HOUR, HOUR - 24 * HOUR_MS, NOW_MS // DAY_MS * DAY_MS - 7 * DAY_MS):
        assert told(database, ALL, since_ms) == used(database, since_ms)


def test_what_came_since_is_added_and_nothing_twice(database: Database) -> None:
    who = client(database)
    for seed in range(4):
        put(database, made_up(who, 300, seed=seed))
        rolled_up(database)
        assert rolled_up(database) == 0
        assert told(database, ALL) == used(database, 0)


def test_one_step_takes_so_many_rows_and_no_more(database: Database) -> None:
    put(database, made_up(client(database), 250))
    small = replace(HISTORY, batch=100)
    assert [small.roll(database, 250, NOW_MS) for _ in range(4)] == [100, 100, 50, 0]
    assert told(database, ALL) == used(database, 0)


def test_of_what_is_older_than_the_history_nothing_is_kept(database: Database) -> None:
    old = NOW_MS - 40 * DAY_MS
    put(database, made_up(client(database), 200, days=3, until_ms=old))
    assert rolled_up(database) == 200
    assert told(database, ALL)["requests"] == 0
    assert database.query(select(func.count()).select_from(history_workers))[0][0] == 0


def test_each_worker_has_a_row_a_day(database: Database) -> None:
    who = client(database)
    rows = made_up(who, 400, days=3)
    put(database, rows)
    rolled_up(database)
    found = database.query(select(history_workers))
    assert {row.account for row in found} == {who.account}
    by_worker = Counter(row.worker for row in rows)
    assert Counter({row.worker: 0 for row in found}) | by_worker == by_worker
    for name, count in by_worker.items():
        assert sum(row.requests for row in found if row.worker == name) == count


def test_a_day_has_rows_for_so_many_workers_and_those_that_have_one_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WORKERS", 3)
    day = NOW_MS // DAY_MS
    for number, names in enumerate((("a", "b"), ("b", "c", "d", "e"), ("a", "f", "d")), 1):
        workers = {WorkerKey(f"acc/{name}", day): Counter(online=10) for name in names}
        write(database, "replica 1", number, Sums({}, workers))
    found = {row.worker: row.online for row in database.query(select(history_workers))}
    assert found == {"acc/a": 20, "acc/b": 20, "acc/c": 10}
    write(database, "replica 1", 9, Sums({}, {WorkerKey("acc/z", day + 1): Counter(online=10)}))
    assert len(database.query(select(history_workers))) == 4


def test_minutes_of_several_replicas_are_those_of_any_and_their_workers_are_added(database: Database) -> None:
    key = Key(HOUR_MS, "m", HOUR)
    write(database, "replica 1", 5, Sums({key: Counter(up=0b0011, workers=4, waiting_most=7)}, {}))
    write(database, "replica 2", 5, Sums({key: Counter(up=0b0110, workers=3, waiting_most=2)}, {}))
    assert row(database, *key) == {"up": 0b0111, "workers": 7, "waiting_most": 7}


def test_the_last_minute_of_an_hour_has_room_in_the_mask(database: Database) -> None:
    key = Key(HOUR_MS, "m", HOUR)
    write(database, "replica 1", 1, Sums({key: Counter(up=1 << 59)}, {}))
    write(database, "replica 1", 2, Sums({key: Counter(up=(1 << 59) - 1)}, {}))
    assert row(database, *key) == {"up": (1 << 60) - 1}


def test_writing_again_after_a_lost_answer_is_writing_once(database: Database) -> None:
    sums = Sums({Key(HOUR_MS, "m", HOUR): Counter(no_worker=2)}, {WorkerKey("acc/a", 5): Counter(online=10)})
    for number in (7, 7, 6, 8):
        write(database, "replica 1", number, sums)
    assert row(database, HOUR_MS, "m", HOUR) == {"no_worker": 4}
    assert [row.online for row in database.query(select(history_workers))] == [20]


def test_what_is_written_in_groups_is_all_of_it() -> None:
    workers = {WorkerKey(f"acc/{n}", 1): Counter(online=10) for n in range(1201)}
    groups = in_groups(workers)
    assert [len(group) for group in groups] == [500, 500, 201]
    assert {key: own for group in groups for key, own in group.items()} == workers
    assert in_groups({}) == []


def test_old_rows_go_in_steps_and_no_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SWEPT", 10)
    kept = []
    for step, long_ms in KEPT_MS.items():
        last = NOW_MS - long_ms
        last -= last % step
        gone = [Key(step, "m", last - n * step) for n in range(1, 26)]
        stay = [Key(step, "m", last), Key(step, ALL, last + step)]
        write(database, f"replica {step}", NOW_MS, Sums({key: Counter(requests=1) for key in gone + stay}, {}))
        kept += stay
    day = NOW_MS // DAY_MS
    workers = {WorkerKey("acc/a", day - n): Counter(online=10) for n in (30, 31, 40)}
    write(database, "replica 9", NOW_MS - 40 * DAY_MS, Sums({}, workers))
    swept = []
    while done := sweep(database, NOW_MS):
        swept.append(done)
    assert max(swept) <= 2 * 10 + 10 + 10 and sum(swept) == 2 * 25 + 2 + 1
    assert {Key(row.step, row.model, row.at_ms) for row in database.query(select(history))} == set(kept)
    assert [row.day for row in database.query(select(history_workers))] == [day - 30]
    assert {row.name for row in database.query(select(history_marks))} == {f"replica {step}" for step in KEPT_MS}


def test_the_mark_of_what_is_in_the_sums_stays(database: Database) -> None:
    put(database, made_up(client(database), 10))
    rolled_up(database)
    sweep(database, NOW_MS + 90 * DAY_MS)
    assert rolled_up(database) == 0


# ---- several replicas ------------------------------------------------------------------------------------------------


@pytest.fixture
def both(postgres: Callable[[], str]) -> Iterator[tuple[Database, Database]]:
    url = postgres()
    with (
        closing(Database(url, serve=True, shared=True)) as one,
        closing(Database(url, serve=True, shared=True)) as other,
    ):
        yield one, other


def test_replicas_that_add_up_at_once_count_each_row_once(both: tuple[Database, Database]) -> None:
    one, other = both
    who = client(one)
    put(one, made_up(who, 1000))

    def work(database: Database, seed: int) -> None:
        for turn in range(6):
            put(database, made_up(who, 40, seed=seed + turn))
            rolled_up(database)
            key = Key(FIVE_MINUTES_MS, ALL, HOUR)
            write(database, f"replica {seed}", turn + 1, Sums({key: Counter(workers=1)}, {}))

    threads = [threading.Thread(target=work, args=(database, seed)) for database, seed in ((one, 100), (other, 200))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rolled_up(one)
    assert told(one, ALL) == used(one, 0)
    (five,) = one.query(
        select(history.c.workers).where(
            history.c.step == FIVE_MINUTES_MS, history.c.at_ms == HOUR, history.c.model == ALL
        )
    )
    assert five[0] == 12
