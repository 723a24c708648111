"""The server process: sockets and limits of uvicorn, side tasks, signals, and the order in which all of it ends.

SIGTERM: not ready and no new jobs, answers that are being given finish (within drain_s), workers are sent away, then
connections close. A second signal ends at once.
"""

import asyncio
import errno
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.api_keys import pepper_file, read_pepper
from coordinator.api.account import AccountApi
from coordinator.api.app import Services, create_app
from coordinator.billing.billing import Billing
from coordinator.billing.earnings_feed import Teller
from coordinator.billing.maintenance import Upkeep
from coordinator.config import Config, ConfigError, read_catalog
from coordinator.dashboard.feed import Feed
from coordinator.dashboard.routes import Dashboard
from coordinator.hub.hub import Hub
from coordinator.ledger.escrow import Terms, earned_by
from coordinator.ledger.price_list import pin
from coordinator.ledger.pricing import SPARK_NANO, Units
from coordinator.ledger.recovery import recover
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.database import Database
from coordinator.telemetry.tracing import from_environment
from wire.catalog import Catalog
from wire.codec import MAX_TO_COORDINATOR_BYTES

log = logging.getLogger("supernet.server")

PING_S = 10.0
KEEP_ALIVE_S = 30
CONNECTIONS = 8192
BACKLOG = 1024
HEADER_BYTES = 64 * 1024  # httptools itself has no limit
HEADER_S = 10.0
CLOSE_S = 5  # after the drain: what is left are last bytes
FLUSH_S = 10.0
# Tokens are small and slow. Without a bound the kernel keeps megabytes for a client that does not read, and it takes
# minutes until anybody notices.
SEND_BUFFER_BYTES = 128 * 1024
USER_TIMEOUT_MS = 30_000  # unacknowledged data for so long: the kernel gives a half-open connection up


class BoundedHttp(HttpToolsProtocol):
    """Request line and headers have a size and a deadline: uvicorn gives them neither."""

    _deadline: asyncio.TimerHandle | None = None
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._size = 0
        self._arm()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def _count(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > HEADER_BYTES:
            raise ValueError("headers too large")  # httptools turns it into its parser error, uvicorn that into a 400

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(HEADER_S, self.transport.close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """uvicorn, but a signal first lets the answers finish: its own shutdown closes the workers' sockets at once."""

    def __init__(self, config: uvicorn.Config, hub: Hub, drain_s: float, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._hub = hub
        self._drain_s = drain_s
        self._started = started
        self._draining = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining:
            self.should_exit = self.force_exit = True
            return
        self._draining = True
        asyncio.get_running_loop().call_soon_threadsafe(self.drain)

    def drain(self) -> None:
        log.info("draining: no new requests, running answers have %.0f s", self._drain_s)
        self._draining = True
        self._hub.drain(self._drain_s)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._hub.drained.is_set()


@dataclass(frozen=True)
class Running:
    """Everything of one process."""

    config: Config
    services: Services
    database: Database
    thread: ThreadPoolExecutor

    @property
    def upkeep(self) -> Upkeep:
        terms = Terms(self.config.escrow_s, self.config.escrow_jobs)
        return Upkeep(self.database, self.thread, self.services.billing, terms)


@contextmanager
def assembled(config: Config) -> Iterator[Running]:
    """Open everything; raises ConfigError, CatalogError, LedgerError with a text for the operator."""
    catalog = read_catalog(config.models)
    database = Database(config.db, serve=True)
    thread = ThreadPoolExecutor(1, "ledger")
    try:
        hub, ledger = Hub(config.limits(), from_environment(os.environ)), LedgerWriter(database, thread)
        pepper = read_pepper(config.pepper or pepper_file(config.db), make=True)
        accounts = Accounts(database, pepper, thread)
        accounts.revoked = hub.revoke
        billing = _billing(config, database, catalog, ledger)
        feed = Feed(hub, catalog, lambda: ledger.healthy and accounts.healthy)
        dashboard = Dashboard(feed, accounts, partial(earned_by, database), thread, config.public_network)
        bonus_nano = config.bonus_spark * SPARK_NANO
        account = AccountApi(accounts, database, thread, ledger, billing, pepper, bonus_nano, config.quota())
        services = Services(hub, accounts, catalog, ledger, account, billing, config.quota(), dashboard)
        yield Running(config, services, database, thread)
    finally:
        thread.shutdown()
        database.close()


def _billing(config: Config, database: Database, catalog: Catalog, ledger: LedgerWriter) -> Billing:
    """First what an earlier process left behind is brought to an end."""
    now_ms = time.time_ns() // 1_000_000
    ended = recover(database, config.worker_share_bps, now_ms)
    if ended:
        log.warning("%d requests ran when the coordinator ended: what was delivered of them is billed", ended)
    prices = {spec.id: (spec.price.prompt, spec.price.completion) for spec in catalog.models}
    return Billing(ledger, pin(database, prices, now_ms), Units(config.sogni_nano), config.worker_share_bps)


def listen(config: Config) -> socket.socket:
    """Raises ConfigError when the address is taken, or is none of this machine."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as error:
        used = "; another coordinator, or another program, listens there" if error.errno == errno.EADDRINUSE else ""
        where, why = f"{config.host} port {config.port}", (error.strerror or str(error)).split(" (")[0]
        raise ConfigError(f"cannot listen on {where}: {why}{used}; give another --host or --port") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # its connections inherit it
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return listener


def make_server(running: Running, started: Callable[[], None]) -> Server:
    settings = uvicorn.Config(
        create_app(running.services),
        http=BoundedHttp,
        ws="websockets-sansio",
        ws_max_size=MAX_TO_COORDINATOR_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # three times the memory, and lengths of compressed tokens leak them
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CLOSE_S,
    )
    return Server(settings, running.services.hub, running.config.drain_s, started)


async def serve(running: Running, server: Server, listener: socket.socket) -> None:
    """Until a signal. A side task that dies stops the process, with its name in the log."""
    services = running.services
    async with asyncio.TaskGroup() as tasks:
        side = [
            tasks.create_task(_named("timer", services.hub.run())),
            tasks.create_task(_named("keys", services.accounts.run())),
            tasks.create_task(_named("ledger", services.ledger.run())),
            tasks.create_task(_named("billing", services.billing.run(services.hub.dispatch.served))),
            tasks.create_task(_named("upkeep", running.upkeep.run())),
            tasks.create_task(_named("earnings", Teller(services.hub, running.database, running.thread).run())),
            tasks.create_task(_named("network", services.dashboard.feed.run())),
        ]
        await server.serve(sockets=[listener])
        await services.ledger.flushed(FLUSH_S)
        for task in side:
            task.cancel()


async def _named(name: str, loop: Coroutine[Any, Any, None]) -> None:
    try:
        await loop
    except Exception:
        log.critical("task %s died: stopping", name)
        raise


def run(config: Config, as_json: bool) -> int:
    """The process' exit status. Raises what `assembled` and `listen` raise.

    The address comes first: a start that cannot have it leaves no database and no pepper behind. Who connects before
    the rest is there waits for it.
    """
    with listen(config) as listener, assembled(config) as running:
        log.info("database: %s", running.database.name)
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

        def started() -> None:
            print(json.dumps({"listening": url}) if as_json else f"listening on {url}", flush=True)

        server = make_server(running, started)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(serve(running, server, listener))
        return 1 if server.force_exit else 0
