"""The world of one seed: who is in it, what goes wrong in it, and when it is over."""

import random
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Literal, cast

from coordinator.scheduler.state import Limits
from tools.simulation.commissions import Commission
from tools.simulation.history import History
from tools.simulation.orders import Order
from tools.simulation.pictures import Pictures, made_up
from tools.simulation.timeline import Timeline

if TYPE_CHECKING:
    from tools.simulation.books import Books
    from tools.simulation.clients import Clients
    from tools.simulation.cluster.balancer import Balancer
    from tools.simulation.cluster.bus import Bus
    from tools.simulation.cluster.ledger import Ledger
    from tools.simulation.cluster.member import Member
    from tools.simulation.coordinator import Coordinator
    from tools.simulation.patrons import Patrons
    from tools.simulation.workers import Machine

Kind = Literal["chats", "pictures", "media", "cluster"]
KINDS: tuple[Kind, ...] = ("chats", "pictures", "media", "cluster")
Mode = Literal["safety", "liveness", "cuts"]
MODES: tuple[Mode, ...] = ("safety", "liveness", "cuts")
BOUND_S = 300.0  # from submit to the end of any chat, whatever happens
SETTLE_S = 100.0  # after the last fault: sessions expire (60 s), hung engines end (20 s), rests are over
NEW_JOBS = 2
SHOWN = 0.25  # of the clusters have pictures in their chats
OVERSHOOT = 8  # tokens that a paused job may still get: those that were in the pipe


@dataclass(frozen=True)
class Scenario:
    """What the seed decides before anything happens.

    `safety`: faults go on until the last job has ended. `liveness`: they stop, and whatever comes then must be served.
    `cuts`: lines are cut and nothing else goes wrong; no job fails and nothing is generated twice.
    """

    mode: Mode
    faults_s: float
    latency_s: float
    replicas: int
    newer: float  # so many of them are of the next version
    workers: int
    bursts: int
    mean_fault_s: float
    limits: Limits


def scenario(seed: int, dice: random.Random, kind: Kind = "chats") -> Scenario:
    """With files there is no mode `cuts`: a line that is cut again before any file has come through serves none."""
    modes = MODES if kind in ("chats", "cluster") else MODES[:2]
    mode = modes[seed % len(modes)]
    limits = Limits(
        queue_per_account=12,
        first_token_s=20.0,
        queue_wait_s=240.0 if mode == "cuts" else 30.0,
        rest_s=1.0,
        rest_max_s=8.0,
        resume_grace_s=20.0 if mode == "cuts" else dice.choice((0.0, 2.0)),
        starts=dice.choice((16,) if kind == "cluster" and mode == "cuts" else (4, 16)),
        ack_frames=dice.choice((1, 8, 32)),
        window_tokens=dice.choice((4, 16, 64)),
    )
    return Scenario(
        mode=mode,
        faults_s=dice.uniform(15, 45),
        latency_s=dice.choice((0.0005, 0.01, 0.05, 0.15)),
        workers=dice.choice((1, 1, 2, 3, 4) if kind != "cluster" else (2, 3, 4, 6)),
        bursts=dice.randint(1, 4) if kind != "cluster" else dice.randint(2, 5),
        replicas=1 if kind != "cluster" else dice.choice((2, 3, 3, 4)),
        newer=0.0 if kind != "cluster" else dice.choice((0.0, 0.5)),
        mean_fault_s=dice.choice((0.7, 2.0, 6.0, 20.0) if kind != "cluster" else (0.7, 2.0, 6.0)),
        limits=limits,
    )


class World:
    """Everything random comes from `dice`, everything that happens goes through `timeline` and into `history`.

    `kind`: `chats` alone; `pictures`: most chats have some, some lines are slow, and not every worker sees; `media`:
    most jobs are things to be made, by some of the workers, and all jobs cost money; `cluster`: several replicas behind
    a load balancer, with a bus between them. `simulation.simulate` populates it.
    """

    clients: "Clients"
    machines: "list[Machine]"
    coordinators: "list[Coordinator]"  # those that run: one or none; in a cluster as many as there are replicas
    patrons: "Patrons"
    books: "Books | None" = None  # only where something costs money
    bus: "Bus"  # these three: of a cluster
    ledger: "Ledger"
    balancer: "Balancer | None" = None
    besieged_until = 0.0  # as long all engines of a cluster are slow

    def __init__(self, seed: int, kind: Kind = "chats") -> None:
        self.seed = seed
        self.timeline = Timeline()
        self.dice = random.Random(seed)
        self.kind = kind
        self.scenario = scenario(seed, self.dice, kind)
        shown = kind == "pictures" or (
            kind == "cluster" and self.scenario.mode != "cuts" and self.dice.random() < SHOWN
        )
        self.pictures: Pictures | None = made_up(self.dice) if shown else None
        self.history = History(self.timeline)
        self.orders: dict[str, Order] = {}
        self.commissions: dict[str, Commission] = {}
        self.sessions = count(1)
        self.coordinators = []

    @property
    def members(self) -> "list[Member]":
        """The replicas of a cluster that run."""
        return cast("list[Member]", self.coordinators)

    def reach(self) -> "Coordinator | None":
        """Whom a new connection comes to; None: nobody answers."""
        if self.balancer is not None:
            return self.balancer.pick()
        return self.coordinators[0] if self.coordinators else None
