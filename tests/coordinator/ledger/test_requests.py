"""An account's requests, read off the books, on both databases."""

from typing import Any

import pytest
from sqlalchemy import text

from coordinator.ledger.orders import Settle
from coordinator.ledger.requests import (
    CALLS,
    ROUNDS,
    STATUSES,
    NoSuchRequest,
    Wanted,
    between,
    called,
    chunk,
    find,
    horizon,
    page,
    place,
)
from coordinator.rounds.course import MOST_ROUNDS, MOST_TOLD
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import Client, client, do, hold, usage


def name(n: int) -> str:
    return f"{n:032x}"


def ask(
    database: Database, who: Client, job: str, at_ms: int, finish: str | None = "stop", cost: int = 7, **of: str
) -> None:
    """A request that began and ended; `finish` None: no worker had it."""
    do(database, hold(who, job, 10, at_ms=at_ms, **of))
    model = of.get("model", "m")
    rows = (usage(who, job, cost, at_ms + 5, finish=finish, model=model),) if finish else ()
    do(database, Settle(job, cost if finish else 0, (), rows, at_ms + 5, None if finish else "no_worker"))


def test_requests_come_newest_first_and_page_by_page_each_once(database: Database) -> None:
    alice, bob = client(database), client(database, "bob")
    for n in range(7):
        ask(database, alice, name(n), 100 + n // 2)  # two at a time
    ask(database, bob, name(99), 103)
    seen, after = list[str](), None
    for _ in range(4):
        found = page(database, alice.account, Wanted(), after, 2)
        seen += [asked.held.name for asked in found.entries]
        after = found.last
        if not found.more:
            break
    assert seen == [name(n) for n in (6, 5, 4, 3, 2, 1, 0)]
    assert page(database, bob.account, Wanted(), None, 9).more is False
    with pytest.raises(NoSuchRequest):
        place(database, bob.account, name(0))
    with pytest.raises(NoSuchRequest):
        find(database, bob.account, name(0), None)


def test_what_is_rare_is_looked_for_a_bounded_way_and_found_further_on(database: Database) -> None:
    alice = client(database)
    ask(database, alice, name(0), 100, "cancelled")
    for n in range(1, 10):
        ask(database, alice, name(n), 100 + n)
    wanted = Wanted(status="cancelled")
    first = page(database, alice.account, wanted, None, 5, seen=4)
    assert (first.entries, first.more) == ([], True)
    second = page(database, alice.account, wanted, first.last, 5, seen=4)
    third = page(database, alice.account, wanted, second.last, 5, seen=4)
    assert [asked.held.name for asked in third.entries] == [name(0)]
    assert not third.more
    assert horizon(database, alice.account, Wanted(), None, 10) == third.entries[0].place


def test_every_filter_finds_its_own(database: Database) -> None:
    alice = client(database)
    ask(database, alice, name(1), 100, "stop")
    ask(database, alice, name(2), 200, "length", model="other")
    ask(database, alice, name(3), 300, None)
    ask(database, alice, name(4), 400, "worker_lost")
    ask(database, alice, name(5), 500, "cancelled", request_id="mine")
    ask(database, alice, name(6), 600, "coordinator_lost")
    do(database, hold(alice, name(7), 10, at_ms=700))

    def found(**wanted: object) -> list[int]:
        entries = page(database, alice.account, Wanted(**wanted), None, 50).entries  # type: ignore[arg-type]
        return [int(asked.held.name, 16) for asked in entries]

    assert found() == [7, 6, 5, 4, 3, 2, 1]
    assert found(model="other") == [2]
    assert (found(key=alice.key), found(key="no")) == ([7, 6, 5, 4, 3, 2, 1], [])
    assert found(from_ms=200, to_ms=400) == [3, 2]
    assert found(finish="no_worker") == [3]
    assert found(finish="length") == [2]
    assert found(status="failed") == [6, 4, 3]
    assert found(status="cancelled") == [5]
    assert found(status="finished") == [2, 1]
    assert found(status="running") == [7]
    for asked in page(database, alice.account, Wanted(), None, 50).entries:
        same = page(database, alice.account, Wanted(status=asked.status), None, 50).entries
        assert asked in same, "the query and the entry say the same of it"
    names = called(database, alice.account, None, "mine")
    assert found(names=names) == [5]
    assert found(names=()) == []
    assert find(database, alice.account, name(9), "mine").held.name == name(5)
    assert {asked.status for asked in page(database, alice.account, Wanted(), None, 50).entries} == set(STATUSES)


def test_rounds_and_calls_belong_to_the_request_that_took_them(database: Database) -> None:
    alice = client(database)
    root = name(1)
    ask(database, alice, root, 100, "tool_calls", 5)
    ask(database, alice, f"{root}.1.3", 110, "stop", 6, kind="generate_image")
    ask(database, alice, f"{root}.2", 120, "tool_calls", 7)
    ask(database, alice, f"{root}.2.16", 125, None, kind="generate_image")
    ask(database, alice, f"{root}.3", 130, "stop", 8)
    ask(database, alice, name(2), 105, "tool_calls", 9)
    other, mine = page(database, alice.account, Wanted(), None, 9).entries
    assert (other.held.name, other.parts) == (name(2), ())
    assert [part.held.name for part in mine.parts] == [f"{root}.{part}" for part in ("1.3", "2", "2.16", "3")]
    assert sum(one.held.charge for one in mine.all) == 26
    assert find(database, alice.account, root, None) == mine
    assert (ROUNDS, CALLS) == (MOST_ROUNDS, MOST_TOLD)


def test_a_file_is_read_in_chunks_to_where_it_ends(database: Database) -> None:
    alice = client(database)
    for n in range(9):
        ask(database, alice, name(n), 100)  # all at once: the name decides
    end = horizon(database, alice.account, Wanted(), None, 7)
    read, after = list[str](), None
    for _ in range(9):
        found, after = chunk(database, alice.account, Wanted(), after, end, 3)
        read += [asked.held.name for asked in found]
        if after is None:
            break
    assert read == [name(n) for n in (8, 7, 6, 5, 4, 3, 2)]
    rest, after = chunk(database, alice.account, Wanted(), end, None, 3)
    assert ([asked.held.name for asked in rest], after) == ([name(1), name(0)], None)
    assert between(database, alice.account, Wanted(finish="length"), None, end, 9) == []


def test_each_query_goes_along_an_index(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = client(database)
    plans = list[str]()
    query = database.query

    def explained(statement: Any) -> Any:
        sql = statement.compile(database._connection.engine, compile_kwargs={"literal_binds": True})
        words = "EXPLAIN QUERY PLAN" if database._connection.dialect.name == "sqlite" else "EXPLAIN"
        plans.extend(str(row) for row in database._connection.execute(text(f"{words} {sql}".replace(":", "\\:"))).all())
        return query(statement)

    ask(database, alice, name(1), 100, "tool_calls", request_id="mine")
    if database._connection.dialect.name == "postgresql":  # without rows a sequence is as good
        database._connection.execute(text("SET enable_seqscan = off"))
    monkeypatch.setattr(database, "query", explained)
    after = place(database, alice.account, name(1))
    find(database, alice.account, name(1), "mine")
    for status in STATUSES:
        wanted = Wanted(model="m", key="k", from_ms=1, to_ms=9, status=status, finish="stop")
        page(database, alice.account, wanted, after, 20)
    page(database, alice.account, Wanted(names=(name(1),)), None, 20)
    monkeypatch.undo()
    assert plans
    scans = [plan for plan in plans if "SCAN holds" in plan or "SCAN usage" in plan or "Seq Scan" in plan]
    assert scans == []
    if database._connection.dialect.name == "sqlite":
        assert any("holds_of_account" in plan for plan in plans)
        assert any("holds_by_request_id (account=? AND request_id=?)" in plan for plan in plans), plans
        sorts = [plan for plan in plans if "TEMP B-TREE" in plan]
        assert len(sorts) <= 3, "only what is sorted by the id of a few rows"
