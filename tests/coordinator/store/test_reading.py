"""What may take long is read beside the store, and broken off."""

import asyncio
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import list_accounts
from coordinator.store import reading as reading_module
from coordinator.store.database import Database
from coordinator.store.errors import Busy, StoreError, Unavailable
from coordinator.store.reading import Reader, Reading
from tools.cluster.postgres import Postgres

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def endless(database: Database) -> Any:
    forever: Any = text(FOREVER)
    return database.query(forever)


async def test_it_reads_what_was_committed_and_writes_nothing(address: str) -> None:
    first = Database(address)
    reader = Reader(first)
    create_account(first, "alice", 1)
    assert [account.name for account in await reader.ask("alice", list_accounts)] == ["alice"]
    create_account(first, "bob", 2)
    assert len(await reader.ask("alice", list_accounts)) == 2
    with pytest.raises(StoreError, match="only reads"):
        await reader.ask("alice", create_account, "carol", 3)
    reader.close()
    assert len(list_accounts(first)) == 2
    first.close()


async def test_what_takes_too_long_is_broken_off_and_the_next_question_is_answered(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "ANSWER_S", 0.5)
    first = Database(address)
    reader = Reader(first)
    with pytest.raises(Unavailable, match="too long"):
        await reader.ask("alice", endless)
    monkeypatch.setattr(reading_module, "ANSWER_S", 60.0)
    assert await reader.ask("alice", list_accounts) == []
    monkeypatch.setattr(reading_module, "MOST_WAITING", 0)
    with pytest.raises(Unavailable, match="too many"):
        await reader.ask("alice", list_accounts)
    reader.close()
    first.close()


def test_one_that_was_stopped_answers_nothing_more(database_file: Path) -> None:
    first = Database(database_file)
    reading = Reading(first)
    reading.stop()
    with pytest.raises(Unavailable):
        reading.query(select(1))
    reading.close()
    first.close()


async def test_who_has_many_slow_questions_keeps_nobody_else_from_asking(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a stranger's is in the line at a time; what waits behind them is not broken off with them."""
    monkeypatch.setattr(reading_module, "MOST_WAITING", 3)
    first = Database(database_file)
    reader, order = Reader(first), list[str]()
    begun, let_go = threading.Event(), threading.Event()

    def slow(database: Database) -> None:
        order.append("stranger")
        begun.set()
        let_go.wait(30)

    def quick(database: Database) -> str:
        order.append("owner")
        return "answered"

    many = [asyncio.create_task(reader.ask("stranger", slow)) for _ in range(reading_module.MOST_OF_ONE)]
    assert await asyncio.to_thread(begun.wait, 30)
    with pytest.raises(Busy, match="of yours"):
        await reader.ask("stranger", slow)
    owner = asyncio.create_task(reader.ask("owner", quick))
    await asyncio.sleep(0.01)
    let_go.set()
    assert await owner == "answered"
    await asyncio.gather(*many)
    assert order[:3] == ["stranger", "owner", "stranger"] and len(order) == reading_module.MOST_OF_ONE + 1
    assert reader._turns == {}
    reader.close()
    first.close()


async def test_who_waited_too_long_breaks_off_nobody_elses_question(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Database(database_file)
    reader, begun, let_go = Reader(first), threading.Event(), threading.Event()

    def slow(database: Database) -> int:
        begun.set()
        let_go.wait(30)
        return len(database.query(select(1)))

    running = asyncio.create_task(reader.ask("one", slow))
    assert await asyncio.to_thread(begun.wait, 30)
    monkeypatch.setattr(reading_module, "ANSWER_S", 0.05)
    with pytest.raises(Unavailable, match="too long"):
        await reader.ask("another", list_accounts)
    with pytest.raises(Busy, match="take too long"):
        await reader.ask("one", list_accounts)
    let_go.set()
    assert await running == 1
    reader.close()
    first.close()


async def test_a_database_that_stands_still_stops_nobody_but_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To break the question off from the loop, by a call that keeps the interpreter, stopped the whole replica."""
    monkeypatch.setattr(reading_module, "ANSWER_S", 0.5)
    postgres = Postgres(tmp_path)
    first = Database(postgres.url)
    reader = Reader(first)
    assert await reader.ask("one", list_accounts) == []
    still = [str(process) for process in postgres.freeze()]
    # Else the test would stand still for ever; no thread of this process could end that.
    late = subprocess.Popen(["sh", "-c", f"sleep 60; kill -CONT {' '.join(still)}"])  # noqa: ASYNC220
    for _ in range(2):
        with pytest.raises(Unavailable):
            await reader.ask("one", list_accounts)
    reader.close()
    assert late.poll() is None
    late.kill()
    late.wait()
    postgres.thaw()
    again = Reader(first)
    assert await again.ask("one", list_accounts) == []
    again.close()
    first.close()
    postgres.close()
