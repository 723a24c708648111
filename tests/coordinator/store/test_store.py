import asyncio
import threading
from pathlib import Path

import pytest

from coordinator.store import store as store_module
from coordinator.store.database import Database
from coordinator.store.errors import StoreError, Unavailable
from coordinator.store.store import Store


async def test_work_gets_the_database_and_runs_in_one_thread_in_its_order(database_file: Path) -> None:
    database, ran = Database(database_file), list[tuple[int, str]]()

    def work(given: Database, number: int) -> str:
        assert given is database
        ran.append((number, threading.current_thread().name))
        return str(number)

    with Store(database) as store:
        assert await asyncio.gather(*(store.run(work, number) for number in range(20))) == [str(n) for n in range(20)]
    assert [number for number, _ in ran] == list(range(20))
    assert {name for _, name in ran} == {ran[0][1]} != {threading.current_thread().name}
    database.close()


async def test_what_the_work_raises_is_raised(database_file: Path) -> None:
    def work(_: Database) -> None:
        raise StoreError("no")

    database = Database(database_file)
    with Store(database) as store, pytest.raises(StoreError, match="no"):
        await store.run(work)
    database.close()


async def test_a_client_does_not_wait_for_a_database_that_stands_still(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ANSWER_S", 0.05)
    database, goes_on = Database(database_file), threading.Event()

    def work(_: Database) -> str:
        goes_on.wait()
        return "done"

    with Store(database) as store:
        with pytest.raises(Unavailable, match="not answered"):
            await store.ask(work)
        goes_on.set()
        assert await store.run(work) == "done", "what did not wait for it asks again"
    database.close()
