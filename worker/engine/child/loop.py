"""The engine's thread: obey, admit, compute, sample; nothing else happens in it.

While the GPU computes one step, what came out of the step before is told. Grammars are compiled elsewhere; text,
templates, stop strings and sockets live in other processes.
"""

from collections.abc import Callable, Sequence
from typing import Literal, assert_never

from wire.errors import ErrorCode, SupernetError
from worker.bindings.llama import Model
from worker.engine.child.counters import PULSE_S, Counters
from worker.engine.child.drafts.drafts import Drafts
from worker.engine.child.drafts.foresight import Foresight
from worker.engine.child.drafts.lengths import GoingBack
from worker.engine.child.drafts.step_cost import StepCost
from worker.engine.child.eyes import Eyes
from worker.engine.child.flight import Flight
from worker.engine.child.inbox import Inbox
from worker.engine.child.job import Job
from worker.engine.child.nan_guard import ModelDamagedError, NanGuard
from worker.engine.child.outbox import Outbox
from worker.engine.child.sampler import Row
from worker.engine.child.scheduler import Scheduler
from worker.engine.child.sequences import Sequences
from worker.engine.child.sight import Sight
from worker.engine.child.step_budget import WarmUpTimes
from worker.engine.child.waiting_jobs import WaitingJobs
from worker.engine.port import (
    Cancel,
    Command,
    Continue,
    Ended,
    EngineSpec,
    Event,
    JobUsage,
    Pause,
    Picture,
    Pulse,
    Ready,
    Submit,
)

Reason = Literal["stop", "length", "cancelled", "failed"]
_End = tuple[Reason, SupernetError | None]


class Loop:
    """Serves jobs on one model. `post` and `stop` may be called from any thread, all else from the engine's own.

    `times`: what `warm_up` measured. `sight`: the eyes of a model that has some. `emit` gets every event in order, in
    the engine's thread; it must not block for long. `clock`: seconds from any origin. `computed`: the processor time of
    this process, by which steps on a CPU are compared, as other programs make them longer at random.
    """

    def __init__(
        self,
        model: Model,
        spec: EngineSpec,
        times: WarmUpTimes,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
        sight: Sight = Sight(),  # noqa: B008 - frozen
        computed: Callable[[], float] | None = None,
    ) -> None:
        self._model, self._spec, self._emit, self._clock = model, spec, emit, clock
        self._ready = Ready(spec.slots, model.context, model.vocab.size, sight.image_ms, sight.blind)
        self._inbox = Inbox()
        self._outbox = Outbox(model.vocab.piece, emit)
        self._counters = Counters(clock())
        self._sequences = Sequences(model, spec.saved_bytes)
        wake = self._inbox.wake
        self._eyes = Eyes(sight.encoder, spec, clock, wake)
        self._waiting = WaitingJobs(model, spec, self._sequences.prefixes, self._eyes, clock, wake)
        self._running: dict[str, Job] = {}
        on_separate_caches = not model.unified and not model.offloaded
        together = model.unified or not model.hybrid
        on_cpu = computed if computed and not model.offloaded else clock
        drafts = _drafts(model, spec, times, on_cpu)
        self._scheduler = Scheduler(spec, times, model.copies_from, on_separate_caches, drafts, together)
        self._flight = Flight(model, self._sequences, self._counters, clock, on_cpu)
        self._nan_guard = NanGuard(model, self._flight.decode)
        self._stopping = False
        self.busy = False  # something is in flight: do not wait

    def post(self, command: Command) -> None:
        """Have the command obeyed in the next step."""
        self._inbox.post(command)

    def stop(self) -> None:
        """Make `run` return after the step in hand; jobs are left as they are."""
        self._stopping = True
        self._inbox.wake()

    def run(self) -> None:
        """Serve until `stop`; the model may be closed after it. Raises ModelDamagedError, and what a bug raises."""
        self._emit(self._ready)
        while not self._stopping:
            self.step()
            if self._counters.due(self._clock()):
                self._emit(self.pulse())
                self._counters.stall_s = 0.0
            if not self.busy:
                self.wait(self._counters.pulsed + PULSE_S - self._clock())
        self.close()

    def close(self) -> None:
        """End the threads that compile grammars and encode pictures."""
        self._waiting.close()
        self._eyes.close()

    def step(self) -> None:
        """Sample from the decode in flight, obey what was posted, admit jobs, launch the next decode, tell all of it.

        Where decode blocks (no GPU), what happened is told before it; else while it runs. Raises ModelDamagedError.
        """
        began, computing = self._clock(), self.busy
        self._sample()
        if self._nan_guard.suspicious and self._nan_guard.damaged(self._scheduler.rows_alone):
            self._outbox.flush()
            raise ModelDamagedError("job after job, and a test, got logits that are no numbers")
        self._obey()
        self._admit()
        if not self._model.asynchronous:
            self._outbox.flush()
        self._launch()
        self._outbox.flush()
        if computing or self.busy:
            self._counters.stepped_s += self._clock() - began

    def wait(self, most_s: float) -> None:
        """Sleep, as nothing can be computed, until a command comes, or a grammar or picture is ready; at most so many
        seconds."""
        self._inbox.wait(most_s)

    def pulse(self) -> Pulse:
        """What was done so far."""
        return self._counters.pulse(len(self._running), len(self._waiting), self._model.inside_s, self._eyes)

    # ---- one step ----------------------------------------------------------------------------------------------------

    def _sample(self) -> None:
        for job, rows in self._flight.land():
            job.suspect = False
            job.steps += 1
            self._counters.draws += 1
            end: _End | None = None
            for row in job.rows_to_draw(rows):
                if end := self._draw(job, row):
                    break
            self._flight.settle(job)
            if end:
                self._end(job, *end)

    def _draw(self, job: Job, row: Row) -> _End | None:
        """Draw the next token of a job, and those that must follow it; returns why it was the last, if so."""
        try:
            drawn = job.draw(row, self._model.vocab.eog)
        except SupernetError as error:
            self._nan_guard.note_failed(row, job.seq)
            return "failed", error
        self._nan_guard.note_drawn()
        if not drawn:
            return "stop", None
        counters, name = self._counters, job.submit.job
        counters.stall_s = max(counters.stall_s, job.note_tokens(len(drawn), self._clock()))
        counters.generated_tokens += len(drawn)
        counters.forced_tokens += len(drawn) - 1
        for token in drawn:
            self._outbox.drawn.append((name, token))
        return (reason, None) if (reason := job.finish_reason) else None

    def _obey(self) -> None:
        """Carry out every command that has come."""
        for command in self._inbox.take():
            match command:
                case Picture():
                    self._eyes.show(command)
                case Submit():
                    self._receive(command)
                case Cancel():
                    if job := self._find(command.job):
                        self._end(job, "cancelled")
                case Pause():
                    if job := self._find(command.job):
                        job.paused = True
                case Continue():
                    if job := self._find(command.job):
                        job.paused, job.last_token_at = False, None  # the pause is no stall of ours
                case _:
                    assert_never(command)

    def _admit(self) -> None:
        """Give free slots to waiting jobs."""
        for job in self._waiting.admit(self._running):
            self._running[job.submit.job] = job
            seq, cached = self._sequences.take(job.tokens, job.layout)
            try:
                job.start(seq, cached, self._clock())
            except SupernetError as error:
                self._end(job, "failed", error)
                continue
            prefixes = self._sequences.prefixes
            seen = job.layout.pictures_end
            job.checkpoints_at = prefixes.checkpoints_at(job.submit.anchors, cached, len(job.tokens), seen)
            self._counters.cached_tokens += job.cached
            if reason := job.finish_reason:  # what was delivered is the whole answer
                self._end(job, reason)

    def _launch(self) -> None:
        """Put the next step in flight."""
        jobs = {job.seq: job for job in self._eligible()}
        step = self._scheduler.schedule(jobs)
        self.busy = step is not None
        self._eyes.turn(streams=step is not None and step.streams > 0)
        self._flight.begin(step)
        for number, slices in enumerate(step.decodes if step else ()):
            if number:  # answers that begin in the decode before do not wait for this one
                self._sample()
                self._outbox.flush()
            if code := self._flight.launch(slices, jobs):
                self._start_over([jobs[part.seq] for part in slices], code)

    def _eligible(self) -> list[Job]:
        """Jobs that may have rows: all but the paused ones, and those whose picture is being encoded; after a failed
        decode the suspects, one at a time."""
        jobs = [job for job in list(self._running.values()) if not job.paused and self._sees(job)]
        suspects = [job for job in jobs if job.suspect]
        return suspects[:1] or jobs

    def _sees(self, job: Job) -> bool:
        """Whether the next rows of a job can be computed: those of a picture once it is encoded. If that failed it
        ends the job."""
        picture = job.layout.picture(job.computed)
        if not picture:
            job.vectors = None
            return True
        try:
            job.vectors = self._eyes.vectors(picture)
        except SupernetError as error:
            self._end(job, "failed", error)
            return False
        return job.vectors is not None

    def _start_over(self, jobs: Sequence[Job], code: int) -> None:
        """A decode failed, and what the cache holds of its jobs is uncertain: compute them anew from their tokens.

        Nothing is lost by that: a draw depends on tokens, seed and position only. They run one at a time until each
        has drawn a token, and one that fails alone is to blame.
        """
        for job in jobs:
            self._sequences.empty(job.seq)
            job.computed, job.suspect = 0, True
        if len(jobs) == 1:
            what = f"llama.cpp could not compute this job (code {code})"
            self._end(jobs[0], "failed", SupernetError(ErrorCode.ENGINE_ERROR, what))

    # ---- the beginning and the end of a job --------------------------------------------------------------------------

    def _find(self, name: str) -> Job | None:
        return self._running.get(name) or self._waiting.get(name)

    def _receive(self, submit: Submit) -> None:
        """Queue the job, or end it at once with the reason. A job that is here already is not taken twice."""
        if self._find(submit.job):
            return
        try:
            self._waiting.add(submit)
        except SupernetError as error:
            usage = JobUsage(prompt=len(submit.prompt))
            self._outbox.ended.append(Ended(submit.job, "failed", usage, error.code, error.message))

    def _end(self, job: Job, reason: Reason, error: SupernetError | None = None) -> None:
        """End a job, for any reason: free its slot, and tell the daemon. Its prefix stays unless the job failed."""
        self._eyes.release(job.submit.pictures)
        if self._running.pop(job.submit.job, None):
            if error:
                self._sequences.empty(job.seq)
            self._sequences.release(job.seq)
        else:
            self._waiting.remove(job)
        code, message = (error.code, error.message) if error else (None, "")
        self._outbox.ended.append(Ended(job.submit.job, reason, job.usage(self._clock()), code, message))


def _drafts(model: Model, spec: EngineSpec, times: WarmUpTimes, clock: Callable[[], float]) -> Drafts | None:
    """None: nothing is to be guessed, or what is refused could not be taken back."""
    if not spec.draft_rows or (model.hybrid and not model.rollback):
        return None
    even = model.hybrid or not model.unified
    foresight = Foresight(model.guess, times.foreseen_s, clock) if model.foresees and even else None
    costs = StepCost(dict(times.passes))
    going_back = GoingBack(model.rollback, times.saved_s) if model.hybrid else None
    return Drafts(spec.draft_rows, going_back, even, costs, spec.longest_stall_ms / 1000, foresight)
