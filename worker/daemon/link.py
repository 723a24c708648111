"""The socket: dial, say hello, pump frames in and out, redial. The only file that knows websockets.

Data frames keep their order; status frames (Capacity, Issue, Draining) overtake them, so that a full line never looks
like a dead worker. What is queued when a socket drops is forgotten: the session replays it from its own buffers.
"""

import asyncio
import logging
import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)
from websockets.frames import CloseCode

from wire.codec import MAX_TO_WORKER_BYTES, encode, to_worker
from wire.errors import CLOSE_DUPLICATE, CLOSE_UNAUTHORIZED, FATAL_CLOSE_CODES, ErrorCode, SupernetError
from wire.messages import SUBPROTOCOL, WORKER_PATH, Capacity, Draining, Error, Hello, Issue, ToWorker, Welcome
from worker.daemon import reach

log = logging.getLogger("supernet.link")

LEAVING = CloseCode.GOING_AWAY  # a coordinator keeps nothing for a worker that leaves so
PING_S = 10.0
DIAL_TIMEOUT_S = 10.0
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
WELCOME_S = 10.0  # a peer that answers pings and nothing else is no coordinator
RETURN_S = 20.0  # a coordinator that was there a moment ago is about to be there again: for so long
RETURN_MOST_S = 2.0  # no pause is longer than this
STEADY_S = 10.0  # a connection that lasted so long was a good one: the pauses between dials start over
COMPLAINTS = 16  # invalid frames, and errors that are logged, of one connection
OUTBOX_BYTES = 4 * 1024 * 1024  # more than this unsent: the line is dead or far too slow, drop it and resume
MOVE_MOST_S = 600.0
# host and port alone: what else a URL may hold can make the resolver or the parser of URLs raise
_ADDRESS = re.compile(r"(?P<scheme>wss?)://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}(:(?P<port>[0-9]{1,5}))?")
URGENT = (Capacity, Issue, Draining)


class Fatal(Exception):
    """The coordinator will never take this worker as it is configured: dialling again is of no use.

    `code` is a row of issues.py.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


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


class _Dial(connect):
    """Follows no redirect: where one leads is for people to judge, and what a stranger put into its Location may be no
    address, of which websockets makes a ValueError."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _Said(BaseModel):
    message: str


class _Refusal(BaseModel):
    error: _Said


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
        self._home, self._key = address
        self._url = self._home  # a Move may lead elsewhere; if nobody welcomes us there, home again
        self._hello = hello
        self._received = received
        self._lost = lost
        self._outbox: Outbox | None = None
        self._socket: ClientConnection | None = None
        self._move: Move | None = None
        self._complaints = 0
        self._given_up = False  # by us
        self._cut = False  # the line broke under a welcomed worker, and nobody meant it to
        self.problem: str | None = "not connected yet"  # None: connected and welcomed
        self.remedy = ""  # of the problem, where more is known than that the line is down

    def send(self, message: BaseModel) -> None:
        """Queue a frame for the current socket; without one it is dropped (the session will replay)."""
        if self._outbox is not None and not self._outbox.put(message):
            log.error("the coordinator takes no frames: dropping the connection")
            self._abort()

    def redial(self, after_s: float, url: str | None) -> None:
        if url is not None and not self._may_lead_to(url):
            log.warning("the coordinator sends us to %.200r, which is no address for a worker: staying", url)
            url = None
        self._move = Move(after_s, url)
        self._abort()

    async def run(self) -> None:
        """Dial until cancelled. Raises Fatal when dialling again is of no use."""
        short = 0  # connections in a row that were refused or did not last
        steady = -RETURN_S  # the end of the last one that did, or whose line broke
        while True:
            begun = asyncio.get_running_loop().time()
            if not await self._try():
                self._url = self._home
            now = asyncio.get_running_loop().time()
            short = short + 1 if now - begun < STEADY_S else 0
            steady = now if short == 0 or self._cut else steady
            self._lost()
            longest = RETURN_MOST_S if now - steady < RETURN_S else BACKOFF_MOST_S
            most = min(longest, BACKOFF_FIRST_S * 2 ** min(short, 10))
            pause_s = random.uniform(0, most)  # full jitter: a restarted coordinator is not hit by all at once
            if self._move is not None:
                pause_s = max(min(self._move.after_s, MOVE_MOST_S), pause_s)
                self._url = self._move.url or self._url
                self._move = None
            log.warning("coordinator: %s; dialling again in %.1f s", self.problem, pause_s)
            await asyncio.sleep(pause_s)

    async def _try(self) -> bool:
        """One connection, from dial to end; True if we were welcomed. Only home can turn us away for good."""
        try:
            return await self._once()
        except Fatal as fatal:
            if self._url == self._home:
                raise
            self._down(str(fatal))
            return False

    def _may_lead_to(self, url: str) -> bool:
        """The key goes along: never from an encrypted address to one that is not."""
        address = _ADDRESS.fullmatch(url)
        if address is None or (self._home.startswith("wss:") and address["scheme"] != "wss"):
            return False
        return 1 <= int(address["port"] or 1) <= 65535

    async def _once(self) -> bool:
        welcomed = self._cut = False
        try:
            async with _Dial(
                self._url + WORKER_PATH,
                additional_headers={"Authorization": f"Bearer {self._key}"},
                subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                proxy=None if reach.loopback(self._url) else True,
                compression=None,  # three times the memory, and lengths of compressed tokens leak them
                open_timeout=DIAL_TIMEOUT_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                close_timeout=2.0,
                max_size=MAX_TO_WORKER_BYTES,
                max_queue=16,
            ) as socket:
                if socket.subprotocol != SUBPROTOCOL:
                    raise Fatal(
                        "coordinator_refuses",
                        f"{self._url} does not speak {SUBPROTOCOL}: is it a Supernet coordinator?",
                    )
                self._socket, self._outbox, self._complaints, self._given_up = socket, Outbox(), 0, False
                self._outbox.put(self._hello())
                writer = asyncio.create_task(self._write(socket, self._outbox), name="link writer")
                patience = asyncio.get_running_loop().call_later(WELCOME_S, self._not_welcomed)
                try:
                    async for frame in socket:
                        if self._take(frame):
                            welcomed = True
                            patience.cancel()
                except asyncio.CancelledError:
                    await socket.close(LEAVING)  # else it would be 1011, which says that we may come back
                    raise
                finally:
                    patience.cancel()
                    writer.cancel()
                    await asyncio.gather(writer, return_exceptions=True)
                self._down("the connection was closed")
        except InvalidStatus as error:
            self._refused(error)
        except ConnectionClosed as error:
            self._cut = welcomed and error.rcvd is None and not self._given_up
            self._closed(error)
        except (OSError, TimeoutError, InvalidHandshake, InvalidProxy, ImportError) as error:  # SOCKS needs a package
            why = reach.no_http(self._url) if isinstance(error, InvalidMessage) else reach.reason(error, self._url)
            self._down(f"{self._url} cannot be reached: {why.text}", why.remedy)
        except InvalidURI as error:
            raise Fatal("coordinator_refuses", str(error)) from None
        finally:
            self._socket = self._outbox = None
        return welcomed

    def _take(self, frame: str | bytes) -> bool:
        try:
            message = to_worker(frame)
        except SupernetError as error:
            self._complain(f"sent an invalid frame: {error.message}")
            self.send(Error(code=error.code, message=error.message))
            if self._complaints >= COMPLAINTS:
                self._abort()
            return False
        if isinstance(message, Error):
            self._complain(f"{message.message} ({message.code})")
        if isinstance(message, Welcome):
            self.problem = None
        self._received(message)
        return isinstance(message, Welcome)

    def _not_welcomed(self) -> None:
        self._complain(f"no welcome within {WELCOME_S:.0f} s")
        self._abort()

    def _complain(self, what: str) -> None:
        self._complaints += 1
        if self._complaints <= COMPLAINTS:
            log.warning("coordinator: %.300r", what)

    async def _write(self, socket: ClientConnection, outbox: Outbox) -> None:
        try:
            while True:
                await socket.send(await outbox.get())
        except ConnectionClosed:
            pass  # the reader sees the same end and says why

    def _abort(self) -> None:
        if self._socket is not None:
            self._given_up = True
            self._socket.transport.abort()  # at once: a polite close would wait behind a line that does not move

    def _refused(self, error: InvalidStatus) -> None:
        status = error.response.status_code
        said = _in_words(bytes(error.response.body or b""))
        location = next(iter(error.response.headers.get_all("Location")), None)
        if why := reach.refusal(self._url, status, said, location):
            if why.final:
                raise Fatal("coordinator_refuses", f"{why.text}. {why.remedy}") from None
            self._down(why.text, why.remedy)  # a portal, perhaps, that wants a login first
            return
        if status in (401, 403):
            raise Fatal("key_refused", f"the coordinator refused the key (HTTP {status}): {said}") from None
        if status in (400, 404, 426):
            raise Fatal(
                "coordinator_refuses", f"{self._url} does not take this worker (HTTP {status}): {said}"
            ) from None
        self._down(f"HTTP {status}: {said}")

    def _closed(self, error: ConnectionClosed) -> None:
        close = error.rcvd
        if close is not None and close.code in FATAL_CLOSE_CODES:
            code = "key_refused" if close.code == CLOSE_UNAUTHORIZED else "coordinator_refuses"
            raise Fatal(
                code, f"the coordinator closed the connection for good: {close.reason} ({close.code})"
            ) from None
        if close is None:
            self._down("the connection was lost")
        elif close.code == CLOSE_DUPLICATE:
            known = f"{ErrorCode.DUPLICATE_WORKER}: another worker with this id is connected ({close.reason})"
            self._down(known, "Give each worker a --state-dir of its own: a copy of the folder is the same worker.")
        elif close.code == CloseCode.TRY_AGAIN_LATER:
            remedy = "It dials again by itself. If that does not help, this account may have too many workers."
            self._down(f"closed: {close.reason}", remedy)
        else:
            self._down(f"closed: {close.reason or close.code}")

    def _down(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy


def _in_words(body: bytes) -> str:
    """What a refusal says: the message of OpenAI's error object, or what else a proxy in between wrote."""
    try:
        return _Refusal.model_validate_json(body).error.message[:500]
    except ValidationError:
        return body[:500].decode("utf-8", "replace")
