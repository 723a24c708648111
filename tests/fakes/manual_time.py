"""A clock that stands still until a test moves it, and the sleep that goes with it."""

import asyncio


class ManualTime:
    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._slept = asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, wake))
        self._slept.set()
        await wake

    async def until_asleep(self, seconds: float) -> None:
        """Wait until someone sleeps for at least so long from now."""
        while not any(at - self.now >= seconds for at, _ in self._sleepers):
            self._slept.clear()
            await self._slept.wait()

    def pass_by(self, seconds: float) -> None:
        """Move the clock and wake whoever is due."""
        self.now += seconds
        due = [wake for at, wake in self._sleepers if at <= self.now]
        self._sleepers = [(at, wake) for at, wake in self._sleepers if at > self.now]
        for wake in due:
            if not wake.done():
                wake.set_result(None)
