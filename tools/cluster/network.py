"""Replicas of the coordinator with all that they need, and scripted workers, each with a balancer in front of it.

Clients and workers come through two balancers, so that a replica may have workers and no clients. Workers have keys of
their own, by which the balancer's lines tell which of them are at which replica.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.cluster.balancer import Balancer
from tools.cluster.books import Books
from tools.cluster.nats import Nats
from tools.cluster.postgres import Postgres
from tools.local_network import Network, Process

OWNERS = 4  # accounts that the workers belong to
SETTLES_S = 60.0  # at most, after a start or a fault, until all is as before
LOOK_S = 0.2
NO_BUCKET = {"AWS_ENDPOINT": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
SHARED = ("--artefacts", "s3://media", "--public-url", "http://localhost")  # a cluster asks for both
BEARER = re.compile(rb"(?i)\r\nauthorization: *bearer ([^\r]+)")


@dataclass(frozen=True)
class Studio:
    """What a cluster has that draws. `bucket`: the variables under which one named `media` is found; `catalog`: what
    is offered besides the model, as text."""

    bucket: Mapping[str, str]
    catalog: str


@dataclass(frozen=True)
class Front:
    """What a client knows of a cluster."""

    port: int
    key: str


class Cluster:
    """From `start` to `close`. `clients`, `workers`: the balancers. `nodes` 0: no bus, so there is one replica."""

    def __init__(
        self,
        folder: Path,
        replicas: int = 3,
        nodes: int = 3,
        options: Sequence[Sequence[str]] = ((),),
        studio: Studio = Studio(NO_BUCKET, ""),
    ) -> None:
        """`options`: of each replica; the last one's are those of all that follow."""
        self._folder = folder
        self._studio = studio
        self._options = [tuple(options[min(n, len(options) - 1)]) for n in range(replicas)]
        self.postgres = Postgres(folder)
        self.nats = Nats(folder, nodes)
        self.books = Books(self.postgres.url, folder / "pepper")
        self.replicas: list[Network] = []
        self.clients = self.workers = Balancer(())
        self._swarm: list[Process] = []
        self._names: dict[bytes, str] = {}  # of workers, by their keys

    async def start(self) -> None:
        await asyncio.to_thread(self._start)
        ports = [replica.port for replica in self.replicas]
        self.clients, self.workers = Balancer(ports), Balancer(ports)
        await self.clients.start()
        await self.workers.start()

    def _start(self) -> None:
        if self.nats.nodes:
            self.nats.start()
        key = self.books.make_key("operator", "operator", "client", "worker", "admin", "metrics")
        numbers = range(len(self._options))
        self.replicas = [self._network(key=key) for _ in numbers]
        assert self.replicas[0].catalog.exists(), "it is written before the first is started"
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.start_replica, numbers))

    async def close(self) -> None:
        await self.clients.close()
        await self.workers.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for replica in self.replicas:
            replica.close()
        for process in self._swarm:
            process.kill()
            process.wait()
        self.nats.close()
        self.postgres.close()

    def _network(self, key: str = "", worker_port: int = 0) -> Network:
        return Network(
            self._folder,
            self._folder / "no-model",
            db=self.postgres.url,
            key=key,
            worker_port=worker_port,
            env=self._studio.bucket,
            more_catalog=self._studio.catalog,
        )

    # ---- replicas ----------------------------------------------------------------------------------------------------

    def start_replica(self, number: int) -> None:
        """Start it, or start it again at the same port; blocking, returns when it listens."""
        named = ("--cluster", self.nats.urls, "--replica-name", f"replica{number}", *SHARED) if self.nats.nodes else ()
        self.replicas[number].start_coordinator("--resume-window-s", "60", *named, *self._options[number])

    async def make_key(self, name: str, account: str, *scopes: str) -> str:
        """A key that every replica knows."""
        key = await asyncio.to_thread(self.books.make_key, name, account, *scopes)
        for replica in self.replicas:
            while not await asyncio.to_thread(replica.knows, key):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        return key

    def process(self, number: int) -> Process:
        process = self.replicas[number].coordinator
        assert process is not None, "it was started"
        return process

    def processor_s(self) -> float:
        """Of all replicas together since their starts."""
        return processor_s([self.process(number) for number in range(len(self.replicas))])

    def front(self, key: str) -> "Front":
        """Where a client with this key asks."""
        return Front(self.clients.port, key)

    # ---- workers -----------------------------------------------------------------------------------------------------

    async def start_workers(self, count: int, slots: int, pace_s: float, processes: int = 2, *options: str) -> None:
        """Scripted ones, spread over the replicas that the balancer of the workers has open. `options`: of
        tools/chaos/swarm_workers.py."""
        keys = [await self.make_key(f"w{n}", f"owner{n % OWNERS}", "worker") for n in range(count)]
        self._names = {key.encode(): f"w{n}" for n, key in enumerate(keys)}
        share = -(-count // processes)
        for first in range(0, count, share):
            dialler = self._network(worker_port=self.workers.port)
            dialler.start_swarm(first, min(share, count - first), ",".join(keys), pace_s, slots, 0.0, *options)
            self._swarm += dialler.workers
        await self.settled()

    async def start_worker(self, name: str, *options: str) -> None:
        """The program that owners run, as it is started with these options."""
        key = await self.make_key(name, name, "worker")
        self._names[key.encode()] = name
        dialler = self._network(worker_port=self.workers.port)
        self._swarm.append(dialler.start_program(name, key, *options))

    def workers_at(self, number: int) -> frozenset[str]:
        """The names of those whose lines the balancer has to this replica."""
        found = (BEARER.search(line.head) for line in self.workers.targets[self.replicas[number].port].lines)
        return frozenset(self._names[key[1]] for key in found if key)

    async def settled(self, even: bool = False) -> None:
        """Wait until every replica is ready and knows of every worker. `even`: and each has its share of them; what one
        has too many is made to dial again. Raises AssertionError that says what is not so after SETTLES_S."""
        deadline = time.monotonic() + SETTLES_S
        while said := await self._unsettled():
            assert time.monotonic() < deadline, f"after {SETTLES_S:.0f} s: {said}"
            await asyncio.sleep(LOOK_S)
        if even and self.workers.even():
            await asyncio.sleep(LOOK_S)
            await self.settled(even)

    async def _unsettled(self) -> str:
        """What is not as it should be."""
        for number, replica in enumerate(self.replicas):
            target = self.workers.targets[replica.port]
            if target.open and target.missed:
                return f"replica{number} is not ready"
            try:
                online = await asyncio.to_thread(replica.online)
            except OSError as error:
                return f"replica{number} does not answer: {error}"
            if online != len(self._names):
                return f"replica{number} knows of {online} workers of {len(self._names)}"
        return ""


def processor_s(processes: Sequence[Process]) -> float:
    """What they have taken, all together."""
    times = [psutil.Process(process.popen.pid).cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)
