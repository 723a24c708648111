"""The mailbox: order, its bound, its end."""

import asyncio

from worker.engine.mailbox import ROOM, Mailbox
from worker.engine.port import Loading


async def test_events_come_in_order_and_end_after_close() -> None:
    mail: Mailbox[Loading] = Mailbox()
    mail.put(Loading(0.1))
    mail.put(Loading(0.2))
    mail.close()
    mail.put(Loading(0.3))
    assert [event async for event in mail.read()] == [Loading(0.1), Loading(0.2)]


async def test_who_waits_for_room_goes_on_when_one_event_has_been_read() -> None:
    mail: Mailbox[Loading] = Mailbox()
    for _ in range(ROOM):
        mail.put(Loading(0.5))
    waiting = asyncio.create_task(mail.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await anext(mail.read())
    await asyncio.wait_for(waiting, 60)


async def test_close_lets_everyone_go() -> None:
    mail: Mailbox[Loading] = Mailbox()
    reading = asyncio.create_task(anext(mail.read(), None))
    await asyncio.sleep(0)
    mail.close()
    assert await asyncio.wait_for(reading, 60) is None
    full: Mailbox[Loading] = Mailbox()
    for _ in range(ROOM):
        full.put(Loading(0.5))
    waiting = asyncio.create_task(full.room())
    await asyncio.sleep(0)
    full.close()
    await asyncio.wait_for(waiting, 60)
