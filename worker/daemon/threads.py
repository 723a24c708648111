"""Work that blocks, in a thread of its own that nobody has to wait for when the daemon leaves.

asyncio.to_thread would not do: at the end its pool waits for every thread, and a driver that hangs never gives it
back.
"""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from worker.daemon.systemd import notify

WATCHDOG_S = 5.0  # between signs of life to the service manager
T = TypeVar("T")
log = logging.getLogger("supernet.serve")


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
    task = asyncio.create_task(in_thread(work, name))
    with at_signals(task.cancel):
        while not (await asyncio.wait({task}, timeout=WATCHDOG_S))[0]:
            notify("WATCHDOG=1")
    if not task.cancelled():
        return task.result()
    log.info("leaving: a signal came before a model was ready; what has arrived of its files is kept")
    return None


@contextlib.contextmanager
def at_signals(act: Callable[[], object]) -> Iterator[None]:
    """While the block runs, SIGTERM and SIGINT call `act`. Then they are what they were before: asyncio by itself would
    have SIGTERM kill the process, and SIGINT interrupt it wherever it is."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
