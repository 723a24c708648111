import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coordinator.accounts import Wish, create_key
from coordinator.ledger import usage
from coordinator.ledger.database import Database
from coordinator.ledger.usage import UsageRow, UsageWriter, read


def row(job: str, account: str, key: str) -> UsageRow:
    return UsageRow(
        job=job,
        at_ms=1,
        account=account,
        key=key,
        model="m",
        worker="acc/w",
        attempts=1,
        finish="stop",
        prompt=10,
        cached=5,
        completion=3,
        reasoning=1,
        price_prompt=300,
        price_completion=900,
        cost_nano=5700,
        queued_ms=2,
        first_token_ms=None,
        total_ms=40,
    )


@asynccontextmanager
async def writer_of(database: Database) -> AsyncIterator[UsageWriter]:
    with ThreadPoolExecutor(1) as thread:
        writer = UsageWriter(database, thread)
        task = asyncio.create_task(writer.run())
        yield writer
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_rows_are_written_in_order_and_a_job_only_once(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    key = create_key(database, b"p", Wish("k"), 1)[1]
    rows = [row(f"j{i}", key.account, key.id) for i in range(150)]
    async with writer_of(database) as writer:
        for each in [*rows, rows[3], rows[149]]:
            writer.put(each)
        assert await writer.flushed(10)
    assert read(database) == rows
    database.close()


async def test_a_disk_that_fails_delays_rows_and_loses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "RETRY_S", 0.01)
    database = Database(tmp_path / "c.db")
    key = create_key(database, b"p", Wish("k"), 1)[1]
    connection = database._connection
    async with writer_of(database) as writer:
        connection.exec_driver_sql("ALTER TABLE usage RENAME TO hidden")
        writer.put(row("j", key.account, key.id))
        assert not await writer.flushed(0.1)
        assert not writer.healthy
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO usage")
        assert await writer.flushed(10)
        assert writer.healthy
    assert [each.job for each in read(database)] == ["j"]
    database.close()


async def test_a_backlog_that_grows_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "BACKLOG", 2)
    database = Database(tmp_path / "c.db")
    with ThreadPoolExecutor(1) as thread:
        writer = UsageWriter(database, thread)
    writer.put(row("a", "x", "y"))
    assert not writer.full
    writer.put(row("b", "x", "y"))
    assert writer.full
    database.close()
