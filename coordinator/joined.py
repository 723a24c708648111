"""What a coordinator has more when it is one of several: its replica, its end of the bus, and its member there."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import version

from coordinator.accounts.accounts import Accounts
from coordinator.admission.rate_limits import Rates
from coordinator.cluster.bus.asks import Asks, looked
from coordinator.cluster.bus.member import Member
from coordinator.cluster.bus.port import Bus
from coordinator.cluster.peers.peers import DEAD_S, PING_S
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.news import Bye, Revised
from coordinator.cluster.replica import Replica
from coordinator.config import Config
from coordinator.dispatch.effects import JobEnd
from coordinator.hub.answers import Answers
from coordinator.hub.hub import Hub
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount

IN_THE_DATABASE = ("accounts", "keys", "money", "idempotency keys")
VERDICT_S = DEAD_S + 1.0  # for the others to see that one of them is dead
LOOK_S = 0.05
MEET_S = 2.0  # each says how it is every second
OVER_THE_BUS = ("workers", "queues", "fairness", "rate limits", "rests of workers")


class Joined:
    """One replica among others. It is told of the parts that every coordinator has by `connect`, before it runs."""

    def __init__(self, config: Config, me: ReplicaId, bus: Bus, rates: Rates) -> None:
        self.bus = bus
        self.replica = Replica(
            me,
            config.limits(),
            rates,
            random.random,
            name=config.replica_name,
            role=config.role,
            version=version("supernet"),
        )
        self.asks = Asks(bus, me)
        self._hub: Hub | None = None
        self._member: Member | None = None

    def connect(self, hub: Hub, accounts: Accounts, look: Callable[[], str]) -> None:
        """Whatever one part wants of the others from now on goes there. `look`: what a dashboard shows of this cell."""

        def shown() -> bytes:
            return looked(self.replica.me, look())

        self._hub = hub
        self._member = Member(self.bus, self.replica, hub.perform, hub.now, accounts.look_now, shown)
        hub.bus = self._member.perform
        accounts.changed = lambda: self._say(Revised())

    async def run(self) -> None:
        """Be one of them until cancelled."""
        assert self._member is not None, "connect it first"
        await self._member.run()

    async def meet(self, others: Collection[ReplicaId]) -> None:
        """Wait until the bus is there and each of these has said how it is, MEET_S at most, as one of them may be dead:
        to a client before that, the network would seem to serve nothing."""
        clock = asyncio.get_running_loop().time
        until = clock() + MEET_S
        while not self.bus.up or any(self.replica.pictures.of(other) is None for other in others):
            if clock() >= until:
                return
            await asyncio.sleep(LOOK_S)

    def leave(self) -> None:
        """Say goodbye, with the last that the bus sends."""
        self._say(Bye())

    def _say(self, message: Revised | Bye) -> None:
        assert self._hub is not None, "connect it first"
        self._hub.perform(self.replica.say(message, self._hub.now()))

    async def looks(self) -> list[str]:
        """What the dashboards of the others show of their cells."""
        looks = await asyncio.gather(*(self.asks.look(other) for other in self.others))
        return [look for look in looks if look is not None]

    async def come_back(
        self, job: str, account: str, prompt: PromptCount, ended: Callable[[JobSpec, JobEnd], None]
    ) -> Answers | None:
        """The whole answer of a job that runs on in some cell, though the replica of its client is dead; None: nobody
        runs it. `prompt`: as it is counted here: what its cell was told may be from before it was."""
        found = await self.asks.attach(job, account, [self.replica.me, *self.others])
        if found is None or self._hub is None:
            return None
        cell, answer = found
        assert answer.spec is not None
        spec = replace(answer.spec, prompt=prompt)
        theirs = replace(answer, spec=spec)
        return self._hub.follow(spec, ended, lambda now: self.replica.attached(theirs, cell, now))

    async def is_dead(self, replica: ReplicaId) -> bool:
        """Whether the replica from which a client has come is dead, by what the bus tells. It is asked, and if it does
        not answer, and is not known to be dead, that is found out while the client waits, for VERDICT_S at most."""
        if self._hub is None or await self.asks.is_there(replica, PING_S):
            return False
        peers, now = self.replica.network.peers, self._hub.now
        since = now()
        while not (dead := peers.gave_up(replica, now())) and peers.suspect(replica, since):
            if now() - since > VERDICT_S:
                return False
            await asyncio.sleep(LOOK_S)
        return dead

    @property
    def others(self) -> list[ReplicaId]:
        """The replicas that are known to be there."""
        return self.replica.network.peers.alive()

    def state(self) -> dict[str, object]:
        """For whoever asks this replica whether it is well: what it shares with the others now."""
        shared = [*IN_THE_DATABASE, *(OVER_THE_BUS if self.bus.up else ())]
        bus = "up" if self.bus.up else "down"
        return {"replica": self.replica.me, "replicas": 1 + len(self.others), "bus": bus, "shared": shared}

    def in_words(self, config: Config) -> str:
        """For the log, once: what is shared with the others, and through what."""
        servers = ", ".join(server.rpartition("@")[2].rpartition("//")[2] for server in config.cluster)
        here, there = ", ".join(IN_THE_DATABASE), ", ".join(OVER_THE_BUS)
        who = f"replica {self.replica.me} ({config.replica_name}, role {config.role})"
        return f"{who}: shared are {here} in the database, media in {config.artefacts}, {there} over NATS at {servers}"


def nats_bus(config: Config, me: ReplicaId, pepper: bytes) -> Bus:
    """The bus that the settings name. Replicas of one database have one pepper: a hash of it keeps different networks
    apart on the same servers. Raises ConfigError."""
    # A coordinator that is alone may have no NATS installed.
    from coordinator.cluster.bus.nats_bus import NatsBus
    from coordinator.cluster.bus.nats_line import NatsSettings, read_login

    network = hashlib.sha256(b"the name of this network on the bus" + pepper).hexdigest()[:12]
    login = read_login(config.cluster_creds) if config.cluster_creds else {}
    name = "-".join(config.replica_name.split())
    return NatsBus(NatsSettings(config.cluster, network, name, login), me)
