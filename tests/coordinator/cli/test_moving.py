"""The database moves while a coordinator serves with it: what runs goes on, and what is new comes back in a moment."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from coordinator.cli import moving
from coordinator.cli.moving import move_database
from coordinator.ledger import writer
from coordinator.ledger.audit import check
from coordinator.store import locks
from coordinator.store.database import Database
from coordinator.store.tables import holds
from tests.coordinator.conftest import Coordinator, until

BODY: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": True}


async def test_a_stream_goes_on_new_requests_come_back_and_all_is_in_the_new_database(
    coordinator: Coordinator,
    postgres: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(locks, "LOCK_S", 0.1)
    monkeypatch.setattr(writer, "RETRY_S", 0.05)
    copying, may_end, url = threading.Event(), threading.Event(), postgres()

    def slowly(table: str, done: int, rows: int) -> None:
        copying.set()
        assert may_end.wait(30)

    monkeypatch.setattr(moving, "_copied", slowly)
    file = Database(coordinator.config.db)
    async with coordinator.worker() as worker, coordinator.http() as client:
        await worker.join()
        stream = asyncio.create_task(client.post("/v1/chat/completions", json=BODY))
        start = await worker.accept()
        moved = asyncio.create_task(asyncio.to_thread(move_database, file, coordinator.config, url, as_json=True))
        await asyncio.to_thread(copying.wait, 30)
        refused = await client.post("/v1/chat/completions", json=BODY)
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        await worker.done(start, await worker.tell(start, "hello"))
        assert (await stream).text.endswith("data: [DONE]\n\n")
        may_end.set()
        await moved
        file.close()
        await until(lambda: coordinator.running.services.ledger.backlog == 0)
        again = asyncio.create_task(client.post("/v1/chat/completions", json=BODY))
        await worker.serve("hello")
        assert (await again).status_code == 200
        assert await coordinator.running.services.ledger.flushed(10)
    told = capsys.readouterr()
    assert json.loads(told.out)["rows"]["holds"] == 1
    assert f"--pepper {coordinator.config.pepper or Path(f'{coordinator.config.db}.pepper')}" in told.err
    target = Database(url)
    assert [row.state for row in target.query(select(holds))].count("settled") == 2
    assert check(target) == []
    target.close()
