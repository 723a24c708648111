"""One socket to the coordinator, from the dial to its end: hello, frames in, frames out."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from program.allowance import Allowance
from program.useless_frames import UselessFrames
from program.websocket_bounds import TOO_MANY
from wire.codec import MAX_TO_WORKER_BYTES, to_worker
from wire.errors import SupernetError
from wire.messages import SUBPROTOCOL, WORKER_PATH, Error, Hello, ToWorker, Welcome
from worker.daemon import reach
from worker.daemon.bounded_socket import BoundedSocket
from worker.daemon.home import Home
from worker.daemon.line_errors import LINE_ERRORS, Fatal, explain
from worker.daemon.outbox import Outbox
from worker.daemon.reason import Reason

log = logging.getLogger("supernet.link")

LEAVING = CloseCode.GOING_AWAY  # a coordinator keeps nothing for a worker that leaves so
PING_S = 10.0
DIAL_TIMEOUT_S = 10.0
WELCOME_S = 10.0  # a peer that answers pings and nothing else is no coordinator
# Of one frame: as long as a ping and its answer may take. While what was written waits for a peer that reads nothing,
# the websocket's own pings wait behind it, and their time does not run.
STANDS_S = 2 * PING_S
CLOSE_S = 2.0
COMPLAINTS = 16  # invalid frames and errors that are logged, of one connection
# Of frames of no use: Starts that are refused, acks and cancels of jobs that nobody knows. Some Starts may be on the
# way when slots are taken back, and each of them may be long.
USELESS_BYTES, USELESS_BYTES_PER_S = 32 * 1024 * 1024, 512 * 1024


@dataclass(frozen=True)
class End:
    """How a connection ended.

    `open_s`: how long the socket was open, in seconds; 0: it never was. `broke`: the line broke under a welcomed
    worker and neither side meant it to. `flooded`: we ended it, for what came on it.
    """

    reason: Reason
    welcomed: bool = False
    open_s: float = 0.0
    broke: bool = False
    flooded: bool = False


class _Dial(connect):
    """Follows no redirect: where one leads is for people to judge, and what a stranger put into its Location may be no
    address, of which websockets makes a ValueError."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Connection:
    """Used once: run() dials home and returns when the socket has ended. `received` takes every frame that is one, and
    returns how much of it, 0 to 1, was of no use."""

    def __init__(self, home: Home, received: Callable[[ToWorker], float]) -> None:
        self._home = home
        self._received = received
        self._outbox = Outbox()
        self._socket: BoundedSocket | None = None
        self._opened_at = 0.0
        self._complaints = 0
        self._given_up = False  # by us
        self._flooded = False
        self._useless = UselessFrames(Allowance(USELESS_BYTES, USELESS_BYTES_PER_S, _now()).take)
        self.welcomed = False

    async def run(self, hello: Callable[[], Hello]) -> End:
        """Dial, send what `hello` makes once the socket is open, and carry frames until the end.

        Raises Fatal when dialling again is of no use. When cancelled it tells the coordinator that the worker leaves.
        """
        try:
            async with await self._dial() as socket:
                if socket.subprotocol != SUBPROTOCOL:
                    text = f"{self._home.url} does not speak {SUBPROTOCOL}: is it a Supernet coordinator?"
                    raise Fatal("coordinator_refuses", text)
                assert isinstance(socket, BoundedSocket)
                self._socket, self._opened_at = socket, _now()
                self._outbox.put(hello())
                await self._carry(socket)
            return self._end(Reason("the connection was closed"))
        except LINE_ERRORS as error:
            why = explain(error, self._home.url)
            if isinstance(why, Fatal):
                raise why from None
            lost = isinstance(error, ConnectionClosed) and error.rcvd is None
            if self._socket is not None and self._socket.flooded:
                self._give_up(TOO_MANY)
            return self._end(why, broke=lost and self.welcomed and not self._given_up)

    def send(self, message: BaseModel) -> None:
        """Queue a frame; dropped while the socket is not open yet."""
        if self._socket is not None and not self._outbox.put(message):
            log.error("the coordinator takes no frames: dropping the connection")
            self.abort()

    def abort(self) -> bool:
        """End it at once: a polite close would wait behind a line that does not move. False: it is not open yet."""
        if self._socket is None:
            return False
        self._given_up = True
        self._socket.transport.abort()
        return True

    async def _dial(self) -> _Dial:
        """The owner's proxy knows addresses of its own; where there is none, the socket is opened to one of home's."""
        url = self._home.url
        where = parse_uri(url)
        proxy = None if reach.loopback(url) else get_proxy(where)
        direct: dict[str, Any] = {}
        if proxy is None:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                direct["sock"] = await self._home.dial(where.host, where.port)
        return _Dial(
            url + WORKER_PATH,
            create_connection=BoundedSocket,
            additional_headers={"Authorization": f"Bearer {self._home.key}"},
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            proxy=proxy,
            **direct,
            compression=None,  # three times the memory, and lengths of compressed tokens leak them
            open_timeout=DIAL_TIMEOUT_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSE_S,
            max_size=MAX_TO_WORKER_BYTES,
            max_queue=4,  # messages that wait, and the longest has 8 MiB: sixteen of them were 70 MB
        )

    async def _carry(self, socket: ClientConnection) -> None:
        """Frames in and out until the socket ends."""
        writer = asyncio.create_task(self._write(socket), name="link writer")
        timeout = asyncio.get_running_loop().call_later(WELCOME_S, self._not_welcomed)
        try:
            async for frame in socket:
                if why := self._take(frame):
                    self._give_up(why)
                    break
                # Frames that have arrived together do not keep the engines' events waiting, nor the owner.
                await asyncio.sleep(self._useless.pause_s())
                if self.welcomed:
                    timeout.cancel()
        except asyncio.CancelledError:
            await self._leave(socket)
            raise
        finally:
            timeout.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    async def _leave(self, socket: ClientConnection) -> None:
        """Close with the code of one that leaves: else it would be 1011, which says that we may come back."""
        try:
            async with asyncio.timeout(2 * CLOSE_S):  # its own limit runs from when the close frame is written
                await socket.close(LEAVING)
        except TimeoutError:
            self.abort()

    async def _write(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader sees the same end and says why
            while True:
                frame = await self._outbox.get()
                try:
                    async with asyncio.timeout(STANDS_S):
                        await socket.send(frame)
                except TimeoutError:
                    log.error("the coordinator has read nothing for %.0f s: dropping the connection", STANDS_S)
                    self.abort()
                    return

    def _take(self, frame: str | bytes) -> str | None:
        """Take one frame. Returns why the connection is to be given up; None: it goes on."""
        try:
            message = to_worker(frame)
        except SupernetError as error:
            self._complain(f"sent an invalid frame: {error.message}")
            self.send(Error(code=error.code, message=error.message))
            return self._useless.invalid(len(frame), _now())
        if isinstance(message, Error):
            self._complain(f"{message.message} ({message.code})")
        if isinstance(message, Welcome):
            self.welcomed = True
            self._home.welcomed()
        return self._useless.valid(len(frame), self._received(message), _now())

    def _give_up(self, why: str) -> None:
        self._flooded = True
        log.error("coordinator: %s: dropping the connection", why)
        self.abort()

    def _not_welcomed(self) -> None:
        self._complain(f"no welcome within {WELCOME_S:.0f} s")
        self.abort()

    def _complain(self, what: str) -> None:
        self._complaints += 1
        if self._complaints <= COMPLAINTS:
            log.warning("coordinator: %.300r", what)

    def _end(self, reason: Reason, broke: bool = False) -> End:
        open_s = 0.0 if self._socket is None else _now() - self._opened_at
        return End(reason, self.welcomed, open_s, broke, self._flooded)


def _now() -> float:
    return asyncio.get_running_loop().time()
