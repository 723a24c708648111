"""Several replicas, their workers and clients, on a bus that does as it is told; time moves when it is told to."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

from coordinator.admission.rate_limits import Rates
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply
from coordinator.cluster.replica import Replica
from coordinator.dispatch.effects import CloseWorker, Deliver, Effect, Failed, Finished, Send, Stopped
from coordinator.scheduler.state import JobSpec, Limits, Peer
from tests.coordinator.dispatch.driver import M, speed
from wire import messages as wire
from wire.chat import ChatRequest, Content, Message, Usage
from wire.offers import ModelOffer, ModelState

TICK_S = 0.25
NAMES = {"a": "0000000a", "b": "0000000b", "c": "0000000c", "d": "0000000d"}


@dataclass
class Attempt:
    """What a worker has of one attempt: the next token is the number of tokens before it."""

    start: wire.Start
    tokens: int
    seq: int = 0
    kept: list[wire.Delta] = field(default_factory=list)  # not acknowledged


class Box:
    """A worker: accepts what it is given, and says the next token of each job when it is told to."""

    def __init__(self, town: "Town", name: str, slots: int, instance: str = "1", **offer: Any) -> None:
        self.town, self.name, self.slots, self.offer = town, name, slots, offer
        self.at = ""  # the replica that its socket leads to
        self.session = ""
        self.instance = instance
        self.jobs: dict[tuple[str, int], Attempt] = {}
        self.before = ""  # the session that it may resume
        self.deaf = False
        self.errors: list[wire.Error] = []

    def dial(self, at: str) -> None:
        self.town.sessions += 1
        self.at, self.session = at, f"s{self.town.sessions}"
        self.town.boxes[self.session] = self
        alive = tuple(wire.RunningJob(job=j, attempt=n, next_seq=a.seq) for (j, n), a in self.jobs.items())
        resume = wire.Resume(session=self.before, jobs=alive) if self.before else None
        media = self.offer.get("media", ())
        fields = {"context": 4096, "slots": self.slots, "speed": speed(50)} | self.offer
        models = () if media else (ModelOffer(id=M, **fields),)
        hello = wire.Hello(worker=self.name, instance=self.instance, models=models, media=media, resume=resume)
        self.town.call(at, "worker_joined", hello, Peer(self.session, f"owner-{self.name}", "key"))

    def says(self, message: wire.ToCoordinator) -> None:
        if self.session:
            self.town.call(self.at, "received", self.session, message)

    def hangs_up(self, resumable: bool = True) -> None:
        session, self.session = self.session, ""
        self.town.boxes.pop(session, None)
        if self.at not in self.town.dead:
            self.town.call(self.at, "worker_left", session, resumable)

    def capacity(self) -> None:
        state = ModelState(id=M, status="ready", slots=self.slots, free=max(0, self.slots - len(self.jobs)))
        self.says(wire.Capacity(models=(state,)))

    def hears(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Welcome():
                kept = {(one.job, one.attempt): one.next_seq for one in message.kept}
                self.jobs = {key: attempt for key, attempt in self.jobs.items() if key in kept}
                self.before = message.session
                for key, attempt in list(self.jobs.items()):
                    attempt.kept = [delta for delta in attempt.kept if delta.seq >= kept[key]]
                    if attempt.kept:
                        self.says(wire.Deltas(items=tuple(attempt.kept)))
                self.capacity()
            case wire.Start() if not self.deaf:
                self.jobs[message.job, message.attempt] = Attempt(message, len(message.delivered))
                self.says(wire.Accepted(job=message.job, attempt=message.attempt, prompt=4))
            case wire.Cancel():
                if (message.job, message.attempt) in self.jobs:
                    attempt = self.jobs.pop((message.job, message.attempt))
                    usage = Usage(prompt=4, cached=0, completion=attempt.tokens, reasoning=0)
                    self.says(wire.Cancelled(job=message.job, attempt=message.attempt, seq=attempt.seq, usage=usage))
            case wire.Ack():
                for item in message.items:
                    if (item.job, item.attempt) in self.jobs:
                        attempt = self.jobs[item.job, item.attempt]
                        attempt.kept = [delta for delta in attempt.kept if delta.seq >= item.next_seq]
            case wire.Move():
                self.town.moved.append(self)
            case wire.Error():
                self.errors.append(message)

    def step(self, count: int = 1, claim: int = 4) -> None:
        """The next tokens of each job, and the end of those that have all, with so many tokens of prompt claimed."""
        for (job, number), attempt in list(self.jobs.items()):
            asked = attempt.start.request
            for _ in range(count if isinstance(asked, ChatRequest) else 0):
                if attempt.tokens >= asked.max_tokens:  # type: ignore[union-attr]
                    del self.jobs[job, number]
                    usage = Usage(prompt=claim, cached=0, completion=attempt.tokens, reasoning=0)
                    self.says(wire.Done(job=job, attempt=number, seq=attempt.seq, finish_reason="length", usage=usage))
                    break
                parts = (Content(text=f"{attempt.tokens} "),)
                delta = wire.Delta(job=job, attempt=number, seq=attempt.seq, tokens=(attempt.tokens,), parts=parts)
                attempt.kept.append(delta)
                attempt.seq, attempt.tokens = attempt.seq + 1, attempt.tokens + 1
                self.says(wire.Deltas(items=(delta,)))


class Town:
    """Replicas by short names. What is published or asked is delivered by `settle`, which each call ends with."""

    def __init__(self, *names: str, limits: Limits | None = None, roles: dict[str, str] | None = None) -> None:
        self.now = 100.0
        self.limits = limits or Limits()
        self.roles = roles or {}
        self.replicas: dict[str, Replica] = {}
        self.dead: set[str] = set()
        self.cut: set[str] = set()  # off the bus
        self.dark = False
        self.mute: set[str] = set()  # who answers no question
        self.slow: set[str] = set()  # what is asked of these waits for `settle`
        self.lose = 0.0  # of what is published to one
        self.random = Random(1)
        self.boxes: dict[str, Box] = {}
        self.sessions = 0
        self.moved: list[Box] = []
        self.effects: dict[str, list[Effect | BusEffect]] = defaultdict(list)
        self.told: dict[str, list[Effect | BusEffect]] = defaultdict(list)  # by job: what its client was told
        self._wire: deque[tuple[str, Publish | Ask | tuple[str, int, bytes | None]]] = deque()
        self._questions: dict[int, tuple[str, int]] = {}
        self._numbers = 0
        self._flush: list[str] = []
        self._settling = False
        for name in names:
            self.start(name)
        self.passes(1.0)

    # ---- replicas ------------------------------------------------------------------------------------------------

    def start(self, name: str, **rest: Any) -> None:
        me = NAMES.get(name, name)
        role = self.roles.get(name, "both")
        self.replicas[name] = Replica(me, self.limits, Rates(), Random(me).random, name=name, role=role, **rest)  # type: ignore[arg-type]
        self.call(name, "tick")

    def kill(self, name: str) -> None:
        """The process is gone, and with it the sockets of its workers and clients."""
        self.dead.add(name)
        for box in list(self.boxes.values()):
            if box.at == name:
                box.hangs_up()

    def call(self, name: str, method: str, *arguments: Any, **options: Any) -> Any:
        if name in self.dead:
            return None
        effects = getattr(self.replicas[name], method)(*arguments, self.now, **options)
        self.perform(name, effects or [])
        self.settle()
        return effects

    def perform(self, name: str, effects: list[Effect | BusEffect]) -> None:
        for effect in effects:
            self.effects[name].append(effect)
            match effect:
                case Publish() | Ask():
                    self._wire.append((name, effect))
                case Reply():
                    asker, number = self._questions.pop(effect.ask, ("", 0))
                    if asker:
                        self._wire.append((name, (asker, number, effect.data)))
                case Flush():
                    self._flush.append(name)
                case Send():
                    if (box := self.boxes.get(effect.session)) is not None:
                        box.hears(effect.message)
                case CloseWorker():
                    box = self.boxes.pop(effect.session, None)
                    if box is not None and box.session == effect.session:
                        box.hangs_up()
                case _ if hasattr(effect, "job"):
                    self.told[effect.job].append(effect)

    def settle(self) -> None:
        if self._settling:
            return
        self._settling = True
        late = []
        while self._wire or self._flush:
            if self._wire and self._is_late(self._wire[0][1]):
                late.append(self._wire.popleft())
            elif self._wire:
                self._deliver(*self._wire.popleft())
            else:
                name = self._flush.pop(0)
                if name not in self.dead:
                    self.perform(name, self.replicas[name].flush(self.now))
        self._wire.extend(late)
        self._settling = False

    def _is_late(self, what: Publish | Ask | tuple[str, int, bytes | None]) -> bool:
        return isinstance(what, Ask) and any(self.replicas[name].me == what.to for name in self.slow)

    def _reaches(self, sender: str, to: str) -> bool:
        gone = self.dead | self.cut
        return not self.dark and sender not in gone and to not in gone

    def _deliver(self, sender: str, what: Publish | Ask | tuple[str, int, bytes | None]) -> None:
        short = {replica.me: name for name, replica in self.replicas.items()}
        match what:
            case Publish():
                to = [short[what.to]] if what.to in short else [name for name in self.replicas if what.to is None]
                for name in to:
                    lost = what.to is not None and self.random.random() < self.lose
                    if name != sender and self._reaches(sender, name) and not lost:
                        self.perform(name, self.replicas[name].heard(what.data, self.now))
            case Ask():
                name = short.get(what.to or "", "")
                if not name or name in self.mute or not self._reaches(sender, name):
                    if sender not in self.dead:
                        self.perform(sender, self.replicas[sender].answered(what.ask, None, self.now))
                    return
                self._numbers += 1
                self._questions[self._numbers] = (sender, what.ask)
                self.perform(name, self.replicas[name].asked(self._numbers, what.data, self.now))
            case (asker, number, data):
                if asker not in self.dead:
                    arrives = self._reaches(sender, asker) or sender == asker
                    self.perform(asker, self.replicas[asker].answered(number, data if arrives else None, self.now))

    # ---- what happens --------------------------------------------------------------------------------------------

    def box(self, name: str, at: str, slots: int = 2, instance: str = "1", **offer: Any) -> Box:
        """A worker that has joined this replica, and of which the others have heard."""
        box = Box(self, name, slots, instance, **offer)
        box.dial(at)
        self.passes(TICK_S)
        return box

    def ask(
        self, at: str, job: str = "j", tokens: int = 10, account: str = "client", part: bool = False, **spec: Any
    ) -> str:
        """A client of this replica asks for so many tokens. Returns the job's id."""
        request = ChatRequest(messages=(Message(role="user", content="count"),), max_tokens=tokens)
        job_id = f"{job}.0.{self.replicas[at].me}"
        model = spec.pop("model", M)
        self.call(at, "submit", JobSpec(job_id, account, model, request, 1, **spec), part=part)
        return job_id

    def takes(self, at: str, job: str) -> None:
        """The client has taken all that it was given."""
        given = [effect for effect in self.told[job] if isinstance(effect, Deliver)]
        if given:
            self.call(at, "acknowledged", job, given[-1].delta.attempt, given[-1].delta.seq)

    def passes(self, seconds: float) -> None:
        """Time passes: ticks, heartbeats of workers."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += TICK_S
            for name in list(self.replicas):
                self.call(name, "tick")
            if int(self.now * 4) % 8 == 0:
                for box in list(self.boxes.values()):
                    box.capacity()

    def steps(self, count: int = 1) -> None:
        for box in list(self.boxes.values()):
            box.step(count)

    def claims(self, prompt: int) -> None:
        """All jobs that have all of their tokens end, and their workers say that the prompt was so long."""
        for box in list(self.boxes.values()):
            box.step(1, prompt)

    # ---- what came of it -----------------------------------------------------------------------------------------

    def tokens(self, job: str) -> list[int]:
        return [token for one in self.told[job] if isinstance(one, Deliver) for token in one.delta.tokens]

    def ends(self, job: str) -> list[Finished | Failed | Stopped]:
        return [one for one in self.told[job] if isinstance(one, Finished | Failed | Stopped)]

    def has(self, at: str) -> int:
        """How many jobs the dispatch of this replica works on."""
        return self.replicas[at].dispatch.running()


def whole(town: Town, job: str, tokens: int = 10) -> bool:
    """Whether the client has every token once and in order, and one good end."""
    ends = town.ends(job)
    return town.tokens(job) == list(range(tokens)) and len(ends) == 1 and isinstance(ends[0], Finished)
