import asyncio
import json

import pytest

from wire.messages import Capacity, Error
from worker.daemon import outbox as outbox_module
from worker.daemon.outbox import Outbox


async def test_status_frames_overtake_tokens() -> None:
    outbox = Outbox()
    outbox.put(Error(code="protocol_error", message="data"))
    outbox.put(Capacity())
    assert json.loads(await outbox.get())["type"] == "capacity"
    assert json.loads(await outbox.get())["type"] == "error"


def test_an_outbox_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_BYTES", 50)
    outbox = Outbox()
    assert outbox.put(Capacity())
    assert not outbox.put(Capacity())


def test_an_outbox_counts_bytes_and_gives_them_back(monkeypatch: pytest.MonkeyPatch) -> None:
    rare = Error(code="protocol_error", message="\U00020000" * 100)
    monkeypatch.setattr(outbox_module, "MOST_BYTES", 300)
    assert not Outbox().put(rare)
    monkeypatch.setattr(outbox_module, "MOST_BYTES", 500)
    outbox = Outbox()
    for _ in range(2):
        assert outbox.put(rare)
        asyncio.run(outbox.get())
