import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import select

from coordinator.store import rolling as module
from coordinator.store.database import Database
from coordinator.store.rolling import Rolling
from coordinator.store.store import Store
from tests.coordinator.store.test_roll_up import NOTES, added, note, written


async def test_each_has_its_turn_and_the_rest_waits_for_the_next(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Database(address)) as database, Store(database) as store:
        written(database, *"abcdefg")
        nothing = replace(NOTES, name="other", batch=1, add=lambda *_: None)
        monkeypatch.setattr(module, "TURN_S", 0.0)
        assert not await Rolling(store, (NOTES, nothing)).once()
        assert added(database) == [], "no step was begun after the turn was over"
        monkeypatch.setattr(module, "TURN_S", 60.0)
        assert await Rolling(store, (NOTES, nothing)).once()
        assert added(database) == [*"abcdefg"]
        assert database.query(select(nothing.rolled)) == database.query(select(NOTES.rolled))


async def test_a_row_whose_writer_has_not_finished_is_waited_for(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other, Store(other) as store:
        rolling = Rolling(store, (NOTES,))
        with one.transaction() as connection:
            note(connection, "early")
            await store.run(written, "late")
            turn = asyncio.create_task(rolling.once())
            await asyncio.sleep(0.1)
            assert not turn.done() and await store.run(added) == []
        assert await turn
        assert added(other) == ["early", "late"]


async def test_who_writes_without_end_is_not_waited_for_without_end(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other, Store(other) as store:
        rolling = Rolling(store, (NOTES,))
        with one.transaction() as connection:
            note(connection, "early")
            await store.run(written, "late")
            assert await rolling.settled(NOTES) == 0
            await rolling.once()
            assert await store.run(added) == []
        assert await rolling.once()
        assert added(other) == ["early", "late"]
