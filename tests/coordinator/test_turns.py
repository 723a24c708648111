"""Turns: so many at once, so many of one account, and nobody waits for long."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from coordinator.turns import Turns
from wire.errors import ErrorCode, SupernetError

PLACES, PLACES_OF_ONE, WAITING, WAITING_OF_ONE = 8, 4, 64, 16


def busy() -> SupernetError:
    return SupernetError(ErrorCode.OVERLOADED, "Too many wait.", retry_after_s=5.0)


def some(within_s: float = 60.0) -> Turns:
    return Turns(PLACES, PLACES_OF_ONE, WAITING, WAITING_OF_ONE, within_s, busy)


async def test_an_account_has_its_places_and_others_have_the_rest() -> None:
    bodies, entered = some(), []
    release = asyncio.Event()

    async def read(account: str) -> None:
        async with AsyncExitStack() as places:
            await bodies.enter(account, places)
            entered.append(account)
            await release.wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for account in ["greedy"] * 7 + ["b", "c", "d", "e", "f"]:
            tasks.create_task(read(account))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(entered) == PLACES
        assert entered.count("greedy") == PLACES_OF_ONE
        release.set()
    assert len(entered) == 12
    assert not bodies._own  # nothing is kept of an account that reads nothing


async def test_who_waits_too_long_is_told_when_to_come_again() -> None:
    bodies = some(within_s=0.01)
    async with AsyncExitStack() as taken:
        for _ in range(PLACES_OF_ONE):
            await bodies.enter("a", taken)
        async with AsyncExitStack() as places:
            with pytest.raises(SupernetError) as caught:
                await bodies.enter("a", places)
        assert caught.value.code is ErrorCode.OVERLOADED
        assert caught.value.retry_after_s
    async with AsyncExitStack() as places:  # and has taken nothing
        for _ in range(PLACES_OF_ONE):
            await bodies.enter("a", places)


async def test_who_leaves_while_waiting_takes_nothing_along() -> None:
    bodies = some()

    async def read() -> None:
        async with AsyncExitStack() as places:
            await bodies.enter("a", places)

    async with AsyncExitStack() as taken:
        for _ in range(PLACES_OF_ONE):
            await bodies.enter("a", taken)
        waiting = asyncio.create_task(read())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    async with asyncio.timeout(10), AsyncExitStack() as places:
        for _ in range(PLACES_OF_ONE):
            await bodies.enter("a", places)


async def crowd(tasks: asyncio.TaskGroup, bodies: Turns, release: asyncio.Event, *accounts: str) -> None:
    """Let a request of each wait for a place."""

    async def read(account: str) -> None:
        async with AsyncExitStack() as places:
            await bodies.enter(account, places)
            await release.wait()

    for account in accounts:
        tasks.create_task(read(account))
    for _ in range(3):
        await asyncio.sleep(0)


async def is_refused(bodies: Turns, account: str) -> bool:
    async with AsyncExitStack() as places:
        try:
            await bodies.enter(account, places)
        except SupernetError as error:
            return error.code is ErrorCode.OVERLOADED
    return False


async def test_no_more_than_so_many_wait() -> None:
    bodies, release = some(), asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        accounts = [f"{number}" for number in range(PLACES + WAITING)]
        await crowd(tasks, bodies, release, *accounts)
        assert await is_refused(bodies, "another")
        release.set()
    assert not bodies._waiting


async def test_one_account_keeps_nobody_else_from_waiting() -> None:
    bodies, release = some(), asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        await crowd(tasks, bodies, release, *["greedy"] * (PLACES_OF_ONE + WAITING_OF_ONE))
        assert await is_refused(bodies, "greedy")
        assert not await is_refused(bodies, "another")
        release.set()
