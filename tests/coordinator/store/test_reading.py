"""What may take long is read beside the store, and broken off."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import list_accounts
from coordinator.store import reading as reading_module
from coordinator.store.database import Database
from coordinator.store.errors import StoreError, Unavailable
from coordinator.store.reading import Reader, Reading

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def endless(database: Database) -> Any:
    forever: Any = text(FOREVER)
    return database.query(forever)


async def test_it_reads_what_was_committed_and_writes_nothing(address: str) -> None:
    first = Database(address)
    reader = Reader(first)
    create_account(first, "alice", 1)
    assert [account.name for account in await reader.ask(list_accounts)] == ["alice"]
    create_account(first, "bob", 2)
    assert len(await reader.ask(list_accounts)) == 2
    with pytest.raises(StoreError, match="only reads"):
        await reader.ask(create_account, "carol", 3)
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
        await reader.ask(endless)
    monkeypatch.setattr(reading_module, "ANSWER_S", 60.0)
    assert await reader.ask(list_accounts) == []
    monkeypatch.setattr(reading_module, "MOST_WAITING", 0)
    with pytest.raises(Unavailable, match="too many"):
        await reader.ask(list_accounts)
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
