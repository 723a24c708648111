"""What happens to a cluster while clients read, each a row of the table of figures; and what was hit by it when."""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.cluster.network import Cluster

CALM_S = 11.0  # before each fault, so that its victims have answers to read, and connections that count as steady
AFTER_S = 4.0  # after it, before anything is mended
DARK_S = 5.0
FREEZES_S = (5.0, 20.0)
PEER = 2  # the replica that has workers and no clients
FAULTS = (
    "quiet",
    "kill_peer",
    "kill_edge",
    "kill_nats",
    "dark_nats",
    "dark_postgres",
    "freeze_peer",
    "freeze_edge",
    "freeze_nats",
    "freeze_postgres",
    "roll",
)
KEY = re.compile(rb"(?i)\r\nidempotency-key: *([^\r]+)")


@dataclass
class Moment:
    """A fault. `workers`: names of those at the replica that was hit; `streams`: of those whose clients were there."""

    begin: float
    workers: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()
    end: float = 0.0


@dataclass
class Faults:
    """Each method makes `count` faults of its kind, one after the other, and notes their moments."""

    cluster: Cluster
    count: int
    moments: list[Moment] = field(default_factory=list)

    # ---- killed ------------------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Nothing happens; what is measured beside the others."""
        for _ in range(self.count):
            await self._during(AFTER_S, await self._calm())

    async def kill_peer(self) -> None:
        """A replica that has workers and no clients."""
        await self._without_clients(PEER)
        for _ in range(self.count):
            await self._kill(PEER)

    async def kill_edge(self) -> None:
        """A replica with clients, and with workers too."""
        for number in range(self.count):
            await self._kill(number % len(self.cluster.replicas))

    async def kill_nats(self) -> None:
        """One node of NATS after the other."""
        for number in range(self.count):
            node = number % len(self.cluster.nats.nodes)
            moment = await self._calm()
            await asyncio.to_thread(self.cluster.nats.kill, node)
            await self._during(AFTER_S, moment)
            await asyncio.to_thread(self.cluster.nats.start, node)

    async def dark_nats(self) -> None:
        """All of NATS for five seconds."""
        for _ in range(self.count):
            moment = await self._calm()
            await asyncio.to_thread(self.cluster.nats.kill)
            await self._during(DARK_S, moment)
            await asyncio.to_thread(self.cluster.nats.start)
            await self.cluster.settled()

    async def dark_postgres(self) -> None:
        """PostgreSQL for five seconds."""
        for _ in range(self.count):
            moment = await self._calm()
            await asyncio.to_thread(self.cluster.postgres.kill)
            await self._during(DARK_S, moment)
            await asyncio.to_thread(self.cluster.postgres.start)
            await self.cluster.settled()

    async def _kill(self, number: int) -> None:
        process, moment = self.cluster.process(number), await self._calm(number)
        process.kill()
        moment.streams |= clients_at(self.cluster, number)  # who came in the meantime
        await self._during(AFTER_S, moment)
        await asyncio.to_thread(process.wait)
        await asyncio.to_thread(self.cluster.start_replica, number)
        await self.cluster.settled(even=True)

    # ---- frozen ------------------------------------------------------------------------------------------------------

    async def freeze_peer(self) -> None:
        """A replica with workers and no clients stands still."""
        await self._without_clients(PEER)
        await self._freeze_replica(PEER)

    async def freeze_edge(self) -> None:
        """A replica with clients stands still."""
        await self._freeze_replica(0)

    async def freeze_nats(self) -> None:
        """A node of NATS stands still."""
        node = self.cluster.nats.node(0)
        await self._freeze(lambda: node.kill(signal.SIGSTOP), lambda: node.kill(signal.SIGCONT))

    async def freeze_postgres(self) -> None:
        """PostgreSQL stands still."""
        postgres = self.cluster.postgres
        await self._freeze(postgres.freeze, postgres.thaw)

    async def _freeze_replica(self, number: int) -> None:
        process = self.cluster.process(number)
        await self._freeze(lambda: process.kill(signal.SIGSTOP), lambda: process.kill(signal.SIGCONT), number)

    async def _freeze(self, stop: Callable[[], object], go_on: Callable[[], object], number: int | None = None) -> None:
        for seconds in FREEZES_S:
            moment = await self._calm(number)
            stop()
            await self._during(seconds, moment)
            go_on()
            await self.cluster.settled(even=True)

    # ---- replaced ----------------------------------------------------------------------------------------------------

    async def roll(self) -> None:
        """SIGTERM to one replica after the other, each started again before the next one's turn."""
        for number in range(self.count):
            await self._roll(number % len(self.cluster.replicas))

    async def _roll(self, number: int) -> None:
        process, moment = self.cluster.process(number), await self._calm(number)
        process.kill(signal.SIGTERM)
        moment.streams = frozenset()  # nobody's answer may break
        self.moments.append(moment)
        await asyncio.to_thread(process.wait)
        moment.end = time.monotonic()
        await asyncio.to_thread(self.cluster.start_replica, number)
        await self.cluster.settled(even=True)

    # ---- in common ---------------------------------------------------------------------------------------------------

    async def _calm(self, number: int | None = None) -> Moment:
        """Let clients read, then say who would be hit; of no replica's fault nobody in particular."""
        await asyncio.sleep(CALM_S)
        if number is None:
            return Moment(time.monotonic())
        return Moment(time.monotonic(), self.cluster.workers_at(number), clients_at(self.cluster, number))

    async def _during(self, seconds: float, moment: Moment) -> None:
        self.moments.append(moment)
        moment.end = moment.begin + seconds
        await asyncio.sleep(moment.end - time.monotonic())

    async def _without_clients(self, number: int) -> None:
        target = self.cluster.clients.targets[self.cluster.replicas[number].port]
        target.open = False
        while target.lines:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def clients_at(cluster: Cluster, number: int) -> frozenset[str]:
    """The Idempotency-Keys of the requests whose lines the balancer has to this replica."""
    lines = cluster.clients.targets[cluster.replicas[number].port].lines
    return frozenset(key[1].decode() for line in lines if (key := KEY.search(line.head)))
