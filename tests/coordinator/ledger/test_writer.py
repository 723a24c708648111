import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert

from coordinator.ledger import writer as module
from coordinator.ledger.audit import check
from coordinator.ledger.errors import CannotBeBooked
from coordinator.ledger.grants import Balance, bonus
from coordinator.ledger.orders import Done, Held, Insufficient
from coordinator.ledger.usage import read
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.database import Database
from coordinator.store.errors import Overtaken
from coordinator.store.store import Store
from coordinator.store.tables import servers
from tests.coordinator.conftest import Start
from tests.coordinator.ledger.builders import hold, payer, settle, spark


@asynccontextmanager
async def writer_of(database: Database) -> AsyncIterator[LedgerWriter]:
    with Store(database) as store:
        writer = LedgerWriter(store)
        task = asyncio.create_task(writer.run())
        yield writer
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_orders_are_carried_out_in_their_order_and_answered(database: Database) -> None:
    alice = payer(database)
    async with writer_of(database) as writer:
        asked = [writer.ask(hold(alice, f"j{n}", 10)) for n in range(150)]
        answers = await asyncio.gather(*asked)
        assert answers == [Held({"spark": 10, "sogni": 0})] * 100 + [Insufficient(0)] * 50
        for n in range(100):
            writer.put(settle(alice, f"j{n}", 4))
        assert await writer.ask(settle(alice, "j3", 4)) == Done(again=True)
        assert await writer.flushed(10)
    assert spark(database, alice) == Balance(available=600)
    assert [row.request for row in read(database)] == [f"j{n}" for n in range(100)]


async def test_an_order_that_cannot_be_booked_does_not_hold_up_the_others(database: Database) -> None:
    alice = payer(database)
    async with writer_of(database) as writer:
        wrong = hold(alice, "g", 0, account="acc_ghost")
        answers = await asyncio.gather(
            writer.ask(hold(alice, "a")), writer.ask(wrong), writer.ask(hold(alice, "b")), return_exceptions=True
        )
    assert isinstance(answers[1], CannotBeBooked)
    assert spark(database, alice) == Balance(available=800, held=200)


async def test_a_disk_that_fails_delays_orders_and_loses_none(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    database = Database(database_file)
    alice = payer(database)
    connection = database._connection
    async with writer_of(database) as writer:
        connection.exec_driver_sql("ALTER TABLE entries RENAME TO hidden")
        writer.put(hold(alice))
        assert not await writer.flushed(0.1)
        assert not writer.healthy
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO entries")
        assert await writer.flushed(10)
        assert writer.healthy
    assert spark(database, alice) == Balance(available=900, held=100)
    assert check(database) == []
    database.close()


async def test_a_backlog_that_grows_too_long_is_told(database_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKLOG", 2)
    database = Database(database_file)
    alice = payer(database)
    with Store(database) as store:
        writer = LedgerWriter(store)
    writer.put(hold(alice, "a"))
    assert not writer.full
    writer.put(hold(alice, "b"))
    assert writer.full
    database.close()


async def test_a_coordinator_that_another_one_has_overtaken_ends(start_coordinator: Start) -> None:
    """It may write nothing more, so it could serve nobody; the process leaves with what its writer raised."""
    with pytest.raises(ExceptionGroup) as ended:
        async with start_coordinator() as coordinator:
            cli = Database(coordinator.config.db)
            with cli.transaction() as connection:  # as a second server would, past all locks
                connection.execute(insert(servers).values(started_ms=2))
            cli.close()
            coordinator.running.services.ledger.put(bonus("somebody", 1, 1))
            await asyncio.wait([coordinator.task], timeout=20)
            assert coordinator.task.done()
    assert ended.group_contains(Overtaken)
