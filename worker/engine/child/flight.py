"""The decode in flight: what goes into it, what comes out of it, and how long it took."""

from collections.abc import Callable, Mapping, Sequence

from worker.bindings.llama import RC_NO_CELLS, Feed, Model
from worker.bindings.picture_batch import Patch
from worker.engine.child.batch import Slice
from worker.engine.child.counters import Counters
from worker.engine.child.drafts.lookup import came_true
from worker.engine.child.job import Job
from worker.engine.child.sampler import Row
from worker.engine.child.scheduler import Step
from worker.engine.child.sequences import Sequences


class Flight:
    """Launches the decodes of a step one after the other, each when the rows of the one before have landed. Of the
    engine's thread alone.

    On a GPU llama_decode returns when the decode is on its way. If no job draws from it, the next llama_decode
    waits until it is done before it puts its own on the way (ggml_backend_sched: one copy of the inputs, see
    `llama._overrides`), so the step has taken from the return of its decode to the return of the next.
    """

    def __init__(
        self,
        model: Model,
        sequences: Sequences,
        counters: Counters,
        clock: Callable[[], float],
        computed: Callable[[], float],
    ) -> None:
        self._model, self._sequences, self._counters, self._clock = model, sequences, counters, clock
        self._computed, self._computed_at = computed, 0.0
        self._next: Step | None = None  # begun, and none of its decodes is on the way yet
        self._step: Step | None = None  # under way, and timed
        self._launched_at = 0.0  # when its first decode was on the way
        self._to_launch = 0  # decodes of it that are not on the way yet
        self._unawaited = False  # a decode is on the way that `land` has not waited for
        self._drawing: list[Job] = []  # jobs whose rows of logits are in flight, in their order
        self._saving: list[Job] = []  # jobs whose state is to be saved once the decode in flight is done

    def begin(self, step: Step | None) -> None:
        """Say which step the next decodes belong to; None: nothing will be launched for a while.

        Without a next step one that is still under way is not timed, as its end will not be seen.
        """
        self._next = step
        if step is None:
            self._step = None

    def land(self) -> list[tuple[Job, Sequence[Row]]]:
        """Wait for the decode and save the states that are due; returns each job that draws, with its row of logits and
        one for each guess behind it. Where no job draws and no state is due, it waits for nothing.

        How long a step took is known before the saving and drawing, which fewer rows would not shorten.
        """
        if not self._drawing and not self._saving:
            if not self._model.asynchronous:
                self._tell_time(self._clock())
            return []
        rows = self._model.logits()
        self._unawaited = False
        self._tell_time(self._clock())
        for job in self._saving:
            self._sequences.save_checkpoint(job.seq)
        landed: list[tuple[Job, Sequence[Row]]] = []
        end = 0
        for job in self._drawing:
            begin, end = end, end + 1 + len(job.guess)
            landed.append((job, list(rows[begin:end])))
        self._drawing, self._saving = [], []
        return landed

    def settle(self, job: Job) -> None:
        """What a job guessed has been drawn or not: keep the one in the cache, and drop the other."""
        if not job.guess:
            return
        right = came_true(job.guess, job.tokens[job.computed :])
        for tally in (self._counters.guesses, job.guesses):
            tally.add(job.guess_source, len(job.guess), right)
        kept = job.tokens[job.computed : job.computed + right]
        job.computed = self._sequences.settle(job.seq, job.computed - 1, kept, len(job.guess), job.saved)
        job.guess, job.saved = (), None

    def _tell_time(self, now: float) -> None:
        """Unless decodes of the step are still to come."""
        if (step := self._step) and not self._to_launch:
            self._step = None
            step.took(now - self._launched_at, self._computed() - self._computed_at)

    def launch(self, slices: Sequence[Slice], jobs: Mapping[int, Job]) -> int:
        """Put the slices of these jobs (by sequence) in flight; llama_decode's code, 0 if they are on their way."""
        feeds = [_feed(jobs[part.seq], part) for part in slices]
        for part in slices:  # not a part of what the step takes: what it costs is known
            jobs[part.seq].saved = self._sequences.save(part.seq, len(part.guess))
        began, computed = self._clock(), self._computed()
        if code := self.decode(feeds):
            self._step = self._next = None  # what fails may fail at once: it says nothing of the time
            return code
        if self._unawaited:
            began, computed = self._clock(), self._computed()
            self._tell_time(began)
        self._unawaited = self._model.asynchronous
        if step := self._next:
            self._step, self._next = step, None
            self._launched_at, self._computed_at, self._to_launch = began, computed, len(step.decodes)
        self._to_launch -= 1
        self._counters.steps += 1
        for part in slices:
            self._advance(jobs[part.seq], part)
        return 0

    def decode(self, feeds: Sequence[Feed]) -> int:
        """llama_decode's code; prefixes that no job uses make room for jobs that run."""
        while (code := self._model.decode(feeds)) == RC_NO_CELLS:
            if not self._sequences.make_room():
                return code
        return code

    def _advance(self, job: Job, part: Slice) -> None:
        before, job.computed, job.guess = job.computed, job.computed + part.count, part.guess
        self._sequences.prefixes.grow(part.seq, job.tokens[before : job.computed])
        self._counters.prompt_tokens += max(0, min(job.computed, len(job.submit.prompt)) - before)
        if part.last:
            self._drawing.append(job)
        if job.computed in job.checkpoints_at:
            self._saving.append(job)


def _feed(job: Job, part: Slice) -> Feed:
    """The next rows of a job: tokens, or a picture's, whose vectors it has then."""
    begin, end = job.computed, job.computed + part.count
    patch = None
    if (picture := job.layout.picture(begin)) and job.vectors is not None:
        first = begin - picture.at
        patch = Patch(job.vectors[first : first + part.count], first, picture.columns)
    tokens = [*job.tokens[begin:end], *part.guess]
    return Feed(part.seq, job.layout.position(begin), tokens, int(part.last) + len(part.guess), patch)
