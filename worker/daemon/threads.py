"""Work that blocks, in a thread of its own that nobody has to wait for when the daemon leaves.

asyncio.to_thread would not do: at the end its pool waits for every thread, and a driver that hangs never gives it
back.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], name: str) -> T:
    """The result of `work`, or what it raised. Cancelling leaves the thread to itself."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it is raised again where it is awaited
            if not future.cancelled():
                future.set_exception(error)

    future.set_running_or_notify_cancel()  # from here on only `run` ends it
    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(future)
