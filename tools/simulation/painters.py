"""A pipeline that keeps the promises of worker/media_engine/port.py in virtual time: it makes one thing at a time, in
steps, and fails by switches. What comes of it is decided by commissions.content.
"""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from tools.simulation.commissions import PAINTER, content
from tools.simulation.engines import HANG_S, LOAD_S, PIPE_S, Moods
from wire.errors import ErrorCode
from wire.media import Stage
from worker.engine.restart import RestartPolicy
from worker.media_engine import port
from worker.media_engine.scripted import WAITING

if TYPE_CHECKING:
    from tools.simulation.studios import Studio

LATE_STEPS = 2  # that may follow a Cancel: the one that it came in, and one whose Cancel was in the pipe


@dataclass
class Painter:
    """One pipeline of a worker. `cancelled`: the jobs whose Cancel has come to the worker, and the steps since."""

    studio: "Studio"
    pace_s: float
    moods: Moods = field(default_factory=Moods)
    up: bool = False
    cancelled: Counter[str] = field(default_factory=Counter)
    _jobs: dict[str, port.Render] = field(default_factory=dict)  # the first is being made
    _step: int = 0  # of it
    _left: set[str] = field(default_factory=set)
    _policy: RestartPolicy = field(default_factory=RestartPolicy)
    _ready_since: float | None = None
    _stepping: bool = False
    _life: int = 0

    def __post_init__(self) -> None:
        self.process = self.studio.process
        self.world = self.process.world

    # ---- the port ------------------------------------------------------------------------------------------------

    def load(self) -> None:
        life = self._life
        self.process.later(self.world.dice.uniform(*LOAD_S), lambda: self._ready(life))

    def send(self, command: port.Command) -> None:
        self.process.later(PIPE_S, lambda: self._obey(command))

    def _tell(self, event: port.Event) -> None:
        self.process.later(PIPE_S, lambda: self.studio.painter_says(event))

    # ---- inside --------------------------------------------------------------------------------------------------

    def _ready(self, life: int) -> None:
        if life == self._life:
            self.up, self._ready_since = True, self.world.timeline.now
            offer = self.studio.wished
            most = offer.max_pixels, offer.max_frames, offer.max_seconds, offer.max_images
            self._tell(port.Ready(offer.modes, 0, *most))

    def _obey(self, command: port.Command) -> None:
        if isinstance(command, port.Cancel):
            self._left |= {command.job} & set(self._jobs)
        elif not self.up:
            message = "the pipeline is not running: try another worker"
            self._tell(port.Ended(command.job, "failed", ErrorCode.MODEL_NOT_LOADED, message))
        elif len(self._jobs) > WAITING:
            self._tell(port.Ended(command.job, "failed", ErrorCode.WORKER_BUSY, "too many wait for the pipeline"))
        else:
            self._jobs[command.job] = command
        self._wake()

    def _wake(self) -> None:
        if not self._stepping and self.up and self._jobs:
            self._stepping = True
            life = self._life
            self.process.later(self.pace_s * self.moods.slow, lambda: self._steps(life))

    def _steps(self, life: int) -> None:
        """One step of what is being made, or its end."""
        if life != self._life:
            return
        self._stepping = False
        if self.moods.hung:
            return
        render = next(iter(self._jobs.values()))
        commission = self.world.commissions.get(render.job.rpartition(".")[0])
        if render.job in self._left and not self.moods.deaf:
            self._ends(port.Ended(render.job, "cancelled"))
        elif commission is not None and self._step == commission.poison:
            self.world.history.note("poisoned", self.process.name, render.job)
            self.crash("poison")
        elif self._step < render.make.steps:
            self._step += 1
            self._looked_at(render.job)
            self._shows(render, "denoising")
            self._wake()
        else:
            self._shows(render, "saving")
            data = content(render.make, render.seed)
            name = sha256(data).hexdigest()
            self.studio.files[render.job] = data
            self.world.history.note("made", render.job, name)
            self._tell(port.Made(render.job, render.into, "image/png", name, len(data)))
            self._ends(port.Ended(render.job, "done"))

    def _looked_at(self, job: str) -> None:
        """Nothing is drawn on for nobody."""
        if job in self.cancelled and not self.moods.deaf:
            self.cancelled[job] += 1
            if self.cancelled[job] > LATE_STEPS:
                self.world.history.note("made for nobody", self.process.name, job)

    def _shows(self, render: port.Render, stage: Stage) -> None:
        self._tell(port.Progress(render.job, stage, self._step, render.make.steps, b"unfinished"))

    def _ends(self, ended: port.Ended) -> None:
        del self._jobs[ended.job]
        self._left.discard(ended.job)
        self._step = 0
        self._tell(ended)
        self._wake()

    # ---- failures ------------------------------------------------------------------------------------------------

    def crash(self, why: str) -> None:
        if not self.up:
            return
        now = self.world.timeline.now
        retry = self._policy.crashed(now, self._ready_since)
        jobs = tuple(self._jobs)
        self._jobs.clear()
        self._left.clear()
        self._step, self.up, self._stepping, self._ready_since = 0, False, False, None
        self._life += 1
        self.moods = Moods()
        self.world.history.note("crash", self.process.name, why)
        self._tell(port.Down(why, jobs, jobs[0] if jobs else None, retry))
        if retry is not None:
            self.process.later(retry, self.load)

    def hang(self) -> None:
        """It computes no more and says nothing, so its supervisor ends it."""
        life = self._life
        self.moods.hung = True
        self.process.later(HANG_S, lambda: self.crash("hung") if life == self._life else None)

    def heal(self) -> None:
        self.moods = Moods(hung=self.moods.hung)
        self._wake()

    @property
    def broken(self) -> bool:
        return self.process.session.media[PAINTER.id].status == "broken"

    @property
    def at_half(self) -> bool:
        """What it makes has half of its steps, and not all."""
        return any(self._step * 2 >= render.make.steps for render in list(self._jobs.values())[:1])

    @property
    def busy(self) -> int:
        return len(self._jobs)
