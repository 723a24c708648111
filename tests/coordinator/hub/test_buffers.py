import asyncio
from hashlib import sha256
from typing import Any

from coordinator.dispatch.claims import PART_BYTES
from coordinator.dispatch.effects import Deliver, Failed, File, Report
from coordinator.hub.buffers import (
    INBOX_BYTES,
    INBOX_TOKENS,
    OUTBOX_BYTES,
    UNREAD_BYTES,
    UNREAD_S,
    Close,
    Inbox,
    Outbox,
)
from tests.coordinator.dispatch.driver import REQUEST, M
from wire import messages as wire
from wire.blobs import PIECE_BYTES
from wire.chat import Content, Usage
from wire.codec import to_worker
from wire.errors import ErrorCode, SupernetError


def start(job: str, text: str = "hi") -> wire.Start:
    message = REQUEST.messages[0].model_copy(update={"content": text})
    return wire.Start(job=job, attempt=1, model=M, request=REQUEST.model_copy(update={"messages": (message,)}), seed=1)


def deliver(text: str = "x", tokens: int = 1) -> Deliver:
    delta = wire.Delta(job="j", attempt=1, seq=0, tokens=(7,) * tokens, parts=(Content(text=text),))
    return Deliver("j", delta, tokens)


async def drain(box: Outbox, count: int) -> list[Any]:
    got = [await box.get() for _ in range(count)]
    return [frame if isinstance(frame, Close) else to_worker(frame).type for frame in got]


async def test_acks_and_cancels_overtake_starts() -> None:
    box = Outbox()
    box.put(start("a"))
    box.put(wire.Cancel(job="other", attempt=1))
    box.put(wire.Ack(items=()))
    assert await drain(box, 3) == ["cancel", "ack", "start"]


async def test_a_cancel_does_not_overtake_its_own_start() -> None:
    box = Outbox()
    box.put(start("a"))
    box.put(start("b"))
    box.put(wire.Cancel(job="b", attempt=1))
    assert await drain(box, 3) == ["start", "start", "cancel"]
    box.put(wire.Cancel(job="a", attempt=1))
    box.put(start("c"))
    assert await drain(box, 2) == ["cancel", "start"]


async def test_nothing_overtakes_a_welcome() -> None:
    """A worker drops what comes before it, and an Ack that is lost is not sent again."""
    box = Outbox()
    box.put(wire.Welcome(session="s", window_tokens=512))
    box.put(start("a"))
    box.put(wire.Ack(items=()))
    assert await drain(box, 3) == ["welcome", "ack", "start"]


def files(pieces: int) -> list[File]:
    data = bytes(pieces * PIECE_BYTES)
    return [File(sha256(data).hexdigest(), 0, data)]


async def test_everything_overtakes_between_two_pieces_of_a_file() -> None:
    box = Outbox()
    box.send_files("a", 1, files(4))
    assert await drain(box, 1) == ["blob"]
    box.put(start("b"))
    box.put(wire.Ack(items=()))
    assert await drain(box, 3) == ["ack", "start", "blob"]
    box.put(wire.Error(code=ErrorCode.PROTOCOL_ERROR, message="x"))
    assert await drain(box, 3) == ["error", "blob", "blob"]
    assert not box.has_files


async def test_files_of_an_attempt_that_is_over_and_of_a_socket_that_is_gone_are_not_sent() -> None:
    box = Outbox()
    box.send_files("a", 1, files(2))
    box.stop_files("a", 1)
    assert not box.has_files
    box.send_files("b", 1, files(2))
    box.put(wire.Ack(items=()))
    box.close(1001, "enough")
    box.send_files("c", 1, files(2))
    assert await drain(box, 2) == ["ack", Close(1001, "enough")]
    other = Outbox()
    other.send_files("a", 1, files(2))
    other.forget_files()
    assert not other.has_files


async def test_who_waits_for_a_frame_is_woken_by_a_file() -> None:
    box = Outbox()
    waiting = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.send_files("a", 1, files(1))
    assert isinstance(await waiting, str)


def test_files_that_wait_take_nothing_of_the_bound() -> None:
    box = Outbox()
    for job in range(100):
        box.send_files(str(job), 1, files(50))
    assert box.put(wire.Ack(items=()))


async def test_a_close_comes_after_what_was_put_before_and_nothing_after_it() -> None:
    box = Outbox()
    box.put(wire.Error(code=ErrorCode.PROTOCOL_ERROR, message="x"))
    box.close(4400, "enough")
    box.close(1000, "again")
    assert box.put(start("late"))
    assert await drain(box, 2) == ["error", Close(4400, "enough")]
    assert await drain(box, 1) == [Close(4400, "enough")]


def test_an_outbox_is_bounded_in_bytes() -> None:
    box = Outbox()
    big = start("a", "x" * (OUTBOX_BYTES // 2))
    assert box.put(big)
    assert not box.put(big)
    assert not Outbox().put(start("a", "\U00020000" * (OUTBOX_BYTES // 4)))


async def test_who_waits_for_a_frame_is_woken() -> None:
    box = Outbox()
    waiting = asyncio.create_task(box.get())
    await asyncio.sleep(0)
    box.put(wire.Ack(items=()))
    assert isinstance(await waiting, str)


async def test_an_inbox_gives_everything_at_once_and_nothing_after_its_time() -> None:
    box = Inbox(now=0)
    box.put(0, deliver("a"), 1)
    box.put(1, deliver("b"), 1)
    assert [choice for choice, _ in await box.take(1, 2)] == [0, 1]
    assert await box.take(0.001, 2) == []


async def test_an_inbox_is_bounded_in_tokens_and_bytes_for_each_choice() -> None:
    assert Inbox(0).put(0, deliver(tokens=INBOX_TOKENS), 0)
    assert not Inbox(0).put(0, deliver(tokens=INBOX_TOKENS + 1), 0)
    assert Inbox(0, choices=4).put(0, deliver(tokens=4 * INBOX_TOKENS), 0)
    assert Inbox(0).put(0, deliver("x" * (INBOX_BYTES - PART_BYTES)), 0)
    assert not Inbox(0).put(0, deliver("x" * (INBOX_BYTES + 1)), 0)
    assert not Inbox(0).put(0, deliver("\U00020000" * (INBOX_BYTES // 4 + 1)), 0)
    assert Inbox(0, choices=2).put(0, deliver("x" * (2 * INBOX_BYTES - PART_BYTES)), 0)


async def test_a_client_that_has_not_read_for_a_while_is_kept_less_than_one_that_is_overrun() -> None:
    box = Inbox(0)
    assert box.put(0, deliver("x" * UNREAD_BYTES), 10)
    assert box.put(0, deliver("x"), 10 + UNREAD_S)
    assert not box.put(0, deliver("x"), 10.01 + UNREAD_S)
    assert len(await box.take(1, 20)) == 3
    assert box.put(0, deliver("x" * UNREAD_BYTES), 20)
    assert box.put(0, deliver("x" * UNREAD_BYTES), 20.5)


async def test_an_inbox_knows_since_when_nobody_reads() -> None:
    box = Inbox(now=0)
    assert box.waiting_since() is None
    box.put(0, deliver(), 5)
    box.put(0, deliver(), 9)
    assert box.waiting_since() == 5
    await box.take(1, 10)
    assert box.waiting_since() == 10, "what it was handed is being written"
    box.put(0, deliver(), 12)
    assert box.waiting_since() == 10
    await box.take(1, 13)
    assert await box.take(0.001, 14) == []
    assert box.waiting_since() is None, "it came back for more and there was nothing"
    box.put(0, deliver(), 15)
    assert box.waiting_since() == 15


async def test_a_client_that_is_handed_its_whole_window_and_never_comes_back_is_noticed() -> None:
    box = Inbox(now=0)
    taking = asyncio.create_task(box.take(1, 1))
    await asyncio.sleep(0)
    box.put(0, deliver(), 5)
    assert len(await taking) == 1
    assert box.waiting_since() == 5


def test_the_first_error_can_be_seen_without_taking_it() -> None:
    box = Inbox(now=0)
    assert box.first_error() is None
    error = SupernetError(ErrorCode.NO_WORKER, "nobody")
    box.put(0, Failed("j", error, Report(Usage(prompt=0, cached=0, completion=0, reasoning=0))), 0)
    assert box.first_error() is error
