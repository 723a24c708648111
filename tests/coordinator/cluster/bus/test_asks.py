"""Questions between the shells of two replicas on a local bus."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from coordinator.artefact import Artefact
from coordinator.cluster.bus.asks import Asks, looked
from coordinator.cluster.bus.local_bus import LocalBus, Switchboard
from coordinator.cluster.protocol.codec import decode, encode
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.messages import Counts, MayUpload, Message, Upload, Uploaded
from coordinator.cluster.protocol.news import Look
from coordinator.scheduler.state import JobSpec
from tests.coordinator.conftest import until
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError

A, B = "aaaaaaaa", "bbbbbbbb"
JOB = f"j.0.{B}"
SPEC = JobSpec(JOB, "client", "tiny", ChatRequest(messages=[], max_tokens=1), 1)
MADE = Artefact("a" * 26, "0" * 64, "image/png", 5, 1, 2)


class Other:
    """The replica that is asked: it remembers, and answers with what it was given, if anything."""

    def __init__(self, bus: LocalBus) -> None:
        self._bus = bus
        self.asked_for: list[Message] = []
        self.answer: bytes | None = None

    def heard(self, data: bytes) -> None:
        raise AssertionError(data)

    def asked(self, question: str, data: bytes) -> None:
        envelope = unpack(data)
        assert envelope is not None and envelope.sender == A
        self.asked_for += map(decode, envelope.messages)
        if self.answer is not None:
            self._bus.reply(question, self.answer)


@pytest.fixture
async def two() -> AsyncIterator[tuple[Asks, Other]]:
    switchboard = Switchboard()
    mine, others = LocalBus(A, switchboard), LocalBus(B, switchboard)
    other = Other(others)
    tasks = [asyncio.create_task(mine.run(other)), asyncio.create_task(others.run(other))]
    await until(lambda: len(switchboard.buses) == 2)
    yield Asks(mine, A), other
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def packed(message: Message) -> bytes:
    return pack(Envelope(B, (encode(message),)))


async def test_the_edge_of_a_job_is_asked_who_may_upload(two: tuple[Asks, Other]) -> None:
    asks, other = two
    other.answer = packed(MayUpload(SPEC))
    assert await asks.upload(JOB, 2, "token") == SPEC
    assert other.asked_for == [Upload(JOB, 2, "token")]
    other.answer = packed(MayUpload())
    assert await asks.upload(JOB, 2, "token") is None
    assert await asks.upload("j.0.cccccccc", 2, "token") is None  # that edge is gone
    assert await asks.upload("j.0", 2, "token") is None  # of a coordinator that is alone


async def test_the_edge_is_told_what_became_of_an_upload(two: tuple[Asks, Other]) -> None:
    asks, other = two
    blocked = SupernetError(ErrorCode.CONTENT_FILTER, "not this")
    for kept in (True, False):
        other.answer = packed(Counts(kept))
        assert await asks.uploaded(JOB, 2, MADE) is kept
    other.answer = packed(Counts(True))
    assert await asks.uploaded(JOB, 2, blocked)
    assert other.asked_for[0] == Uploaded(JOB, 2, MADE)
    told = other.asked_for[-1]
    assert isinstance(told, Uploaded) and told.error is not None and told.error.code is ErrorCode.CONTENT_FILTER
    assert not await asks.uploaded("j.0", 2, MADE)


async def test_who_does_not_answer_may_have_taken_it(two: tuple[Asks, Other], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored must stay then: the job may be finished with it."""
    monkeypatch.setattr("coordinator.cluster.bus.asks.EDGE_S", 0.05)
    asks, other = two
    for answer in (None, b"junk", packed(Look())):
        other.answer = answer
        with pytest.raises(SupernetError, match="send it again"):
            await asks.uploaded(JOB, 2, MADE)


async def test_a_dashboard_is_looked_at(two: tuple[Asks, Other]) -> None:
    asks, other = two
    other.answer = looked(B, '{"workers":[]}')
    assert await asks.look(B) == '{"workers":[]}'
    assert other.asked_for == [Look()]
    other.answer = packed(Counts(True))
    assert await asks.look(B) is None
