"""Work that blocks, in a thread of its own that nobody has to wait for when the daemon leaves.

asyncio.to_thread would not do: at the end its pool waits for every thread, and a driver that hangs never gives it
back.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from worker.daemon.systemd import notify

WATCHDOG_S = 5.0  # between signs of life to the service manager
T = TypeVar("T")


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Do `work` in a thread of its own; return or raise what it does. Cancelling leaves the thread to itself."""
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


async def until_signal(work: Callable[[], T], name: str) -> T | None:
    """Do `work` in a thread, for hours if need be; None when SIGTERM or SIGINT came first.

    The service manager's watchdog is fed meanwhile. Raises what `work` raises.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(in_thread(work, name))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        while not (await asyncio.wait({task}, timeout=WATCHDOG_S))[0]:
            notify("WATCHDOG=1")
        return None if task.cancelled() else task.result()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
