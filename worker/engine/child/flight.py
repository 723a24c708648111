"""The decode in flight: what goes into it, what comes out of it, and how long it took."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from worker.bindings.llama import RC_NO_CELLS, Feed, Model
from worker.engine.child.batch import Slice
from worker.engine.child.counters import Counters
from worker.engine.child.job import Job
from worker.engine.child.prefix_cache import Prefixes
from worker.engine.child.sampler import Row
from worker.engine.child.step_budget import Pace


@dataclass
class Step:
    """`rows` of prompts, `depth` tokens deep at most, and `beside` of streams; `pace` is told what it took."""

    pace: Pace
    depth: int
    rows: int
    beside: int
    began: float = 0.0


class Flight:
    """A step is one decode, or two (`batch.parts`); the next is put in flight when the rows of the one before are
    landed. Of the engine's thread alone.

    On a GPU llama_decode returns when the step is on its way. If nobody asks for its rows, the next llama_decode waits
    until it is done before it puts its own on the way (ggml_backend_sched: one copy of the inputs, see
    `llama._overrides`), so the step has taken from the return of its decode to the return of the next.
    """

    def __init__(self, model: Model, prefixes: Prefixes, counters: Counters, clock: Callable[[], float]) -> None:
        self._model, self._prefixes, self._counters, self._clock = model, prefixes, counters, clock
        self._next: Step | None = None  # none of its decodes is on the way yet
        self._step: Step | None = None  # under way
        self._flying = False  # a decode is that nobody has waited for
        self._drawing: list[Job] = []  # jobs whose rows of logits are in flight, in their order
        self._cutting: list[Job] = []  # jobs whose state is to be saved once the decode in flight is done

    def begin(self, step: Step | None) -> None:
        """What is launched from now on belongs to `step`; None: nothing will be for a while, and what is still under
        way is not timed, as nobody will see its end."""
        self._next = step
        if step is None:
            self._step = None

    def land(self, last: bool = False) -> list[tuple[Job, Row]]:
        """Wait for the decode, save the states that were asked for; the rows of logits that jobs draw from. It waits
        for nothing where nobody asked for any.

        `last` of the step: what it took is known before the saving and drawing, which fewer rows would not shorten.
        """
        if not self._drawing and not self._cutting:
            if last and not self._model.asynchronous:
                self._over(self._clock())
            return []
        rows = self._model.logits()
        self._flying = False
        if last:
            self._over(self._clock())
        for job in self._cutting:
            self._prefixes.keep(job.seq, self._model.checkpoint(job.seq))
        landed = list(zip(self._drawing, rows, strict=True))
        self._drawing, self._cutting = [], []
        return landed

    def _over(self, now: float) -> None:
        if step := self._step:
            self._step = None
            step.pace.took(step.depth, step.rows, now - step.began, step.beside)

    def launch(self, slices: Sequence[Slice], jobs: Mapping[int, Job]) -> int:
        """Put the slices of these jobs (by sequence) in flight; llama_decode's code, 0 if they are on their way."""
        feeds = []
        for part in slices:
            job = jobs[part.seq]
            feeds.append(Feed(part.seq, job.fed, job.tokens[job.fed : job.fed + part.count], part.last))
        began = self._clock()
        if code := self.decode(feeds):
            self._step = self._next = None  # what fails may fail at once: it says nothing of the time
            return code
        if self._flying:
            began = self._clock()
            self._over(began)
        self._flying = self._model.asynchronous
        if step := self._next:
            step.began = began
            self._step, self._next = step, None
        self._counters.steps += 1
        for feed in feeds:
            self._advance(jobs[feed.seq], feed)
        return 0

    def decode(self, feeds: Sequence[Feed]) -> int:
        """llama_decode's code; prefixes that nobody uses make room for jobs that run."""
        while (code := self._model.decode(feeds)) == RC_NO_CELLS:
            seq = self._prefixes.evict()
            if seq is None:
                return code
            self._model.clear(seq)
        return code

    def _advance(self, job: Job, feed: Feed) -> None:
        self._prefixes.grow(feed.seq, feed.tokens)
        job.fed += len(feed.tokens)
        self._counters.prompt_tokens += max(0, min(job.fed, len(job.submit.prompt)) - feed.start)
        if feed.draws:
            self._drawing.append(job)
        if job.fed in job.cuts:
            self._cutting.append(job)
