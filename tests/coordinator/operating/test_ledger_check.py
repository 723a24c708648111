import asyncio
from pathlib import Path

import pytest
from sqlalchemy import update

from coordinator.operating import ledger_check
from coordinator.operating.ledger_check import LedgerCheck
from coordinator.store.database import Database
from coordinator.store.tables import balances
from tests.coordinator.ledger.builders import client


async def ended(check: LedgerCheck) -> dict[str, object]:
    async with asyncio.timeout(20):
        while check.state()["state"] == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return check.state()


async def test_books_are_checked_beside_all_else_and_one_check_runs_at_a_time(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(database_file)
    check = LedgerCheck(database)
    assert check.state()["state"] == "never"
    check.begin()
    check.begin()
    assert (await ended(check))["state"] == "ok"
    alice = client(database)
    with database.transaction() as connection:
        connection.execute(update(balances).where(balances.c.owner == alice.account).values(nano=7))
    check.begin()
    assert check.state()["state"] == "ok", "one has just ended"
    monkeypatch.setattr(ledger_check, "EVERY_S", 0)
    check.begin()
    said = await ended(check)
    assert said["state"] == "wrong" and alice.account in str(said["found"])
    monkeypatch.setattr(ledger_check, "WITHIN_S", 0)
    check.begin()
    said = await ended(check)
    assert said["state"] == "failed" and "longer" in str(said["found"])
    database.close()
