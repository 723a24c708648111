"""What happened, in order, and whether it may have happened. The checks know nothing of how the network works."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, fields
from hashlib import sha256

from coordinator.dispatch.effects import Deliver, Failed, Finished, Stopped
from coordinator.scheduler.state import Counters, JobSpec, Limits
from tools.simulation import orders
from tools.simulation.orders import Order
from tools.simulation.timeline import Timeline
from wire.chat import Part
from wire.errors import ErrorCode

End = Finished | Failed | Stopped
NEVER = (
    "stray",
    "overfull",
    "lent twice",
    "wrong pictures",
    "wrong start",
    "overflow",
    "inbox",
    "stall missed",
    "not offered",
    "sent for nobody",
    "spoiled",
    "wrong files",
    "made for nobody",
    "no accord",
)  # what may not happen to anybody
# What a worker rests for, beside files that did not arrive; seed 516 of the cluster had the third at the same tick.
BLAMED_FOR = (
    "hands every job back",
    "offer not answered",
    "cancel not answered",
    "stalled",
    "far slower than it claims",
)


@dataclass
class Story:
    """One job as its client saw it. `end` is a name: Finished, Failed, Stopped, or lost with the coordinator."""

    order: Order
    habit: str
    came: float
    tokens: list[int] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    ends: list[tuple[float, str, End | None]] = field(default_factory=list)
    late: int = 0  # deliveries after the end

    @property
    def seconds(self) -> float:
        return self.ends[0][0] - self.came


class History:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.records: list[tuple[float, str, tuple[object, ...]]] = []
        self.stories: dict[str, Story] = {}
        self.count: Counter[str] = Counter()
        self.made: Counter[tuple[str, object]] = Counter()  # how often each token of each job was made
        self.poisoned: Counter[str] = Counter()  # engines that died of a job
        self.kept: Counter[str] = Counter()  # how often a worker went on with a job at another coordinator
        self.placed: dict[str, tuple[str, str]] = {}  # where each job was last, and at which worker
        self.totals = Counters()  # of all coordinators
        self._asked: dict[str, str] = {}  # by job, of every kind

    # ---- writing -------------------------------------------------------------------------------------------------

    def note(self, what: str, *details: object) -> None:
        self.records.append((self._timeline.now, what, details))
        self.count[what] += 1
        if what == "made":
            self.made[str(details[0]).rpartition(".")[0], details[1]] += 1
        elif what == "placed":
            self.placed[str(details[0])] = str(details[3]), str(details[1])
        elif what == "kept":
            self.kept[str(details[0])] += 1
        elif what == "poisoned":
            self.poisoned[str(details[1]).rpartition(".")[0]] += 1

    def asks(self, spec: JobSpec, question: str, kind: str, habit: str) -> None:
        self.note("submit", spec.id, kind, habit, spec.seed)
        self._asked[spec.id] = question

    def submit(self, order: Order, habit: str) -> None:
        self.asks(order.spec, order.question, order.kind, habit)
        self.stories[order.spec.id] = Story(order, habit, self._timeline.now)

    def refused(self, job: str) -> None:
        """It never began."""
        self.note("refused", job)
        del self.stories[job]

    def comes_back(self, order: Order) -> None:
        """Its client asks again for an answer that was lost, and gets it from its beginning."""
        job = order.spec.id
        self.note("comes back", job)
        self._asked[job] = order.question
        if job in self.stories:
            self.stories[f"{job} before"] = self.stories.pop(job)
        self.stories[job] = Story(order, "reads", self._timeline.now)

    def deliver(self, event: Deliver) -> None:
        self.note("deliver", event.job, event.delta.attempt, event.delta.seq, event.delta.tokens)
        story = self.stories[event.job]
        story.late += bool(story.ends)
        story.tokens += event.delta.tokens
        story.parts += event.delta.parts

    def end(self, job: str, how: str, event: End | None) -> None:
        code = event.error.code if isinstance(event, Failed) else ""
        self.note("end", job, how, str(code))
        self.stories[job].ends.append((self._timeline.now, how, event))

    def counters(self, counters: Counters) -> None:
        for entry in fields(Counters):
            total = getattr(self.totals, entry.name) + getattr(counters, entry.name)
            setattr(self.totals, entry.name, total)

    def digest(self) -> str:
        return sha256(repr(self.records).encode()).hexdigest()

    # ---- checking ------------------------------------------------------------------------------------------------

    def violations(self, limits: Limits, bound_s: float, engines: int) -> Iterator[str]:
        """`engines`: how many may die of one job; one more each time that a worker goes on with it, as another may
        have been asked meanwhile."""
        for now, what, details in self.records:
            if what in NEVER:
                yield f"{now:.3f}: {what} {details}"
        yield from self._served_untested()
        yield from self._rested_for_its_line()
        yield from self._asked_again()
        for job, story in self.stories.items():
            if story.late:
                yield f"{job}: {story.late} deliveries after its end"
            if len(story.ends) != 1:
                yield f"{job}: ended {[how for _, how, _ in story.ends]}"
            else:
                yield from (f"{job}: {what}" for what in _answer(story))
                yield from (f"{job}: {what}" for what in self._account(story, limits, bound_s))
                if self.poisoned[job] > engines * (1 + (f"{job} before" in self.stories)) + self.kept[job]:
                    yield f"{job}: {self.poisoned[job]} engines died of it"

    def _account(self, story: Story, limits: Limits, bound_s: float) -> Iterator[str]:
        _, how, event = story.ends[0]
        # A worker that says nothing of its speed may take long to look at pictures, and one that hangs looks the same.
        sees = any(message.images for message in story.order.request.messages)
        if story.seconds > bound_s + (limits.first_token_most_s if sees else 0.0):
            yield f"took {story.seconds:.0f} s"
        if event is None:
            return
        if event.report.usage.completion != len(story.tokens):
            yield f"billed {event.report.usage.completion} tokens, delivered {len(story.tokens)}"
        if event.report.attempts > limits.starts:
            yield f"{event.report.attempts} attempts"
        if how == "Finished" and event.report.usage.prompt != len(orders.prompt(story.order.request)):
            yield f"billed a prompt of {event.report.usage.prompt} tokens"

    def _served_untested(self) -> Iterator[str]:
        """A worker that failed a job gets none before it has passed a test, or has ended another job well."""
        resting: defaultdict[object, set[object]] = defaultdict(set)  # by coordinator
        for now, what, details in self.records:
            match what, details:
                case "coordinator starts", (where, *_):
                    resting[where].clear()  # it knows nothing of what was
                case "noted", ("worker rests", worker, *_, where):
                    resting[where].add(worker)
                case "noted", ("test passed" | "worker serves again", worker, *_):
                    for known in resting.values():
                        known.discard(worker)  # others are told
                case "placed", (job, worker, _, where) if worker in resting[where]:
                    yield f"{now:.3f}: {job} was given to {worker} before its test"

    def _rested_for_its_line(self) -> Iterator[str]:
        """A worker whose files did not arrive in time rests only if its owner hands every job back, or for another job
        at the same tick."""
        slow: tuple[float, object] | None = None
        for now, what, details in self.records:
            match what, details:
                case "noted", ("files did not arrive", worker, *_):
                    slow = now, worker
                case "noted", (why, worker, *_) if why in BLAMED_FOR:
                    slow = None if slow == (now, worker) else slow
                case "noted", ("worker rests", worker, *_) if slow == (now, worker):
                    yield f"{now:.3f}: {worker} rests, as its files did not arrive"

    def _asked_again(self) -> Iterator[str]:
        """A request that was found to be poison gets no further try from the same coordinator."""
        poison: defaultdict[object, set[str]] = defaultdict(set)  # by coordinator
        last: dict[object, object] = {}  # who placed a job last
        for now, what, details in self.records:
            match what, details:
                case "coordinator starts", (where, *_):
                    poison[where].clear()
                case "noted", ("handed back" | "lost its cell", _, job, *_):
                    last.pop(job, None)  # whatever is said of it next is another one's word
                case "end", (job, "Failed", ErrorCode.POISON_REQUEST):
                    poison[last.get(job)].add(self._asked[str(job)])
                case "placed", (job, *_, where) if self._asked[str(job)] in poison[where]:
                    yield f"{now:.3f}: {job} is known as poison and was placed"
                case "placed", (job, *_, where):
                    last[job] = where

    def undisturbed(self) -> Iterator[str]:
        """What must hold on top where lines were cut and nothing else went wrong."""
        yield from self.none_failed(frozenset({ErrorCode.QUEUE_TIMEOUT}))
        for (job, position), times in self.made.items():
            if times > 1:
                yield f"{job}: token {position} was made {times} times"

    def none_failed(self, but: frozenset[ErrorCode], tried: Container[str] = ()) -> Iterator[str]:
        """One slot behind a line that is cut every two seconds serves little: who waited as long as anybody may, and
        for whom nothing had begun, is told so, by one of these errors. `tried`: jobs that had all their attempts."""
        for job, story in self.stories.items():
            _, _, event = story.ends[0]
            if (
                job not in tried
                and isinstance(event, Failed)
                and (event.error.code not in but or event.report.attempts)
            ):
                yield f"{job}: failed: {event}"


def _answer(story: Story) -> Iterator[str]:
    """What the client has against what it should have."""
    order, (_, how, event) = story.order, story.ends[0]
    tokens, parts = tuple(story.tokens), orders.joined(story.parts)
    if tokens != order.tokens[: len(tokens)]:
        yield f"tokens {tokens} are no prefix of {order.tokens}"
    elif isinstance(event, Finished):
        if (tokens, parts) != (order.tokens, order.parts):
            yield f"finished with {parts} in place of {order.parts}"
        if event.finish_reason != order.finish:
            yield f"finished by {event.finish_reason} in place of {order.finish}"
        if order.kind in ("hostile", "poison"):
            yield f"{order.kind}, and finished"
    elif parts != orders.meant(order.request, tokens):
        yield f"{how} with {parts} for {bytes(tokens)!r}"
    if how == "Stopped" and story.habit == "reads":
        yield "stopped, and its client had not left"
    if isinstance(event, Failed) and order.kind in orders.HEALTHY and event.error.code is ErrorCode.INVALID_REQUEST:
        yield "called invalid, and it is not"
