"""One process or several replicas in virtual time: the real cores, and around them made-up workers, a balancer and a
bus that loses nothing."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from coordinator.admission.rate_limits import Rates
from coordinator.cluster.bus.member import PAUSE_S
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply
from coordinator.cluster.replica import Replica
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished, Send
from coordinator.scheduler.prefix_affinity import BYTES_PER_TOKEN
from coordinator.scheduler.state import JobSpec, Limits, Peer
from tools.simulation.timeline import Timeline
from wire import messages as wire
from wire.chat import ChatRequest, Content, Message, Usage
from wire.offers import ModelOffer, ModelState, SpeedPoint

MODEL = "m"
BALANCED = (60, 30, 10)  # of 100 requests, by replica
WORKERS, SLOTS = 6, 16
PACE_S, READ_S = 0.05, 1 / 2000  # a token of an answer, and of a prompt; a worker reads one prompt after the other
FRAME = 4  # tokens
TICK_S, BEAT_S, LINE_S, BUS_S = 0.25, 5.0, 0.0005, 0.0003
LIMITS = Limits(queue_wait_s=300.0, queue_per_account=128)


@dataclass(frozen=True)
class Shape:
    """Tokens of a request: its prompt, and the shortest and the longest answer."""

    prompt: int
    shortest: int
    longest: int


Core = Dispatch | Replica
Heard = Callable[[Effect], None]


class Worker:
    """A worker of a scripted engine behind a line."""

    def __init__(self, site: "Site", name: str) -> None:
        self._site, self._world, self.session = site, site.world, f"s-{name}"
        self._free, self._read_by = SLOTS, 0.0
        points = tuple(
            SpeedPoint(streams=n, decode_tps=n / PACE_S, prefill_tps=1 / READ_S, ttft_ms=512e3 * READ_S)
            for n in (1, SLOTS)
        )
        offer = ModelOffer(id=MODEL, context=32768, slots=SLOTS, speed=points)
        hello = wire.Hello(worker=name, instance="i", models=(offer,))
        site.workers[self.session] = self
        site.perform(site.core.worker_joined(hello, Peer(self.session, f"owner-{name}", "k"), self._world.now))
        self._beat()

    def sent(self, message: wire.ToWorker) -> None:
        if isinstance(message, wire.Start):
            self._free -= 1
            self._says(wire.Accepted(job=message.job, attempt=message.attempt))
            request = message.request
            assert isinstance(request, ChatRequest)
            prompt, asked = int(request.messages[0].content.split()[0]), request.max_tokens
            self._read_by = max(self._world.now, self._read_by) + prompt * READ_S
            self._world.timeline.at(self._read_by, lambda: self._step(message, prompt, asked, 0, 0))

    def _step(self, start: wire.Start, prompt: int, asked: int, seq: int, given: int) -> None:
        tokens = min(FRAME if given else 1, asked - given)
        parts = (Content(text="x" * tokens),)
        delta = wire.Delta(job=start.job, attempt=start.attempt, seq=seq, tokens=(1,) * tokens, parts=parts)
        self._says(wire.Deltas(items=(delta,)))
        given += tokens
        if given < asked:
            self._world.timeline.after(PACE_S * FRAME, lambda: self._step(start, prompt, asked, seq + 1, given))
            return
        self._free += 1
        usage = Usage(prompt=prompt, completion=given)
        self._says(wire.Done(job=start.job, attempt=start.attempt, seq=seq + 1, finish_reason="length", usage=usage))

    def _beat(self) -> None:
        state = ModelState(id=MODEL, status="ready", slots=SLOTS, free=self._free)
        self._says(wire.Capacity(models=(state,)))
        self._world.timeline.after(BEAT_S, self._beat)

    def _says(self, message: wire.ToCoordinator) -> None:
        site = self._site
        self._world.timeline.after(
            LINE_S, lambda: site.perform(site.core.received(self.session, message, self._world.now))
        )


class Site:
    """The shell of one core: it performs effects, and ticks."""

    def __init__(self, world: "World", name: str, core: Core, rates: Rates) -> None:
        self.world, self.name, self.core, self.rates = world, name, core, rates
        self.workers: dict[str, Worker] = {}
        self.clients: dict[str, Heard] = {}
        world.timeline.after(TICK_S, self._tick)

    def submit(self, spec: JobSpec, heard: Heard) -> None:
        self.clients[spec.id] = heard
        self.perform(self.core.submit(spec, self.world.now))

    def perform(self, effects: Sequence[Effect | BusEffect]) -> None:
        now, timeline = self.world.now, self.world.timeline
        for effect in effects:
            match effect:
                case Send():
                    timeline.after(LINE_S, partial(self.workers[effect.session].sent, effect.message))
                case Deliver():
                    self.clients[effect.job](effect)
                    delta = effect.delta
                    self.perform(self.core.acknowledged(effect.job, delta.attempt, delta.seq, now))
                case Finished() | Failed():
                    self.clients.pop(effect.job)(effect)
                case Publish() | Ask() | Reply() | Flush():
                    self.world.bus(self, effect)

    def _tick(self) -> None:
        self.perform(self.core.tick(self.world.now))
        self.world.timeline.after(TICK_S, self._tick)


class World:
    """So many replicas that share all workers out among them; one is a coordinator without a bus."""

    def __init__(self, replicas: int, seed: int) -> None:
        self.dice = random.Random(seed)
        self.timeline = Timeline()
        self.sites: list[Site] = []
        self._asks: dict[int, tuple[Site, int]] = {}  # by our own number: who asked, and by which of its own
        self._numbers = count()
        for number in range(replicas):
            name, rates = f"{number:08x}", Rates()
            core = Dispatch(LIMITS) if replicas == 1 else Replica(name, LIMITS, rates, self.dice.random)
            self.sites.append(Site(self, name, core, rates))
        for number in range(WORKERS):
            Worker(self.sites[number % replicas], f"w{number}")
        self.timeline.run(2.0)

    @property
    def now(self) -> float:
        return self.timeline.now

    def picked(self) -> Site:
        """The replica that the balancer gives the next request to."""
        return self.dice.choices(self.sites, BALANCED[: len(self.sites)])[0]

    def ask(self, account: str, weight: float, shape: Shape, heard: Heard) -> None:
        """An account asks for an answer. `heard` is told of each piece and of the end."""
        site, name = self.picked(), next(self._numbers)
        text = f"{shape.prompt} {name} ".ljust(shape.prompt * BYTES_PER_TOKEN, "x")
        asked = self.dice.randint(shape.shortest, shape.longest)
        request = ChatRequest(messages=(Message(role="user", content=text),), max_tokens=asked)
        job = f"{name}.0" if isinstance(site.core, Dispatch) else f"{name}.0.{site.name}"
        site.submit(JobSpec(job, account, MODEL, request, seed=1, weight=weight), heard)

    def bus(self, site: Site, effect: BusEffect) -> None:
        """Bring what a replica says to whom it is for."""
        others = [other for other in self.sites if other is not site]
        match effect:
            case Publish():
                for other in others:
                    if effect.to in (None, other.name):
                        self._later(BUS_S, other, "heard", effect.data)
            case Ask():
                asked = [other for other in self.sites if effect.to == other.name] if effect.to else others
                other = asked[0]
                self._asks[number := next(self._numbers)] = (site, effect.ask)
                self._later(BUS_S, other, "asked", number, effect.data)
            case Reply():
                asker, number = self._asks.pop(effect.ask)
                self._later(BUS_S, asker, "answered", number, effect.data)
            case Flush():
                self._later(PAUSE_S if effect.can_wait else 0.0, site, "flush")

    def _later(self, delay_s: float, site: Site, what: str, *arguments: object) -> None:
        self.timeline.after(delay_s, lambda: site.perform(getattr(site.core, what)(*arguments, self.now)))
