"""What every bus promises, held against all adapters."""

import asyncio
from collections.abc import Iterator

import pytest

from coordinator.cluster.bus.port import MAX_BYTES, Question
from tests.coordinator.cluster.bus.bus_ends import Local, Medium, Servers, all_hear, ends
from tests.coordinator.conftest import until

A, B, C = "aaaaaaaa", "bbbbbbbb", "cccccccc"


@pytest.fixture(scope="module", params=["local", "one node", "three nodes"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local | Servers]:
    folder = tmp_path_factory.mktemp("nats")
    medium = Local() if request.param == "local" else Servers(folder, 1 if request.param == "one node" else 3)
    yield medium
    medium.close()


@pytest.fixture
def medium(shared: Local | Servers) -> Medium:
    return shared


async def test_one_is_told_in_order_and_nobody_else_hears(medium: Medium) -> None:
    a, b, c = (medium.bus(me) for me in (A, B, C))
    async with ends((A, a), (B, b), (C, c)) as (_, to_b, to_c):
        for number in range(1000):
            a.publish(B, b"%d" % number)
        await until(lambda: len(to_b.heard_all) == 1000)
        assert to_b.heard_all == [b"%d" % number for number in range(1000)]
        assert to_c.heard_all == []


async def test_all_are_told_but_who_tells(medium: Medium) -> None:
    a, b, c = (medium.bus(me) for me in (A, B, C))
    async with ends((A, a), (B, b), (C, c)) as (to_a, to_b, to_c):
        for number in range(100):
            a.publish(None, b"%d" % number)
        await until(lambda: len(to_b.heard_all) == len(to_c.heard_all) == 100)
        assert to_b.heard_all == to_c.heard_all == [b"%d" % number for number in range(100)]
        assert await b.ask(A, b"is all of it there?", 5) == b"re: is all of it there?"
        assert to_a.heard_all == []


async def test_a_question_is_answered(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a), (B, b)):
        answers = await asyncio.gather(*(a.ask(B, b"%d" % number, 5) for number in range(50)))
        assert answers == [b"re: %d" % number for number in range(50)]


async def test_a_question_to_oneself_tells_whether_the_bus_carries(medium: Medium) -> None:
    a = medium.bus(A)
    assert await a.ask(A, b"is it up?", 5) is None
    async with ends((A, a)) as (to_a,):
        while await a.ask(A, b"is it up?", 1) is None:  # noqa: ASYNC110  nodes tell each other
            await asyncio.sleep(0.01)
        assert b"is it up?" in to_a.questions


async def test_whoever_is_not_there_is_known_at_once(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a), (B, b)):
        async with asyncio.timeout(60):
            assert await a.ask(C, b"hello?", 3600) is None


async def test_who_does_not_answer_is_not_waited_for(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a), (B, b), answer=lambda data: None) as (_, to_b):
        while not to_b.questions:
            assert await a.ask(B, b"hello?", 0.05) is None


async def test_any_other_one_answers(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a), (B, b)) as (to_a, to_b):
        for _ in range(20):
            assert await a.ask(None, b"who?", 5) == b"re: who?"
        assert (len(to_a.questions), len(to_b.questions)) == (0, 20)


async def test_an_answer_may_come_later_and_counts_once(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    waiting: list[Question] = []
    async with ends((A, a), (B, b), answer=lambda data: None) as (_, to_b):
        to_b.asked = lambda question, data: waiting.append(question)  # type: ignore[method-assign]
        asking = asyncio.create_task(a.ask(B, b"what?", 30))
        await until(lambda: bool(waiting))
        for answer in (b"first", b"second"):
            b.reply(waiting[0], answer)
        assert await asking == b"first"
        b.reply(waiting[0], b"third")


async def test_the_longest_message_arrives_and_a_longer_one_is_counted(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a), (B, b)) as (_, to_b):
        a.publish(B, bytes(MAX_BYTES + 1))
        assert await a.ask(B, bytes(MAX_BYTES + 1), 5) is None
        a.publish(B, bytes(MAX_BYTES))
        await until(lambda: bool(to_b.heard_all))
        assert to_b.heard_all == [bytes(MAX_BYTES)]
        assert a.counts.too_large == 2


async def test_what_a_listener_raises_ends_the_bus(medium: Medium) -> None:
    """A fault that the bus kept to itself would leave a replica that is deaf."""
    a, b = medium.bus(A), medium.bus(B)

    def fails(data: bytes) -> None:
        raise ZeroDivisionError(data)

    async with ends((A, a)) as (to_a,):
        to_a.heard = fails  # type: ignore[method-assign]
        listening = asyncio.create_task(b.run(to_a))
        await until(lambda: b.up)
        while not listening.done():
            a.publish(B, b"this")
            await asyncio.sleep(0.01)
        with pytest.raises(ZeroDivisionError, match="this"):
            await listening


async def test_last_words_are_heard(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a)) as (to_a,):
        async with ends((B, b)):
            await all_hear(b, [to_a])
            for number in range(1000):
                b.publish(A, b"%d" % number)
            b.publish(None, b"bye")
        await until(lambda: len(to_a.heard_all) == 1001)
        assert b"bye" in to_a.heard_all and b"999" in to_a.heard_all


async def test_a_bus_that_is_down_loses_and_comes_back(medium: Medium) -> None:
    a, b = medium.bus(A), medium.bus(B)
    async with ends((A, a), (B, b)) as (_, to_b):
        medium.down()
        await until(lambda: not a.up and not b.up)
        for number in range(100):
            a.publish(B, b"lost %d" % number)
            a.publish(None, b"lost %d" % number)
        assert await a.ask(B, b"hello?", 5) is None
        a.reply("nowhere", b"an answer")
        await asyncio.sleep(2.5)  # longer than messages are kept
        medium.back()
        await until(lambda: a.up and b.up)
        await all_hear(a, [to_b])
        a.publish(B, b"new")
        await until(lambda: bool(to_b.heard_all))
        assert to_b.heard_all == [b"new"]
        assert a.counts.unsent >= 200
