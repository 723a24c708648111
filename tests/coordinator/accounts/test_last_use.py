import asyncio

import pytest

from coordinator.accounts import last_use as module
from coordinator.accounts.accounts import KeyRequest, create_key
from coordinator.accounts.last_use import APART_MS, GROUP, LastUse
from coordinator.accounts.rows import list_keys, revision_of, set_used
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.store import Store
from tests.coordinator.conftest import until


def used(database: Database) -> list[int | None]:
    return [row.used_ms for row in list_keys(database)]


async def test_a_key_is_written_once_in_a_minute_and_nobody_reads_all_keys_for_it(database: Database) -> None:
    _, row = create_key(database, b"p" * 32, KeyRequest("x"), 1)
    revision = revision_of(database)
    with Store(database) as store:
        last = LastUse(store)
        for at_ms in (1000, 1001):
            last.mark(row.id, at_ms)
        await last.write(1002)
        assert used(database) == [1001]
        last.mark(row.id, 1003)
        assert last.due(1002 + APART_MS - 1) == {}
        await last.write(1002 + APART_MS)
        assert used(database) == [1003]
        assert last.due(10 * APART_MS) == {}, "nothing new"
    assert revision_of(database) == revision


def test_what_another_replica_wrote_later_stays(database: Database) -> None:
    _, row = create_key(database, b"p" * 32, KeyRequest("x"), 1)
    set_used(database, {row.id: 500})
    set_used(database, {row.id: 400, "key_gone": 400})
    assert used(database) == [500]


async def test_many_keys_are_written_in_groups_and_what_failed_is_written_the_next_time(database: Database) -> None:
    groups: list[int] = []

    class Failing(Store):
        async def run(self, work, database_less, **more):  # type: ignore[no-untyped-def, override]
            groups.append(len(database_less))
            if len(groups) == 2:
                raise Unavailable("away")

    with Failing(database) as store:
        last = LastUse(store)
        for number in range(GROUP + 1):
            last.mark(f"key_{number}", 5)
        with pytest.raises(Unavailable):
            await last.write(6)
        await last.write(7)
    assert groups == [GROUP, 1, 1]


async def test_the_key_of_a_worker_that_is_here_is_in_use(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    _, row = create_key(database, b"p" * 32, KeyRequest("x"), 1)
    with Store(database) as store:
        running = asyncio.create_task(LastUse(store).run(lambda: {row.id}))
        await until(lambda: used(database) != [None])
        running.cancel()
