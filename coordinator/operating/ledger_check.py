"""The check of the books from a page: one at a time, beside all else, and broken off if it takes too long."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from coordinator.clock import now_ms
from coordinator.ledger.audit import check
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.reading import Reading

WITHIN_S = 300.0  # of millions of rows it takes a minute
EVERY_S = 10.0  # it reads everything: a page that is loaded again and again must not do that


class LedgerCheck:
    """`database`: the first connection, beside which each check has one of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: asyncio.Task[None] | None = None
        self._last: dict[str, Any] = {"state": "never", "started": None, "seconds": None, "found": []}

    def state(self) -> dict[str, Any]:
        """`never`, `running`, `ok`, `wrong` (`found` has what, a sentence each) or `failed` (`found` has why)."""
        return {"object": "operator.ledger_check", **self._last}

    def begin(self) -> None:
        """Begin one, unless one runs or has just ended."""
        started = self._last["started"]
        if self._running is not None or (started is not None and now_ms() // 1000 - started < EVERY_S):
            return
        self._last = {"state": "running", "started": now_ms() // 1000, "seconds": None, "found": []}
        self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        began = time.monotonic()
        try:
            found = await self._checked()
            state = "wrong" if found else "ok"
        except StoreError as error:
            state, found = "failed", [str(error)]
        finally:
            self._running = None
        self._last |= {"state": state, "seconds": round(time.monotonic() - began, 1), "found": found}

    async def _checked(self) -> list[str]:
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "ledger-check")
        reading = await loop.run_in_executor(thread, Reading, self._database)
        running = loop.run_in_executor(thread, check, reading)
        try:
            async with asyncio.timeout(WITHIN_S):
                return await asyncio.shield(running)
        except TimeoutError:
            raise StoreError(f"the check took longer than {WITHIN_S:.0f} s: `ledger check` has no limit") from None
        finally:
            if not running.done():
                reading.stop()
            await loop.run_in_executor(thread, reading.close)
            thread.shutdown(wait=False)
