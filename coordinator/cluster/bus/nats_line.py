"""One connection to NATS, by its official client, dialled again for as long as the program runs.

The client's own redialling is not used: it gives up for good on some errors (a server that is full, or has other users
for a moment), and what waited in it meanwhile would be sent however old it is.
"""

import asyncio
import logging
import random
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import nkeys
from nats.aio.client import Client, RawCredentials
from nats.aio.msg import Msg
from nats.errors import Error, NoServersError, SlowConsumerError

from coordinator.cluster.bus.port import KEPT_BYTES, KEPT_S, MAX_BYTES, UNTAKEN, UNTAKEN_BYTES, BusCounts
from program.settings import ConfigError

log = logging.getLogger("supernet.bus")

DIAL_S = 1
PING_S, PINGS = 2, 2  # a server that leaves so many unanswered is gone
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0  # between two dials; each is drawn from its upper half
LOOK_S = 0.2
FLUSH_S = 1.0  # for what waits when the program ends
TELL_S = 60.0  # a loss that lasts is logged so often
LOST = (Error, OSError, TimeoutError, ValueError)  # a line that is not NATS' is too long for the client: ValueError

Ears = Mapping[str, tuple[str, Callable[[Msg], None]]]  # subject -> its queue group, and what hears it


@dataclass(frozen=True)
class NatsSettings:
    """Where the servers are (`nats://` or `tls://`, HOST:PORT) and how we sign in there (`read_login`)."""

    servers: tuple[str, ...]
    network: str  # names the subjects: replicas of other networks are not heard
    name: str = "supernet"  # for the operator of NATS
    login: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_login(file: Path) -> dict[str, Any]:
    """What the client is given to sign in: the file has an nkey's seed, or the credentials that `nsc` writes. Raises
    ConfigError."""
    try:
        text = file.read_text("ascii").strip()
        creds = re.search(r"BEGIN NATS USER JWT.*BEGIN USER NKEY SEED-+\s+(\S+)", text, re.DOTALL)
        nkeys.from_seed(bytearray((creds.group(1) if creds else text).encode()))
    except OSError as error:
        raise ConfigError(f"cannot read --cluster-creds {file}: {error.strerror}") from None
    except (nkeys.NkeysError, ValueError):
        text = f"--cluster-creds {file} has neither the seed of an nkey (SU...) nor credentials as nsc writes them"
        raise ConfigError(text) from None
    return {"user_credentials": RawCredentials(text + "\n")} if creds else {"nkeys_seed_str": text}


class _Unsent(NamedTuple):
    subject: str
    data: bytes
    at: float


class Line:
    """One connection, and what waits to be sent on it."""

    def __init__(self, settings: NatsSettings, name: str, inbox: str, counts: BusCounts) -> None:
        self.client: Client | None = None  # while it is up
        self._settings = settings
        self._name = f"{settings.name} {name}"
        self._inbox = inbox
        self._counts = counts
        self._servers = deque(random.sample(settings.servers, len(settings.servers)))  # the next to dial first
        self._unsent: deque[_Unsent] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._why = ""
        self._told, self._told_at = True, -TELL_S  # that it is down

    def send(self, subject: str, data: bytes) -> None:
        """Have it sent as soon as may be, or dropped."""
        now = asyncio.get_running_loop().time()
        while self._unsent and now - self._unsent[0].at > KEPT_S:
            self._bytes -= len(self._unsent.popleft().data)
            self._counts.unsent += 1
        if self._bytes + len(data) > KEPT_BYTES:
            self._counts.unsent += 1
            return
        self._unsent.append(_Unsent(subject, data, now))
        self._bytes += len(data)
        self._news.set()

    async def run(self, ears: Ears) -> None:
        """Keep connected until cancelled. Raises what an ear raises."""
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failures, clock = 0, asyncio.get_running_loop().time
        while True:
            dialled_at = clock()
            try:
                async with self._dialled(self._servers[0], ears, broken) as client:
                    await self._until_closed(client, broken)
            except NoServersError:
                pass  # `_error` was told why
            except LOST as error:
                self._why = str(error) or type(error).__name__
            _heed()
            stood = clock() - dialled_at > LONGEST_PAUSE_S
            failures = 1 if stood else failures + 1
            self._tell(self._servers[0])
            self._servers.rotate(-1)
            longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures // len(self._servers), 10))
            await asyncio.sleep(random.uniform(longest / 2, longest))

    @asynccontextmanager
    async def _dialled(self, server: str, ears: Ears, broken: asyncio.Future[None]) -> AsyncIterator[Client]:
        """A connection that hears. Raises one of LOST."""
        client, safe = Client(), ssl.create_default_context()
        try:
            async with asyncio.timeout(3 * DIAL_S):
                await client.connect(
                    [server],
                    name=self._name,
                    error_cb=self._error,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=DIAL_S,
                    ping_interval=PING_S,
                    max_outstanding_pings=PINGS,
                    no_echo=True,
                    tls=safe,
                    inbox_prefix=self._inbox,
                    pending_size=KEPT_BYTES,
                    flush_timeout=KEPT_S,
                    **self._settings.login,
                )
                if server.startswith("tls:") and not safe.session_stats()["connect_good"]:
                    raise Error("it does not speak TLS, and without it is not used")
                for subject, (group, hear) in ears.items():
                    told = _callback(hear, broken)
                    await client.subscribe(
                        subject, group, told, pending_msgs_limit=UNTAKEN, pending_bytes_limit=UNTAKEN_BYTES
                    )
                await client.flush()  # from here on nothing that is told to us is lost
            self._welcome(client, server)
            yield client
        finally:
            self.client = None
            closing = asyncio.create_task(client.close(), name=f"{self._name}: closing")
            try:
                await asyncio.wait({closing}, timeout=FLUSH_S)
            finally:
                closing.cancel()

    def _welcome(self, client: Client, server: str) -> None:
        if self._told:
            log.info("%s: connected to %s", self._name, _place(server))
        if client.max_payload < MAX_BYTES:
            text = "%s takes messages of %d bytes: set `max_payload: 8MB` there, or long requests stay here"
            log.warning(text, _place(server), client.max_payload)
        self.client, self._told = client, False

    async def _until_closed(self, client: Client, broken: asyncio.Future[None]) -> None:
        """Send what waits for as long as the connection stands. It is looked at: the client tells of its end only when
        its socket is closed, and that of a server that hangs is not for minutes."""
        _heed()
        sending = asyncio.create_task(self._send(client), name=f"{self._name}: sending")
        try:
            while not client.is_closed and not sending.done():
                await asyncio.wait({sending, broken}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                if broken.done():
                    broken.result()
        except asyncio.CancelledError:
            await _ended(sending)
            with suppress(*LOST):
                async with asyncio.timeout(FLUSH_S):
                    await self._empty(client)
                    await client.flush(timeout=1)
            raise
        finally:
            await _ended(sending)
        self._counts.losses += 1

    async def _send(self, client: Client) -> None:
        while True:
            await self._empty(client)
            _heed()
            self._news.clear()
            await self._news.wait()

    async def _empty(self, client: Client) -> None:
        while self._unsent:
            subject, data, at = self._unsent.popleft()
            self._bytes -= len(data)
            if asyncio.get_running_loop().time() - at > KEPT_S:
                self._counts.unsent += 1
            elif len(data) > client.max_payload:
                self._counts.too_large += 1
            else:
                await client.publish(subject, data)

    async def _error(self, error: Exception) -> None:
        if isinstance(error, SlowConsumerError):
            self._counts.untaken += 1
        else:
            self._why = str(error) or type(error).__name__

    def _tell(self, server: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= TELL_S:
            self._told, self._told_at = True, now
            log.warning("%s: no connection to %s: %s", self._name, _place(server), self._why)


def _heed() -> None:
    """Raises CancelledError if this task was told to end: the client keeps a cancellation to itself here and there."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # the end of the connection, which is seen elsewhere


def _callback(hear: Callable[[Msg], None], broken: asyncio.Future[None]) -> Callable[[Msg], Awaitable[None]]:
    """What the client calls for each message. It would keep to itself what is raised: `broken` tells."""

    async def callback(message: Msg) -> None:
        try:
            hear(message)
        except Exception as error:
            if not broken.done():
                broken.set_exception(error)
            raise

    return callback


def _place(server: str) -> str:
    """The server for the log, without a password that may be in its URL."""
    parts = urlsplit(server)
    return f"{parts.hostname}:{parts.port or 4222}"
