"""The line to the coordinator, kept open: dial, wait, dial again.

It leads home and nowhere else. Several replicas of a coordinator have one address, with a balancer behind it, so a
worker that is sent to another replica dials what it always dials. A Move that names another place would let whoever
operates the coordinator knock, from within the owner's network, at any door of it.

What is queued when a socket drops is forgotten: the session replays it from its own buffers.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from pydantic import BaseModel

from wire.messages import Hello, ToWorker
from worker.daemon.backoff import Backoff
from worker.daemon.connection import Connection, End
from worker.daemon.home import Home
from worker.daemon.reason import Reason

log = logging.getLogger("supernet.link")

MOVE_MOST_S = 600.0
FLOODED_S = 30.0  # shorter than the resume window: jobs of a coordinator that comes to its senses go on


class Link:
    """Keeps one socket to the coordinator open for as long as run() runs.

    `hello` makes the first frame of each connection, `received` takes every frame and returns how much of it, 0 to 1,
    was of no use, `lost` is told of every end. All three are called on the event loop, and whatever they raise is a bug
    that ends run().
    """

    def __init__(
        self,
        home: Home,
        hello: Callable[[], Hello],
        received: Callable[[ToWorker], float],
        lost: Callable[[], None],
    ) -> None:
        self._home = home
        self._hello = hello
        self._received = received
        self._lost = lost
        self._connection: Connection | None = None
        self._down = Reason("not connected yet")
        self._away: tuple[float, str] | None = None  # ended by redial(): for how many seconds, and why

    @property
    def problem(self) -> Reason | None:
        """Why the line is down; None: connected and welcomed."""
        return None if self._connection is not None and self._connection.welcomed else self._down

    def send(self, message: BaseModel) -> None:
        """Queue a frame for the current socket; without one it is dropped (the session will replay)."""
        if self._connection is not None:
            self._connection.send(message)

    def redial(self, after_s: float, url: str | None, why: str) -> None:
        """End the connection and dial home again after so many seconds; the log says `why`. Another place is told and
        ignored. Without an open one the next Hello is still to come, and says all that there is to say."""
        if url is not None and url != self._home.url:
            log.warning("the coordinator sends us to %.200r; a worker dials only what its owner configured", url)
        if self._connection is not None and self._connection.abort():
            self._away = after_s, why

    async def run(self) -> None:
        """Dial until cancelled. Raises Fatal when dialling again is of no use."""
        backoff = Backoff()
        while True:
            end = await self._connect()
            self._lost()
            longest_s = backoff.ended(asyncio.get_running_loop().time(), end.open_s, end.broke)
            pause_s = random.uniform(0, longest_s)  # full jitter: a restarted coordinator is not hit by all at once
            if end.flooded:
                pause_s = FLOODED_S
            level, why = logging.WARNING, end.reason.in_full
            if self._away is not None:
                level, (away_s, why), self._away = logging.INFO, self._away, None
                pause_s = max(min(away_s, MOVE_MOST_S), pause_s)
            log.log(level, "coordinator: %s; dialling again in %.1f s", why, pause_s)
            await asyncio.sleep(pause_s)

    async def _connect(self) -> End:
        """Open one connection, and return how it ended."""
        self._connection = Connection(self._home, self._received)
        try:
            end = await self._connection.run(self._hello)
        finally:
            self._connection = None
        self._down = end.reason
        return end
