"""An engine that keeps the promises of port.py in virtual time: answers from orders.script, failures as switches.

Commands and events travel through a pipe, so they cross each other as they do between processes.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.simulation import orders, pictures
from wire.errors import ErrorCode
from worker.engine import port
from worker.engine.restart import RestartPolicy

if TYPE_CHECKING:
    from tools.simulation.workers import Process

PIPE_S = 0.002
HANG_S = 20.0  # silence after which the supervisor ends it
STALLED_S = 45.0  # a stream is stalled after 20 s at most, a client that does not read is cut after 30
BESIEGED_S = 90.0  # where its tokens came 4 s apart: a stall is twenty times that
LOAD_S = (0.1, 4.0)
VOCABULARY = 256


@dataclass
class _Job:
    submit: port.Submit
    answer: bytes
    position: int
    ready_at: float  # its prompt is done
    poison: int | None
    paused: bool = False
    cancelled: bool = False
    emitted: int = 0

    def ending(self, deaf: bool) -> port.Ended | None:
        usage = port.JobUsage(prompt=len(self.submit.prompt), completion=self.emitted)
        if self.cancelled and not deaf:
            return port.Ended(self.submit.job, "cancelled", usage)
        if self.position >= self.submit.max_tokens:
            return port.Ended(self.submit.job, "length", usage)
        if self.position >= len(self.answer):
            return port.Ended(self.submit.job, "stop", usage)
        return None


@dataclass
class Moods:
    """What is wrong with it now."""

    slow: float = 1.0  # times the pace
    deaf: bool = False  # cancels are not obeyed yet
    hung: bool = False
    prefill_s: float = 0.0  # on top of what a prompt takes


@dataclass
class Engine:
    process: "Process"
    slots: int
    pace_s: float
    moods: Moods = field(default_factory=Moods)
    up: bool = False
    _jobs: dict[str, _Job] = field(default_factory=dict)
    _policy: RestartPolicy = field(default_factory=RestartPolicy)
    _ready_since: float | None = None
    _stepping: bool = False
    _life: int = 0  # counts the child processes
    _shown: set[str] = field(default_factory=set)

    # ---- the port ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        life = self._life
        self.process.later(self.process.world.dice.uniform(*LOAD_S), lambda: self._ready(life))

    def send(self, command: port.Command) -> None:
        self.process.later(PIPE_S, lambda: self._obey(command))

    def _tell(self, event: port.Event) -> None:
        self.process.later(PIPE_S, lambda: self.process.engine_says(event))

    # ---- inside --------------------------------------------------------------------------------------------------

    def _ready(self, life: int) -> None:
        if life == self._life:
            self.up, self._ready_since = True, self.process.world.timeline.now
            image_ms = pictures.IMAGE_MS if self.process.machine.sees else None
            self._tell(port.Ready(self.slots, orders.CONTEXT, VOCABULARY, image_ms))

    def _obey(self, command: port.Command) -> None:
        if isinstance(command, port.Submit):
            self._submit(command)
        elif isinstance(command, port.Picture):
            self._shown |= {command.id} if self.up else set()
        elif (job := self._jobs.get(command.job)) is None:
            return
        elif isinstance(command, port.Cancel):
            job.cancelled = True
        else:
            job.paused = isinstance(command, port.Pause)
        self._wake()

    def _submit(self, submit: port.Submit) -> None:
        world = self.process.world
        if not self.up:
            message = "the engine is not running: try another worker"
            self._tell(port.Ended(submit.job, "failed", code=ErrorCode.MODEL_NOT_LOADED, message=message))
            return
        if not self._shown.issuperset(one.digest for one in submit.pictures):  # to the one that crashed meanwhile
            message = "there is no room for the pictures: try another worker"
            self._tell(port.Ended(submit.job, "failed", code=ErrorCode.WORKER_BUSY, message=message))
            return
        answer = orders.script(submit.prompt, submit.seed)
        order = world.orders.get(submit.job.rpartition(".")[0])  # None: the coordinator tests this worker
        ready = world.timeline.now + world.dice.uniform(0, 4 * self.pace_s) + self.moods.prefill_s
        if len(self._jobs) >= self.slots:
            world.history.note("overfull", self.process.name, submit.job)
        if order is not None and [one.digest for one in submit.pictures] != orders.pictures(order.request):
            world.history.note("wrong pictures", self.process.name, submit.job)
        if order is not None and submit.delivered != order.tokens[: len(submit.delivered)]:
            world.history.note("wrong start", self.process.name, submit.job)
        self._jobs[submit.job] = _Job(submit, answer, len(submit.delivered), ready, order.poison if order else None)

    def _wake(self) -> None:
        if not self._stepping and self.up and any(not job.paused or job.cancelled for job in self._jobs.values()):
            self._stepping = True
            life = self._life
            self.process.later(self.pace_s * self.moods.slow, lambda: self._step(life))

    def _step(self, life: int) -> None:
        if life != self._life:
            return
        self._stepping = False
        if self.moods.hung:
            return
        now = self.process.world.timeline.now
        ends: list[port.Ended] = []
        tokens: list[port.Token] = []
        for job in list(self._jobs.values()):
            end = job.ending(self.moods.deaf)
            if end is None and not job.paused and now >= job.ready_at:
                if job.poison is not None and job.position >= job.poison:
                    self.process.world.history.note("poisoned", self.process.name, job.submit.job)
                    self.crash("poison")
                    return
                tokens.append(self._token(job))
                end = job.ending(self.moods.deaf)
            if end is not None:
                ends.append(end)
                del self._jobs[job.submit.job]
        if tokens:
            self._tell(port.Stepped(tuple(tokens)))
        for end in ends:
            self._tell(end)
        self._wake()

    def _token(self, job: _Job) -> port.Token:
        token = job.answer[job.position]
        self.process.world.history.note("made", job.submit.job, job.position)
        job.position += 1
        job.emitted += 1
        return port.Token(job.submit.job, token, bytes([token]))

    # ---- failures ------------------------------------------------------------------------------------------------

    def crash(self, why: str) -> None:
        if not self.up:
            return
        now = self.process.world.timeline.now
        retry = self._policy.crashed(now, self._ready_since)
        jobs = tuple(self._jobs)
        self._jobs.clear()
        self._shown.clear()
        self.up, self._stepping, self._ready_since = False, False, None
        self._life += 1
        self.moods = Moods()
        self.process.world.history.note("crash", self.process.name, why)
        self._tell(port.Down(why, jobs, jobs[0] if len(jobs) == 1 else None, retry))
        if retry is not None:
            self.process.later(retry, self.load)

    def hang(self, noticed: bool) -> None:
        """It computes no more. `noticed`: it is silent too, so its supervisor ends it; else only its jobs tell."""
        life, line = self._life, _line(self.process)
        self.moods.hung = True
        if noticed:
            self.process.later(HANG_S, lambda: self.crash("hung") if life == self._life else None)
        else:
            there = set(self._jobs)
            missed_s = BESIEGED_S if self.process.world.besieged_until else STALLED_S
            self.process.later(missed_s, lambda: self._missed(there, life, line))

    def _missed(self, there: set[str], life: int, line: object) -> None:
        """A job that ran as the engine stopped, on a line that was never cut, must have been taken away by now. In a
        cluster one that had given something: the first token is waited for by what else its worker was given."""
        connection = self.process.connection
        whole = connection is not None and line == _line(self.process) and not connection.up.dead
        of_cluster, history = self.process.world.kind == "cluster", self.process.world.history
        for job in (job for name, job in self._jobs.items() if name in there and (job.emitted or not of_cluster)):
            asked = job.submit.job.rpartition(".")[0] in history.stories  # a test of a worker has a longer time
            if asked and whole and life == self._life and self.moods.hung and not job.paused and not job.cancelled:
                history.note("stall missed", self.process.name, job.submit.job)

    def heal(self) -> None:
        self.moods = Moods(hung=self.moods.hung)
        self._wake()

    @property
    def broken(self) -> bool:
        return self.process.session.models[orders.MODEL].status == "broken"

    @property
    def paused(self) -> bool:
        """Whether a job waits for its client to read on."""
        return any(job.paused for job in self._jobs.values())

    @property
    def busy(self) -> int:
        return len(self._jobs)


def _line(process: "Process") -> object:
    """The same as long as whoever is at the other end sees all that comes from here. In a cluster a worker may be
    moved, which keeps no replica from that; but one that it comes back to gives it its time anew."""
    if process.world.kind == "cluster":
        return process.cuts, process.world.history.count["replica frozen"]
    return process.connection
