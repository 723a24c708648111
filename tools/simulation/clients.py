"""Clients: they come in bursts, read at their own speed, leave, or stop reading without a word."""

from dataclasses import dataclass, field
from functools import partial
from itertools import count

from coordinator.dispatch.effects import Deliver, Failed, Finished, Stopped
from coordinator.hub.hub import SLOW_CLIENT_S
from tools.simulation import orders
from tools.simulation.orders import Order
from tools.simulation.world import OVERSHOOT, World
from wire.errors import ErrorCode

Event = Deliver | Finished | Failed | Stopped
HABITS = ("reads", "reads", "reads", "slow", "leaves", "leaves", "stops reading")


@dataclass
class Client:
    """One request. As in the hub, what was taken is acknowledged when it takes again."""

    order: Order
    pause_s: float
    patience_tokens: int | None = None  # it stops reading after so many
    inbox: list[Deliver] = field(default_factory=list)
    inbox_since: float = 0.0
    taken: list[Deliver] = field(default_factory=list)  # in its hands, not acknowledged
    tokens: int = 0
    due: bool = False
    ended: bool = False

    def waiting(self, attempt: int) -> int:
        """Tokens of an attempt that it has not taken: no more than the window may be open."""
        deltas = [event.delta for event in (*self.taken, *self.inbox)]
        return sum(len(delta.tokens) for delta in deltas if delta.attempt == attempt)


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
            if self._world.kind == "media":
                order = orders.renamed(order, f"{order.spec.id}.0")  # the first choice of a request, as bills count
            self._world.timeline.after(dice.uniform(0, 1), partial(self._come, order, dice.choice(habits)))

    def _come(self, order: Order, habit: str) -> None:
        if self._world.coordinator is None:
            return  # connection refused
        dice, job = self._world.dice, order.spec.id
        client = Client(order, dice.uniform(0.2, 1) if habit == "slow" else dice.uniform(0.01, 0.05))
        self._world.orders[job] = order
        self.open[job] = client
        self._world.history.submit(order, habit)
        if habit == "leaves":
            self._world.timeline.after(dice.expovariate(0.3), lambda: self._leave(client))
        elif habit == "stops reading":
            client.patience_tokens = dice.randrange(30)
        self._world.coordinator.submit(job.partition(".")[0], orders.chat(order.request), [order.spec])

    def _ask_again(self, order: Order) -> None:
        """Some do, whatever they were told: the same request, as another job."""
        dice = self._world.dice
        if dice.random() < 0.5:
            choice = order.spec.id.partition(".")[1:]
            again = orders.renamed(order, "".join((f"j{next(self._numbers)}", *choice)))
            self._world.timeline.after(dice.uniform(0.01, 20), partial(self._come, again, "reads"))

    def _leave(self, client: Client) -> None:
        if not client.ended and self._world.coordinator is not None:
            self._world.history.note("leaves", client.order.spec.id)
            self._world.coordinator.cancel(client.order.spec.id)

    def coordinator_lost(self) -> None:
        """Every connection is closed: for the client that is the end."""
        for job, client in list(self.open.items()):
            client.ended = True
            self._world.history.end(job, "lost", None)
        self.open.clear()

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
        if client.waiting(event.delta.attempt) > window + OVERSHOOT:
            self._world.history.note("inbox", job, client.waiting(event.delta.attempt))
        self._schedule(client)

    def _schedule(self, client: Client) -> None:
        if not client.due:
            client.due = True
            self._world.timeline.after(client.pause_s, lambda: self._take(client))

    def _take(self, client: Client) -> None:
        client.due = False
        if client.patience_tokens is not None and client.tokens >= client.patience_tokens:
            return
        if client.taken and not client.ended and self._world.coordinator is not None:
            delta = client.taken[-1].delta
            self._world.coordinator.acknowledged(delta.job, delta.attempt, delta.seq)
        client.taken, client.inbox = client.inbox, []
        client.inbox_since = self._world.timeline.now
        if client.taken:
            client.tokens += sum(len(event.delta.tokens) for event in client.taken)
            self._schedule(client)

    def cut_slow(self) -> None:
        """The hub's rule: who could have read for 30 s and did not is cut."""
        now = self._world.timeline.now
        for client in list(self.open.values()):
            if (client.inbox or client.taken) and now - client.inbox_since > SLOW_CLIENT_S:
                self._leave(client)
