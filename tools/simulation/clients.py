"""Clients: they come in bursts, read at their own speed, leave, or stop reading without a word."""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from coordinator.dispatch.effects import Deliver, Failed, Finished, Stopped
from coordinator.hub.hub import SLOW_CLIENT_S
from tools.simulation import orders
from tools.simulation.orders import Order
from tools.simulation.world import OVERSHOOT, World
from wire.errors import ErrorCode, SupernetError

if TYPE_CHECKING:
    from tools.simulation.coordinator import Coordinator

Event = Deliver | Finished | Failed | Stopped
HABITS = ("reads", "reads", "reads", "slow", "leaves", "leaves", "stops reading")


@dataclass
class Client:
    """One request. As in the hub, what was taken is acknowledged when it takes again."""

    order: Order
    coordinator: "Coordinator"  # the one that its connection is to
    pause_s: float
    patience_tokens: int | None = None  # it stops reading after so many
    inbox: list[Deliver] = field(default_factory=list)
    inbox_since: float = 0.0
    taken: list[Deliver] = field(default_factory=list)  # in its hands, not acknowledged
    tokens: int = 0
    due: bool = False
    ended: bool = False
    again: bool = False  # it has come back, and is told at once what there is of its answer

    def waiting(self, attempt: int) -> int:
        """Tokens of an attempt that it has not taken: no more than the window may be open."""
        deltas = [event.delta for event in (*self.taken, *self.inbox)]
        return sum(len(delta.tokens) for delta in deltas if delta.attempt == attempt)


def named(order: Order, name: str, world: World, coordinator: "Coordinator") -> Order:
    """The only choice of a request of this name, as bills count it. In a cluster a third comes with an Idempotency-Key,
    and jobs name their replica."""
    if world.kind == "cluster":
        spec = replace(order.spec, id=f"{name}.0.{coordinator.id}", stays=int(name[1:]) % 3 == 0)
        return replace(order, spec=spec)
    return orders.renamed(order, f"{name}.0" if world.kind == "media" else name)


class Clients:
    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers = count(1)
        self.open: dict[str, Client] = {}

    # ---- coming and going ----------------------------------------------------------------------------------------

    def burst(self, size: int, habits: tuple[str, ...], kinds: tuple[str, ...]) -> None:
        dice = self._world.dice
        for _ in range(size):
            order = orders.order(next(self._numbers), dice.choice(kinds), dice, self._world.pictures)
            self._world.timeline.after(dice.uniform(0, 1), partial(self._come, order, dice.choice(habits)))

    def _come(self, order: Order, habit: str) -> None:
        coordinator = self._world.reach()
        if coordinator is None:
            return  # connection refused
        name = order.spec.id.partition(".")[0]
        order = named(order, name, self._world, coordinator)
        dice = self._world.dice
        pause_s = dice.uniform(0.2, 1) if habit == "slow" else dice.uniform(0.01, 0.05)
        client = self.connected(order, coordinator, pause_s)
        self._world.history.submit(order, habit)
        if habit == "leaves":
            self._world.timeline.after(dice.expovariate(0.3), lambda: self._leave(client))
        elif habit == "stops reading":
            client.patience_tokens = dice.randrange(30)
        coordinator.do(lambda: coordinator.submit(name, orders.chat(order.request), [order.spec]))

    def connected(self, order: Order, coordinator: "Coordinator", pause_s: float, again: bool = False) -> Client:
        """Whatever is said of the job is told to this client."""
        self._world.orders[order.spec.id] = order
        client = self.open[order.spec.id] = Client(order, coordinator, pause_s, again=again)
        return client

    def _ask_again(self, order: Order) -> None:
        """Some do, whatever they were told: the same request, as another job."""
        dice = self._world.dice
        if dice.random() < 0.5:
            again = orders.renamed(order, f"j{next(self._numbers)}")
            self._world.timeline.after(dice.uniform(0.01, 20), partial(self._come, again, "reads"))

    def _leave(self, client: Client) -> None:
        if not client.ended:
            self._world.history.note("leaves", client.order.spec.id)
            client.coordinator.do(partial(client.coordinator.cancel, client.order.spec.id))

    def refused(self, job: str, error: SupernetError) -> None:
        """There was no money to be had for it, or no word of it: it comes again as it was told."""
        client = self.open.pop(job)
        client.ended = True
        self._world.history.refused(job)
        again = partial(self._come, client.order, "reads")
        self._world.timeline.after((error.retry_after_s or 1.0) + self._world.dice.random(), again)

    def coordinator_lost(self, coordinator: "Coordinator") -> None:
        """Every connection to it is closed: for the client that is the end."""
        for job, client in list(self.open.items()):
            if client.coordinator is coordinator:
                client.ended = True
                del self.open[job]
                self._world.history.end(job, "lost", None)

    # ---- answers -------------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        job = event.job
        client = self.open.get(job)
        if client is None:
            self._world.history.note("stray", type(event).__name__, job)
            return
        if not isinstance(event, Deliver):
            client.ended = True
            del self.open[job]
            self._world.history.end(job, type(event).__name__, event)
            if isinstance(event, Failed) and event.error.code is ErrorCode.POISON_REQUEST:
                self._ask_again(client.order)
            return
        self._world.history.deliver(event)
        if not client.inbox and not client.taken:
            client.inbox_since = self._world.timeline.now
        client.inbox.append(event)
        window = self._world.scenario.limits.window_tokens
        if client.waiting(event.delta.attempt) > window + OVERSHOOT and not client.again:
            self._world.history.note("inbox", job, client.waiting(event.delta.attempt))
        self._schedule(client)

    def _schedule(self, client: Client) -> None:
        if not client.due:
            client.due = True
            take = partial(client.coordinator.do, partial(self._take, client))
            self._world.timeline.after(client.pause_s, take)

    def _take(self, client: Client) -> None:
        client.due = False
        if client.patience_tokens is not None and client.tokens >= client.patience_tokens:
            return
        if client.taken and not client.ended:
            delta = client.taken[-1].delta
            client.coordinator.acknowledged(delta.job, delta.attempt, delta.seq)
        client.taken, client.inbox = client.inbox, []
        client.inbox_since = self._world.timeline.now
        if client.taken:
            client.tokens += sum(len(event.delta.tokens) for event in client.taken)
            self._schedule(client)

    def cut_slow(self, coordinator: "Coordinator") -> None:
        """The hub's rule: who could have read for 30 s and did not is cut."""
        now = self._world.timeline.now
        for client in [client for client in self.open.values() if client.coordinator is coordinator]:
            if (client.inbox or client.taken) and now - client.inbox_since > SLOW_CLIENT_S:
                self._leave(client)
