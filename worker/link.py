"""The socket: dial, say hello, pump frames in and out, redial. The only file that knows websockets.

Data frames keep their order; status frames (Capacity, Issue, Draining) overtake them, so that a full line never looks
like a dead worker. What is queued when a socket drops is forgotten: the session replays it from its own buffers.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from wire.codec import MAX_TO_WORKER_BYTES, encode, to_worker
from wire.errors import CLOSE_DUPLICATE, FATAL_CLOSE_CODES, ErrorCode, SupernetError
from wire.messages import SUBPROTOCOL, WORKER_PATH, Capacity, Draining, Error, Hello, Issue, ToWorker, Welcome

log = logging.getLogger("supernet.link")

PING_S = 10.0
DIAL_TIMEOUT_S = 10.0
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
OUTBOX_BYTES = 4 * 1024 * 1024  # more than this unsent: the line is dead or far too slow, drop it and resume
URGENT = (Capacity, Issue, Draining)


class Fatal(Exception):
    """The coordinator will never take this worker as it is configured: dialling again is of no use."""


@dataclass
class Move:
    """The coordinator asked to come back later, or elsewhere."""

    after_s: float
    url: str | None


class Outbox:
    """Frames that wait for the socket: bounded in bytes, urgent ones first."""

    def __init__(self) -> None:
        self._urgent: deque[str] = deque()
        self._data: deque[str] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def put(self, message: BaseModel) -> bool:
        """Queue a frame; False when the bound is reached and the link should be given up."""
        frame = encode(message)
        (self._urgent if isinstance(message, URGENT) else self._data).append(frame)
        self._bytes += len(frame)
        self._ready.set()
        return self._bytes <= OUTBOX_BYTES

    async def get(self) -> str:
        while not self._urgent and not self._data:
            self._ready.clear()
            await self._ready.wait()
        frame = (self._urgent or self._data).popleft()
        self._bytes -= len(frame)
        return frame


class Link:
    """Keeps one socket to the coordinator open for as long as run() runs.

    `hello` makes the first frame of each connection, `received` takes every frame, `lost` is told of every end.
    """

    def __init__(
        self,
        address: tuple[str, str],  # url, key
        hello: Callable[[], Hello],
        received: Callable[[ToWorker], None],
        lost: Callable[[], None],
    ) -> None:
        self._url, self._key = address
        self._hello = hello
        self._received = received
        self._lost = lost
        self._outbox: Outbox | None = None
        self._socket: ClientConnection | None = None
        self._move: Move | None = None
        self.problem: str | None = "not connected yet"  # None: connected and welcomed

    def send(self, message: BaseModel) -> None:
        """Queue a frame for the current socket; without one it is dropped (the session will replay)."""
        if self._outbox is not None and not self._outbox.put(message):
            log.error("the coordinator takes no frames: dropping the connection")
            self._abort()

    def redial(self, after_s: float, url: str | None) -> None:
        self._move = Move(after_s, url)
        self._abort()

    async def run(self) -> None:
        """Dial until cancelled. Raises Fatal when dialling again is of no use."""
        failures = 0
        while True:
            welcomed = await self._once()
            failures = 0 if welcomed else failures + 1
            self._lost()
            if self._move is not None:
                pause_s, self._url = self._move.after_s, self._move.url or self._url
                self._move = None
            else:
                most = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2 ** min(failures, 10))
                pause_s = random.uniform(0, most)  # full jitter: a restarted coordinator is not hit by all at once
            log.warning("coordinator: %s; dialling again in %.1f s", self.problem, pause_s)
            await asyncio.sleep(pause_s)

    async def _once(self) -> bool:
        """One connection, from dial to end. True if the coordinator welcomed us."""
        welcomed = False
        try:
            async with connect(
                self._url + WORKER_PATH,
                additional_headers={"Authorization": f"Bearer {self._key}"},
                subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                compression=None,  # three times the memory, and lengths of compressed tokens leak them
                open_timeout=DIAL_TIMEOUT_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                close_timeout=2.0,
                max_size=MAX_TO_WORKER_BYTES,
                max_queue=16,
            ) as socket:
                if socket.subprotocol != SUBPROTOCOL:
                    raise Fatal(f"{self._url} does not speak {SUBPROTOCOL}: is it a Supernet coordinator?")
                self._socket, self._outbox = socket, Outbox()
                self._outbox.put(self._hello())
                writer = asyncio.create_task(self._write(socket, self._outbox), name="link writer")
                try:
                    async for frame in socket:
                        welcomed = self._take(frame) or welcomed
                finally:
                    writer.cancel()
                    await asyncio.gather(writer, return_exceptions=True)
                self.problem = "the connection was closed"
        except InvalidStatus as error:
            self._refused(error)
        except ConnectionClosed as error:
            self._closed(error)
        except (OSError, TimeoutError, InvalidHandshake) as error:
            self.problem = f"{self._url} cannot be reached: {str(error) or type(error).__name__}"
        except InvalidURI as error:
            raise Fatal(str(error)) from None
        finally:
            self._socket = self._outbox = None
        return welcomed

    def _take(self, frame: str | bytes) -> bool:
        try:
            message = to_worker(frame)
        except SupernetError as error:
            log.warning("coordinator sent an invalid frame: %s", error.message)
            self.send(Error(code=error.code, message=error.message))
            return False
        if isinstance(message, Error):
            log.warning("coordinator: %s (%s)", message.message, message.code)
        if isinstance(message, Welcome):
            self.problem = None
        self._received(message)
        return isinstance(message, Welcome)

    async def _write(self, socket: ClientConnection, outbox: Outbox) -> None:
        try:
            while True:
                await socket.send(await outbox.get())
        except ConnectionClosed:
            pass  # the reader sees the same end and says why

    def _abort(self) -> None:
        if self._socket is not None:
            self._socket.transport.abort()  # at once: a polite close would wait behind a line that does not move

    def _refused(self, error: InvalidStatus) -> None:
        status = error.response.status_code
        said = bytes(error.response.body or b"")[:500].decode("utf-8", "replace")
        if status in (401, 403):
            raise Fatal(f"the coordinator refused the key (HTTP {status}): {said}") from None
        if status in (400, 404, 426):
            raise Fatal(f"{self._url} does not take this worker (HTTP {status}): {said}") from None
        self.problem = f"HTTP {status}: {said}"

    def _closed(self, error: ConnectionClosed) -> None:
        close = error.rcvd
        if close is not None and close.code in FATAL_CLOSE_CODES:
            raise Fatal(f"the coordinator closed the connection for good: {close.reason} ({close.code})") from None
        if close is not None and close.code == CLOSE_DUPLICATE:
            self.problem = f"{ErrorCode.DUPLICATE_WORKER}: another worker with this id is connected ({close.reason})"
        else:
            self.problem = "the connection was lost" if close is None else f"closed: {close.reason or close.code}"
