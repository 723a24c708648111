"""A network whose chats can draw, and a model that says what the test writes down."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import httpx

from coordinator.ledger.audit import check
from coordinator.store.database import Database
from tests.coordinator.conftest import Coordinator, FakeWorker, Start, chat_of
from tests.coordinator.media_worker import CATALOG
from wire import messages as wire
from wire.chat import CallDelta, Content, Part

DRAW = "sogni_generate_image"
CAT = '{"prompt": "a neon alley"}'
PATIENCE_S = 60.0  # what was drawn is verified in a process of its own, between two rounds


@asynccontextmanager
async def network(
    start: Start, catalog: str = CATALOG, context: int = 4096, **settings: Any
) -> AsyncIterator[tuple[Coordinator, FakeWorker]]:
    """A coordinator, and a chat worker that has joined with so many tokens of context."""
    async with start(catalog, **settings) as coordinator, coordinator.worker() as worker:
        await worker.join(slots=4, context=context)
        yield coordinator, worker


async def turn(worker: FakeWorker, *parts: Part | str) -> wire.Start:
    """One round of the model: all of it in one step."""
    start = await worker.hear(wire.Start, PATIENCE_S)
    await worker.say(wire.Accepted(job=start.job, attempt=start.attempt))
    told = tuple(Content(text=part) if isinstance(part, str) else part for part in parts)
    item = wire.Delta(job=start.job, attempt=start.attempt, seq=0, tokens=tuple(range(1, 6)), parts=told)
    await worker.say(wire.Deltas(items=(item,)))
    called = any(isinstance(part, CallDelta) for part in told)
    await worker.done(start, 1, "tool_calls" if called else "stop")
    assert isinstance(start, wire.Start)
    return start


def call(arguments: str = CAT, name: str = DRAW, index: int = 0) -> CallDelta:
    return CallDelta(index=index, name=name, arguments=arguments)


def names(start: wire.Start) -> list[str]:
    return [tool.name for tool in chat_of(start).tools]


def balanced(coordinator: Coordinator) -> None:
    """Nobody has paid, or been paid, what was not agreed on."""
    with closing(Database(coordinator.config.db)) as database:
        assert not check(database)


async def link_in(coordinator: Coordinator, text: str) -> bytes:
    """The file behind the first link of a text."""
    link = text[text.index("(http") + 1 :].partition(")")[0]
    async with httpx.AsyncClient() as http:
        got = await http.get(link)
    assert got.status_code == 200, got.text
    assert got.headers["content-type"] == "image/png"
    return got.content
