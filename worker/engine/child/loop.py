"""The engine's thread: admit, fill, decode, sample; nothing else happens in it.

A step waits for the decode in flight, draws one token for every row of it, puts the next decode in flight and tells
what happened while the GPU works. Grammars are compiled elsewhere; text, templates, stop strings and sockets live in
other processes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Literal, assert_never

from wire.errors import ErrorCode, SupernetError
from worker.bindings.llama import Model
from worker.bindings.llguidance import Grammars
from worker.engine.child.batch import Want, parts, plan
from worker.engine.child.counters import PULSE_S, Counters
from worker.engine.child.flight import Flight, Step
from worker.engine.child.job import Drawn, Job, refusal
from worker.engine.child.nan_guard import Damage, ModelDamagedError
from worker.engine.child.prefix_cache import Placement, Prefixes
from worker.engine.child.prefix_wait import find
from worker.engine.child.sampler import Row
from worker.engine.child.step_budget import Pace, Warmth
from worker.engine.port import (
    Cancel,
    Command,
    Continue,
    Ended,
    EngineSpec,
    Event,
    JobUsage,
    Pause,
    Pulse,
    Ready,
    Stepped,
    Submit,
    Token,
)

LONGEST_STEP_S = 5.0  # without streams: a step cannot pulse, and 20 s of silence are a hang
WAITING_PER_SLOT = 4

Reason = Literal["stop", "length", "cancelled", "failed"]


class Loop:
    """Serves jobs on one model. `post` and `stop` may be called from any thread, all else from the engine's own.

    `warmth`: what `warm_up` found. `emit` gets every event in order, in the engine's thread; it must not block for
    long.
    """

    def __init__(
        self,
        model: Model,
        spec: EngineSpec,
        warmth: Warmth,
        emit: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self._model, self._spec, self._emit, self._clock = model, spec, emit, clock
        # A gap between separate caches is a second pass over the weights: dear on a GPU, which reads them anew. A CPU
        # computes as much either way, and gains more from the prefix that a job is not put on top of.
        dense = not model.unified and model.offloaded
        self._apart = not model.unified and not model.offloaded  # see batch.parts
        self._prefixes = Prefixes(
            model.sequences,
            model.context,
            cuttable=not model.hybrid,
            dense=dense,
            shared=model.unified,
            saved_bytes=spec.saved_bytes,
        )
        self._grammars = Grammars(model.vocab)
        self._in_company, self._alone = (
            Pace(limit_s, spec.batch, warmth, model.copies_from)
            for limit_s in (spec.longest_stall_ms / 1000, LONGEST_STEP_S)
        )
        self._posted: SimpleQueue[Command | None] = SimpleQueue()  # None: look again
        self._heard: deque[Command] = deque()
        self._stopping = False
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self.busy = False  # something is in flight or can be: do not wait
        self._drawn: list[tuple[str, Drawn]] = []
        self._ended: list[Ended] = []
        self._counters = Counters(clock())
        self._flight = Flight(model, self._prefixes, self._counters, clock)
        self._damage = Damage(model, self._flight.decode)
        self._ages = 0

    def post(self, command: Command) -> None:
        self._posted.put(command)

    def stop(self) -> None:
        """Make `run` return after the step in hand; jobs are left as they are."""
        self._stopping = True
        self._posted.put(None)

    def run(self) -> None:
        """Serve until `stop`. The model may be closed after it. Raises ModelDamagedError."""
        self._emit(Ready(self._spec.slots, self._model.context, self._model.vocab.size))
        while not self._stopping:
            self.step()
            self._pulse()
            if not self.busy:
                self.wait(self._counters.pulsed + PULSE_S - self._clock())
        self.close()

    def close(self) -> None:
        """End the thread that compiles grammars."""
        self._grammars.close()

    def step(self) -> None:
        """One round. Where decode blocks (no GPU), what happened is told before it; else while it runs."""
        began, computing = self._clock(), self.busy
        self._collect()
        if self._damage.suspected and self._damage.found(self._alone.room(0).rows):
            self._tell()
            raise ModelDamagedError("job after job, and a test, got logits that are no numbers")
        self._listen()
        self._admit()
        if not self._model.asynchronous:
            self._tell()
        self._submit()
        self._tell()
        if computing or self.busy:
            self._counters.stepped_s += self._clock() - began

    # ---- the decode in flight ----------------------------------------------------------------------------------

    def _collect(self, last: bool = True) -> None:
        """Draw from what is in flight. `last`: with it the step is over."""
        for job, row in self._flight.land(last):
            self._draw(job, row)

    def _draw(self, job: Job, row: Row) -> None:
        job.suspect = False
        try:
            drawn = job.draw(row, self._model.vocab.eog)
        except SupernetError as error:
            self._end(job, "failed", error)
            self._damage.failed(row, job.seq)
            return
        self._damage.drew()
        for token in drawn:
            self._counters.stall_s = max(self._counters.stall_s, job.came_out(self._clock()))
            self._drawn.append((job.submit.job, token))
        self._counters.generated_tokens += len(drawn)
        self._counters.forced_tokens += max(0, len(drawn) - 1)
        if not drawn:
            self._end(job, "stop")
        elif job.over:
            self._end(job, job.over)

    def _submit(self) -> None:
        """Put the next step in flight."""
        jobs = {job.seq: job for job in self._eligible()}
        wants = [Want(job.seq, job.age, job.backlog, job.until_cut) for job in jobs.values()]
        reading = [job for job in jobs.values() if job.backlog > 1]
        # of several prompts those that end first have their answer begin while the others are still read
        pace = self._alone if len(jobs) == 1 and reading else self._in_company
        depth = max((job.fed for job in reading), default=0)
        streams = len(jobs) - len(reading)
        slices = plan(wants, self._spec.batch, pace.room(depth, streams))
        self.busy = bool(slices)
        rows = sum(part.count for part in slices if jobs[part.seq] in reading)
        self._flight.begin(Step(pace, depth, rows, streams) if slices else None)
        if not slices:
            return
        for place, part in enumerate(parts(slices, {job.seq for job in reading}) if self._apart else (slices,)):
            if place:
                self._collect(last=False)
                self._tell()
            if code := self._flight.launch(part, jobs):
                self._quarantine([jobs[each.seq] for each in part], code)

    def _eligible(self) -> list[Job]:
        """Jobs that may have rows: all but the paused ones; after a failure the suspects, one at a time."""
        jobs = [job for job in self._running.values() if not job.paused]
        suspects = [job for job in jobs if job.suspect]
        return suspects[:1] or jobs

    def _quarantine(self, jobs: Sequence[Job], code: int) -> None:
        """A decode failed. What the cache holds of these jobs is uncertain, so they start over from their tokens.

        Nothing is lost by that: a draw depends on tokens, seed and position only. They run one at a time until each
        has drawn a token, and one that fails alone is to blame.
        """
        for job in jobs:
            self._empty(job.seq)
            job.fed, job.suspect = 0, True
        if len(jobs) == 1:
            what = f"llama.cpp could not compute this job (code {code})"
            self._end(jobs[0], "failed", SupernetError(ErrorCode.ENGINE_ERROR, what))

    # ---- jobs --------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Take every command that has come, without waiting."""
        while True:
            while self._heard:
                self._obey(self._heard.popleft())
            try:
                command = self._posted.get_nowait()
            except Empty:
                return
            if command:
                self._heard.append(command)

    def wait(self, most_s: float) -> None:
        """Nothing can be computed: sleep until a command comes or a grammar is ready."""
        try:
            command = self._posted.get(timeout=max(0.0, most_s))
        except Empty:
            return
        if command:
            self._heard.append(command)

    def _obey(self, command: Command) -> None:
        match command:
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
                    job.paused, job.beat = False, None  # the pause is no stall of ours
            case _:
                assert_never(command)

    def _find(self, name: str) -> Job | None:
        return self._running.get(name) or self._waiting.get(name)

    def _receive(self, submit: Submit) -> None:
        """Queue the job, or end it at once with the reason. A job that is here already is not taken twice."""
        if self._find(submit.job):
            return
        limit = min(submit.max_tokens, self._model.context - len(submit.prompt))
        if error := self._refusal(submit):
            usage = JobUsage(prompt=len(submit.prompt))
            self._ended.append(Ended(submit.job, "failed", usage, error.code, error.message))
            return
        self._ages += 1
        job = Job(submit, limit, self._ages, self._clock(), self._model.vocab.piece)
        if submit.constraint:
            job.grammar = self._grammars.compile(submit.constraint, submit.delivered)
            job.grammar.add_done_callback(lambda _: self._posted.put(None))
        self._waiting[submit.job] = job

    def _refusal(self, submit: Submit) -> SupernetError | None:
        if len(self._waiting) >= WAITING_PER_SLOT * self._spec.slots:
            return SupernetError(ErrorCode.WORKER_BUSY, "the engine's queue is full: try another worker")
        return refusal(submit, self._model.vocab.size, self._model.context)

    def _admit(self) -> None:
        """Give free slots to waiting jobs, first come first served.

        One whose grammar is not ready is passed over; one that follows another's prompt keeps its claim on a slot.
        """
        free = self._spec.slots - len(self._running)
        for job in list(self._waiting.values()):
            if not free:
                return
            if job.grammar and not job.grammar.done():
                continue
            free -= 1
            if self._follows(job):
                continue
            del self._waiting[job.submit.job]
            self._running[job.submit.job] = job
            self._place(job)

    def _follows(self, job: Job) -> bool:
        """Whether to leave the job waiting, because another is computing the beginning of its prompt."""
        running = self._running.values()
        if job.lead is None or job.lead.gone(running):
            job.lead = find(job, running, self._prefixes.known(job.prompt), not self._model.hybrid)
        return job.lead is not None and job.lead.worth()

    def _place(self, job: Job) -> None:
        place = self._prefixes.place(job.tokens)
        cached = place.length
        if not self._take_over(place):
            self._empty(place.target)
            cached = 0
        try:
            job.start(place.target, cached, self._clock())
        except SupernetError as error:
            self._end(job, "failed", error)
            return
        job.cuts = self._prefixes.cuts(job.submit.anchors, cached, len(job.tokens))
        self._counters.cached_tokens += job.cached
        if job.over:  # what was delivered is the whole answer
            self._end(job, job.over)

    def _take_over(self, place: Placement) -> bool:
        if place.aside is not None:
            length = self._model.length(place.target)
            if not self._model.fork(place.target, place.aside, length):
                self._empty(place.aside)
        if place.source is None:
            self._model.clear(place.target)
            return True
        if place.source == place.target:
            return self._model.cut(place.target, place.length, place.state)
        return self._model.fork(place.source, place.target, place.length, place.state)

    def _empty(self, seq: int) -> None:
        self._model.clear(seq)
        self._prefixes.forget(seq)

    def _end(self, job: Job, reason: Reason, error: SupernetError | None = None) -> None:
        """The one way out: the slot is free, the prefix stays for others unless the job failed; one Ended goes out."""
        if self._running.pop(job.submit.job, None):
            if error:
                self._empty(job.seq)
            self._prefixes.release(job.seq)
            while (surplus := self._prefixes.surplus()) is not None:
                self._model.clear(surplus)
        self._waiting.pop(job.submit.job, None)
        if job.grammar:
            job.grammar.cancel()  # if its turn has not come: whoever leaves does not hold up the grammars of others
        usage = job.usage(self._clock())
        code, message = (error.code, error.message) if error else (None, "")
        self._ended.append(Ended(job.submit.job, reason, usage, code, message))

    # ---- events ------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        if self._drawn:
            self._emit(Stepped(tuple(self._token(job, drawn) for job, drawn in self._drawn)))
            self._drawn = []
        for ended in self._ended:
            self._emit(ended)
        self._ended = []

    def _token(self, job: str, drawn: Drawn) -> Token:
        piece = self._model.vocab.piece
        top = tuple((piece(token), logprob) for token, logprob in drawn.top)
        return Token(job, drawn.token, piece(drawn.token), drawn.logprob, top)

    def _pulse(self) -> None:
        if self._counters.due(self._clock()):
            self._emit(self.pulse())
            self._counters.stall_s = 0.0

    def pulse(self) -> Pulse:
        """What was done so far."""
        return self._counters.pulse(len(self._running), len(self._waiting), self._model.inside_s)
