"""The harm that lying workers do: a hundred jobs beside honest ones, and what became of them.

A liar claims what serves it best (1e9 tokens a second, 256 slots), and knows the coordinator's own test and passes it.
`harm` names what breaks a bound; tests/simulation/test_liars.py has the worlds in which they hold.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from coordinator.dispatch.effects import Deliver, Effect, Failed, Finished, Noted, Placed
from coordinator.dispatch.silence import TOKENS_PER_CHAR, UNPAID, chars
from coordinator.scheduler.owners import PROVEN
from coordinator.scheduler.state import Peer
from tools.liars import HONEST_ONES, NEW_EVERY_S, REST_AFTER, WELL, Company, Job, Liar, capacity, ids, offer, owner_of
from tools.simulation.fair_weather import CONTEXT, MODEL, Gpu, Network, Speed, words
from wire import messages as wire
from wire.chat import ChatRequest, Message, Usage

JOBS = 100
START_S = 1.0
SHORTEST, LONGEST = 20, 300  # prompts, in tokens
END_S = 3600.0  # behind the time in which the jobs come, however slow the one honest worker is
WITHIN_S = 120.0  # an answer that is later is no good any more
BURST, BURST_S = 12, 0.2
SPOILT = 25  # of JOBS, by one owner that comes with four new ids each minute
PAID_FOR = ("overclaims",)  # what it does to a job costs nobody anything


class Stranger:
    """A liar's worker: one socket, from its Hello to its end. `deaf`: it obeys no Cancel."""

    def __init__(self, network: Network, owner: str, name: str, liar: Liar, deaf: bool) -> None:
        self._network, self._liar, self._deaf = network, liar, deaf
        self._owner, self._name = owner, name
        self._lives = count(1)
        self._seqs: dict[tuple[str, int], int] = {}  # attempts under way, and the number of their next frame
        self._here = True
        self._dial()
        self._beat()

    def _dial(self) -> None:
        life = f"{self._name}.{next(self._lives)}"
        self._session = f"{self._owner}.{life}"
        hello = wire.Hello(worker=self._name, instance=life, models=(offer(MODEL, CONTEXT),))
        self._network.join(hello, Peer(self._session, self._owner, "k"), self)
        self._say(capacity(MODEL))

    def received(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Start():
                self._seqs[message.job, message.attempt] = 0
                script = self._liar.script(Job(message, self._prompt(message)))
                self._next((message.job, message.attempt), iter(script))
            case wire.Cancel() if not self._deaf:
                seq = self._seqs.pop((message.job, message.attempt), 0)
                usage = Usage(prompt=10**6, completion=10**6)
                said = wire.Cancelled(job=message.job, attempt=message.attempt, seq=seq, usage=usage)
                self._network.timeline.after(0.0, partial(self._say, said))

    def _prompt(self, start: wire.Start) -> int:
        ask = self._network.asks.get(start.job)
        return 0 if ask is None else ask.spec.prompt.most  # 0: the coordinator's own test

    def leave(self) -> None:
        if self._here:
            self._here = False
            self._network.leave(self._session)

    def _break(self) -> None:
        """The line is gone with all that ran on it, and is there again at once."""
        if self._here:
            self._seqs.clear()
            self._network.leave(self._session)
            self._dial()

    def _next(self, key: tuple[str, int], script: Iterator[tuple[float, wire.ToCoordinator | None]]) -> None:
        if (line := next(script, None)) is not None:
            self._network.timeline.after(line[0], partial(self._perform, key, line[1], script))

    def _perform(
        self,
        key: tuple[str, int],
        message: wire.ToCoordinator | None,
        rest: Iterator[tuple[float, wire.ToCoordinator | None]],
    ) -> None:
        if message is None:
            self._break()
        elif key in self._seqs:
            self._seqs[key] += isinstance(message, wire.Deltas)
            self._say(message)
            self._next(key, rest)

    def _say(self, message: wire.ToCoordinator) -> None:
        if self._here:
            network = self._network
            network.perform(network.dispatch.received(self._session, message, network.timeline.now))

    def _beat(self) -> None:
        if self._here:
            self._say(capacity(MODEL))
            self._network.timeline.after(wire.HEARTBEAT_S, self._beat)


@dataclass
class Harm:
    """What became of the jobs. `rested_after`: of each lying owner, its bad jobs until a worker of it rested first."""

    well: int = 0
    late: int = 0  # finished, and after WITHIN_S
    empty: int = 0  # finished, and not what was asked for
    failed: Counter[str] = field(default_factory=Counter)  # by code
    longest_s: float = 0.0
    bad: Counter[str] = field(default_factory=Counter)  # jobs of a lying owner that it spoilt for a while or for good
    in_turn: Counter[str] = field(default_factory=Counter)  # those of them that came after the one before was spoilt
    rested_after: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class Village(Network):
    """Honest workers of as many owners, and liars among them."""

    def __init__(self, kind: str, company: Company, first: int, dice: random.Random, prefix: str = "j") -> None:
        super().__init__(workers=0, prefix=prefix)
        self.kind, self.company, self.dice = kind, company, dice
        self.harm = Harm()
        self._placed: dict[str, float] = {}  # when each job last came to a worker
        self._last_bad: dict[str, float] = {}  # of each lying owner
        self._texts: Counter[str] = Counter()  # characters that each job's client has
        self._liars: dict[str, Liar] = {}  # by owner
        self._strangers: list[Stranger] = []
        self._names = count(1)
        self._first = first
        self._speeds: list[tuple[int, Speed]] = []  # of the honest ones, with their slots
        for n in range(1 if company == "one" else HONEST_ONES):
            slots, alone = dice.choice((2, 4, 8)), dice.uniform(25, 60)
            speed = Speed(dice.uniform(500, 4000), alone, alone * dice.uniform(0.4, 0.9))
            self._speeds.append((slots, speed))
            Gpu(self, f"honest{n}", slots, speed, owner=f"honest{n}").hello()
        self._come()

    def jobs_per_s(self, prompt: int, answer: int) -> float:
        """What the honest workers can do together."""
        return sum(1 / (prompt / speed.prefill + answer / (slots * speed.crowded)) for slots, speed in self._speeds)

    # ---- liars ---------------------------------------------------------------------------------------------------

    def _come(self) -> None:
        """The liars join; where they change their names, those before are gone."""
        dice = self.dice
        for stranger in self._strangers:
            stranger.leave()
        several = dice.choice((1, 1, 2)) if self.company == "one" else 0
        self._strangers = []
        for n in range(max(several, ids(self.kind, self.company))):
            name = f"id{next(self._names)}"
            whose = owner_of(name, n, self.company)
            liar = self._liars.setdefault(whose, Liar(self.kind, dice, self._first))
            self._strangers.append(Stranger(self, whose, name, liar, deaf=dice.random() < 0.2))
        if self.company.startswith("new"):
            self.timeline.after(NEW_EVERY_S, self._come)

    # ---- what happens --------------------------------------------------------------------------------------------

    def perform(self, effects: list[Effect]) -> None:
        rests: list[str] = []
        for effect in effects:
            match effect:
                case Deliver():
                    self._texts[effect.job] += chars(effect.delta)
                case Placed():
                    self._placed[effect.job] = self.timeline.now
                case Noted(event="moved"):
                    self._spoilt(effect.worker, effect.job)
                case Noted(event="worker rests", detail=""):
                    rests.append(effect.worker.partition("/")[0])
                case Finished() | Failed():
                    self._ended(effect)
        for owner in rests:
            self.harm.rested_after.setdefault(owner, self.harm.in_turn[owner])
        super().perform(effects)

    def _spoilt(self, worker: str, job: str) -> None:
        """Jobs that were on their way together count as one against the rest that should follow."""
        owner = worker.partition("/")[0]
        if owner in self._liars:
            self.harm.bad[owner] += 1
            if self._placed[job] >= self._last_bad.get(owner, 0.0):
                self._last_bad[owner] = self.timeline.now
                self.harm.in_turn[owner] += 1

    def _ended(self, end: Finished | Failed) -> None:
        """What the client got, and whether it pays for more than that."""
        harm, report = self.harm, end.report
        worker = report.worker or ""
        liar = self._liars.get(worker.partition("/")[0])
        if liar is not None and (end.job, report.attempts) in liar.lied:
            self._spoilt(worker, end.job)
        spec = self.asks[end.job].spec
        most = spec.prompt.most
        assert isinstance(spec.request, ChatRequest)
        unsaid = report.usage.completion - TOKENS_PER_CHAR * self._texts[end.job] - UNPAID
        if unsaid > 0:
            harm.violations.append(f"{end.job}: billed for {report.usage.completion} tokens, which say nothing")
        if report.usage.prompt > most:
            harm.violations.append(f"{end.job}: billed for a prompt of {report.usage.prompt} tokens, and it has {most}")
        harm.longest_s = max(harm.longest_s, report.total_s)
        if isinstance(end, Failed):
            harm.failed[end.error.code] += 1
        elif report.total_s > WITHIN_S:
            harm.late += 1
        elif not self._texts[end.job] or report.usage.completion < spec.request.max_tokens:
            harm.empty += 1
        else:
            harm.well += 1


def harm(seed: int, kind: str, company: Company = "one", first: int = 0) -> Harm:
    """What becomes of JOBS jobs, one after the other or many at once, as the seed says, and no more than the honest
    workers could do alone. `first`: so many jobs each lying owner serves well, to be believed."""
    dice = random.Random(f"{seed} {kind} {company} {first}")
    village = Village(kind, company, first, dice)
    longest = dice.choice((40, 100, 200))
    asked = count()

    def ask() -> None:
        content = words(dice, dice.randint(SHORTEST, LONGEST))
        request = ChatRequest(messages=(Message(role="user", content=content),), max_tokens=dice.randint(8, longest))
        village.ask(f"client{dice.randrange(5)}", request)
        if next(asked) + 1 < JOBS:
            village.timeline.after(dice.expovariate(1 / mean_s), ask)

    able = village.jobs_per_s((SHORTEST + LONGEST) // 2, longest // 2)
    mean_s = max(1 / (able * dice.uniform(0.1, 0.3)), dice.choice((0.0, 1.0, 6.0)))
    village.timeline.after(START_S, ask)
    while len(village.asks) < JOBS or village.dispatch.running():
        village.timeline.run(village.timeline.now + 10)
        if village.timeline.now > END_S + 2 * JOBS * mean_s:
            break
    result = village.harm
    if sum(result.failed.values()) + result.late + result.empty + result.well != JOBS:
        result.violations.append("a job has no end")
    if result.well < WELL[company]:
        result.violations.append(
            f"{result.well} of {JOBS} jobs ended well: {dict(result.failed)}, {result.late} late, {result.empty} empty"
        )
    for owner, bad in result.in_turn.items() if company == "one" and first < PROVEN else ():
        if result.rested_after.get(owner, bad) > REST_AFTER + first:
            result.violations.append(f"{owner} spoilt {bad} jobs, and rested after {result.rested_after.get(owner)}")
    spoilt = sum(result.in_turn.values())
    if company == "new ids" and first < PROVEN and kind not in PAID_FOR and spoilt > SPOILT:
        result.violations.append(f"new ids of one owner spoilt {spoilt} jobs")
    return result


def burst(seed: int, first: int = 0) -> int:
    """How many of BURST jobs, which come together before anybody has proven itself, a league of four among twelve has
    refused. By lot it would be asked for all three words about one in 55."""
    dice = random.Random(f"burst {seed}")
    village = Village("refuses", "league", first, dice, prefix=f"{seed}-")

    def ask() -> None:
        content = words(dice, dice.randint(SHORTEST, LONGEST))
        village.ask("client", ChatRequest(messages=(Message(role="user", content=content),), max_tokens=40))

    for number in range(BURST):
        village.timeline.after(START_S + BURST_S * number, ask)
    village.timeline.run(WITHIN_S)
    assert village.harm.well + sum(village.harm.failed.values()) == BURST
    return sum(village.harm.failed.values())
