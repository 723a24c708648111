"""The server process: its parts, uvicorn with its limits, side tasks, signals, and the order in which all of it ends.

On SIGTERM the coordinator is no longer ready and takes no new jobs, running answers finish (within drain_s), workers
are sent away, then connections close. A second signal ends the process at once. On SIGHUP it reads the catalog again.
"""

import asyncio
import errno
import json
import logging
import signal
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from coordinator.api.app import create_app
from coordinator.artefacts.sweeper import Sweeper
from coordinator.assembly import Running, assembled
from coordinator.billing.earnings_feed import EarningsFeed
from coordinator.billing.energy_feed import EnergyFeed
from coordinator.billing.replicas import Replicas, others
from coordinator.config import Config
from coordinator.dashboard.idle_feed import IdleFeed
from coordinator.history.reader import Reader
from coordinator.http_limits import BoundedHttp
from coordinator.hub.hub import Hub
from coordinator.websocket_limits import BoundedWebSocket
from program import garbage
from program.settings import ConfigError
from wire.codec import MAX_TO_COORDINATOR_BYTES

log = logging.getLogger("supernet.server")

PING_S = 10.0
KEEP_ALIVE_S = 30
CONNECTIONS = 8192
BACKLOG = 1024
CLOSE_S = 5  # after the drain: what is left are last bytes
FLUSH_S = 10.0
# Tokens are small and slow. Without a bound the kernel keeps megabytes for a client that does not read, and it takes
# minutes until anybody notices.
SEND_BUFFER_BYTES = 128 * 1024
USER_TIMEOUT_MS = 30_000  # unacknowledged data for so long: the kernel gives a half-open connection up


class Server(uvicorn.Server):
    """uvicorn's server, but running answers finish after the first signal: uvicorn would close workers' sockets."""

    def __init__(self, config: uvicorn.Config, hub: Hub, drain_s: float, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._hub = hub
        self._drain_s = drain_s
        self._started = started
        self.draining = False
        self.starts_anew = False
        self._was_drained = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.draining:
            self.should_exit = self.force_exit = True
            asyncio.get_running_loop().call_soon_threadsafe(log.warning, "stopping at once: running answers are cut")
            return
        self.draining = True
        asyncio.get_running_loop().call_soon_threadsafe(self.drain)

    def drain(self) -> None:
        """Take no new requests, and stop when the running answers have ended or `drain_s` is over."""
        log.info("draining: no new requests, running answers have %.0f s", self._drain_s)
        self.draining = True
        self._hub.drain(self._drain_s)

    def start_anew(self) -> None:
        """This replica was taken for dead, and all know it by a name that is of the past: leave as after a signal, with
        a status by which whatever watches over the process starts it again."""
        log.warning("this replica was taken for dead: it leaves, and is to be started again")
        self.starts_anew = True
        if not self.draining:
            self.drain()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    async def on_tick(self, counter: int) -> bool:
        """End a tick, of 0.1 s, after the drain has: uvicorn closes workers' sockets with what waits to be written, and
        that is where they are sent."""
        was, self._was_drained = self._was_drained, self._hub.drained.is_set()
        return await super().on_tick(counter) or was


def listen(config: Config) -> socket.socket:
    """Bind the address; `::` is every address of this machine, of IPv4 too. Raises ConfigError when it is taken, or is
    none of this machine."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    both = config.host == "::" and socket.has_dualstack_ipv6()
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        used = "; another coordinator, or another program, listens there" if error.errno == errno.EADDRINUSE else ""
        where, why = f"{config.host} port {config.port}", (error.strerror or str(error)).split(" (")[0]
        raise ConfigError(f"cannot listen on {where}: {why}{used}; give another --host or --port") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # its connections inherit it
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    return listener


def url_of(listener: socket.socket) -> str:
    """The address that it listens on."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def origin_of(public_url: str | None, listener: socket.socket) -> str:
    """What browsers know this coordinator by. Passkeys belong to a name, never to an address: without a public URL
    they are made at localhost."""
    if public_url is None:
        return f"http://localhost:{listener.getsockname()[1]}"
    parts = urlsplit(public_url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    netloc = parts.netloc.removesuffix(f":{usual}")  # which browsers do not write in an origin either
    return f"{parts.scheme}://{netloc}".lower()


def plainly_named(record: logging.LogRecord) -> bool:
    """Log uvicorn's lines under `uvicorn`: its own logger, `uvicorn.error`, reads like a fault. An answer that is cut
    when the process ends at once is none either."""
    record.name = "uvicorn"
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def make_server(running: Running, started: Callable[[], None]) -> Server:
    """uvicorn's server around the application, with our limits; `started` is called once it listens."""
    logging.getLogger("uvicorn.error").addFilter(plainly_named)
    settings = uvicorn.Config(
        create_app(running.services),
        http=BoundedHttp,
        ws=BoundedWebSocket,
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
    """Serve until a signal. A side task that dies stops the process, with its name in the log."""
    services, reader = running.services, Reader(partial(running.services.access.reader.ask, "idle"))
    services.artefacts.base = running.config.public_url or url_of(listener)
    services.identity.origin = origin_of(running.config.public_url, listener)
    async with asyncio.TaskGroup() as tasks:
        side = [
            tasks.create_task(_named("timer", services.hub.run())),
            tasks.create_task(_named("keys", services.accounts.run())),
            tasks.create_task(
                _named("last use", services.accounts.last_use.run(lambda: _keys_of_workers(services.hub)))
            ),
            tasks.create_task(_named("ledger", services.ledger.run())),
            tasks.create_task(_named("billing", services.billing.run(services.hub.dispatch.progress))),
            tasks.create_task(_named("maintenance", running.maintenance.run())),
            tasks.create_task(_named("sums", running.rolling.run())),
            tasks.create_task(_named("energy", EnergyFeed(services.hub, running.store).run())),
            tasks.create_task(_named("earnings", EarningsFeed(services.hub, running.store, services.promotions).run())),
            tasks.create_task(_named("network", services.network.feed.run())),
            tasks.create_task(_named("idle", IdleFeed(services.hub, services.network.feed, reader).run())),
            tasks.create_task(_named("alerts", services.alerts.run())),
            tasks.create_task(_named("history", services.recorder.run())),
            tasks.create_task(_named("orders", services.orders.run())),
            tasks.create_task(_named("artefacts", Sweeper(services.artefacts).run())),
            tasks.create_task(_named("catalog", running.reload.run())),
        ]
        if running.store.database.shared:
            upkeep = Replicas(
                running.store, running.config.worker_share_bps, services.films.interrupted, server.start_anew
            )
            side.append(tasks.create_task(_named("replicas", upkeep.run())))
        if services.joined is not None:
            side.append(tasks.create_task(_named("bus", services.joined.run())))
        if services.counter is not None:
            side.append(tasks.create_task(_named("prompt counter", services.counter.run())))
        await services.films.interrupted()
        if services.joined is not None:
            await services.joined.meet(await running.store.ask(others))
        await server.serve(sockets=[listener])
        await services.films.close()
        await services.ledger.flushed(FLUSH_S)
        await services.recorder.close()
        if services.joined is not None:
            services.joined.leave()
        for task in side:
            task.cancel()


def _keys_of_workers(hub: Hub) -> set[str]:
    return {worker.peer.key for worker in hub.dispatch.workers if worker.connected}


async def _named(name: str, loop: Coroutine[Any, Any, None]) -> None:
    try:
        await loop
    except Exception:
        log.critical("task %s died: stopping", name)
        raise


def run(config: Config, as_json: bool) -> int:
    """Serve until a signal, and return the process' exit status. Raises what `check_cluster`, `listen` and `assembled`
    raise.

    The address comes first: a start that cannot have it leaves no database and no pepper behind. A client that connects
    before the rest is open waits for it.
    """
    config.check_cluster()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # one that comes too early waits
    with listen(config) as listener, assembled(config) as running:
        log.info("database: %s", running.store.database.name)
        if running.services.joined is not None:
            log.info(running.services.joined.in_words(config))
        url = url_of(listener)

        def started() -> None:
            print(json.dumps({"listening": url}) if as_json else f"listening on {url}", flush=True)

        server = make_server(running, started)
        garbage.set_aside()
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.get_loop().add_signal_handler(signal.SIGHUP, running.reload.wanted.set)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
            try:
                runner.run(serve(running, server, listener))
            except KeyboardInterrupt:  # while what is left was written
                log.warning("stopping at once")
                return 1 if server.draining else 0
        return 1 if server.force_exit or server.starts_anew else 0
