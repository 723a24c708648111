"""One job after the other: read its files, run the pipeline, write what came of it, and tell how it goes.

`run` belongs to the thread that computes; `post` and `stop` may be called from any other.
"""

import hashlib
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Literal, Protocol

from wire.errors import ErrorCode
from wire.media import EditImage, GenerateImage, GenerateMusic, Making, MediaOffer, Stage
from worker.media_engine.child import inputs
from worker.media_engine.child.inputs import Inputs
from worker.media_engine.child.recipes import Recipe, RefusedError, recipe
from worker.media_engine.port import Cancel, Command, Ended, Event, Made, PipelineSpec, Progress, Ready, Render
from worker.media_engine.previews import preview_steps
from worker.media_files.decode import UnreadableError
from worker.media_files.encode import MEDIA_TYPES, Output, Pixels, preview, write_film, write_picture, write_sound

WAITING = 16  # jobs behind the one that runs
SMALLER = 0.75  # of the pixels at which memory ran out: the next offer
LEAST_PIXELS = 128 * 128
log = logging.getLogger("supernet.media")

Reason = Literal["done", "cancelled", "failed"]


class CancelledError(Exception):
    """The job is to end: raised out of the step that was under way."""


class Pipelines(Protocol):
    """What jobs need of pipelines.Pipelines, so that their order and their failures can be tested without torch."""

    weights_bytes: int

    @property
    def modes(self) -> tuple[str, ...]: ...
    @property
    def sound_hz(self) -> int: ...
    def peak_bytes(self) -> int: ...
    def tighten(self) -> None: ...
    def render(
        self, recipe: Recipe, inputs: Inputs, seed: int, on_step: Callable[[int, Callable[[], Pixels]], None]
    ) -> Output: ...


class Jobs:
    """The jobs of one pipeline. `short_of_memory`: whether an error means that there was none left."""

    def __init__(
        self,
        spec: PipelineSpec,
        pipelines: Pipelines,
        emit: Callable[[Event], None],
        short_of_memory: Callable[[BaseException], bool],
        clock: Callable[[], float],
    ) -> None:
        self._spec, self._pipelines, self._emit = spec.model, pipelines, emit
        self._short_of_memory, self._clock = short_of_memory, clock
        limits = spec.model.limits
        self._max_pixels = limits.pixels
        self._posted: SimpleQueue[Render | None] = SimpleQueue()
        self._lock = Lock()
        self._known: set[str] = set()  # posted and not ended
        self._cancelled: set[str] = set()

    @property
    def busy(self) -> bool:
        return bool(self._known)

    def post(self, command: Command) -> None:
        """Take a command from another thread."""
        with self._lock:
            if isinstance(command, Cancel):
                if command.job in self._known:
                    self._cancelled.add(command.job)
                return
            full = len(self._known) > WAITING
            if not full:
                self._known.add(command.job)
        if full:
            self._emit(Ended(command.job, "failed", ErrorCode.WORKER_BUSY, "too many jobs wait for the pipeline"))
        else:
            self._posted.put(command)

    def stop(self) -> None:
        """End `run` after the job in hand, which ends at its next step."""
        with self._lock:
            self._cancelled |= self._known
        self._posted.put(None)

    def run(self) -> None:
        """Say Ready, then do what is posted, until `stop`."""
        self._emit(self.ready())
        while (render := self._posted.get()) is not None:
            began = self._clock()
            reason, code, message = self._end_of(render)
            with self._lock:
                self._known.discard(render.job)
                self._cancelled.discard(render.job)
            seconds, most = max(0.0, self._clock() - began), self._pipelines.peak_bytes()
            self._emit(Ended(render.job, reason, code, message, seconds, most))

    def ready(self) -> Ready:
        """What the pipeline can do now."""
        limits, pipelines = self._spec.limits, self._pipelines
        size = (self._max_pixels, limits.frames, limits.seconds, limits.images)
        return Ready(pipelines.modes, pipelines.weights_bytes, *size)

    def _end_of(self, render: Render) -> tuple[Reason, ErrorCode | None, str]:
        try:
            self._emit(self._made(render))
        except CancelledError:
            return "cancelled", None, ""
        except (RefusedError, UnreadableError) as error:
            return "failed", ErrorCode.INVALID_REQUEST, str(error)
        except OSError as error:  # its disk is full, say; the system's own words say nothing of the request
            why = error.strerror or type(error).__name__
            return "failed", ErrorCode.ENGINE_ERROR, f"a file of the job could not be read or written: {why}"
        except Exception as error:  # noqa: BLE001 - one job's failure, whatever it is, must not end the others'
            if self._short_of_memory(error):
                return "failed", ErrorCode.ENGINE_ERROR, self._shrink(render.make)
            traceback.print_exc()
            return "failed", ErrorCode.ENGINE_ERROR, f"the pipeline failed: {type(error).__name__}"
        return "done", None, ""

    def _made(self, render: Render) -> Made:
        able = self.ready()
        offer = MediaOffer(
            id=self._spec.id,
            modes=able.modes,
            max_pixels=able.max_pixels,
            max_frames=able.max_frames,
            max_seconds=able.max_seconds,
            max_images=able.max_images,
        )
        plan = recipe(render.make, self._spec, offer)
        self._leave_if_cancelled(render)
        self._say(render, "encoding", 0, plan.steps)
        paths = {name: Path(path) for name, path in render.inputs}
        given = inputs.read(render.make, plan, paths, self._pipelines.sound_hz)
        output = self._rendered(render, plan, given)
        self._leave_if_cancelled(render)
        self._say(render, "saving", plan.steps, plan.steps)
        return save(render, output)

    def _rendered(self, render: Render, plan: Recipe, given: Inputs) -> Output:
        shown = preview_steps(plan.steps, getattr(render.make, "previews", 0))

        def on_step(step: int, picture: Callable[[], Pixels]) -> None:
            self._leave_if_cancelled(render)
            at = min(step, plan.steps)
            self._say(render, "denoising", at, plan.steps, preview(picture()) if step in shown else b"")
            if step >= plan.steps:
                self._say(render, "decoding", at, plan.steps)

        try:
            return self._pipelines.render(plan, given, render.seed, on_step)
        except Exception as error:
            if not self._short_of_memory(error):
                raise
            log.warning("memory ran out; once more with as little as may be")
        self._pipelines.tighten()
        return self._pipelines.render(plan, given, render.seed, on_step)

    def _leave_if_cancelled(self, render: Render) -> None:
        if render.job in self._cancelled:
            raise CancelledError

    def _shrink(self, make: Making) -> str:
        """Offer less from now on; returns what happened, in words."""
        pixels = 0 if isinstance(make, GenerateMusic) else make.width * make.height
        if pixels:
            self._max_pixels = min(self._max_pixels, max(LEAST_PIXELS, int(pixels * SMALLER)))
            self._emit(self.ready())
        return "there is not enough memory for it on this worker: try another"

    def _say(self, render: Render, stage: Stage, step: int, steps: int, shown: bytes = b"") -> None:
        self._emit(Progress(render.job, stage, step, steps, shown))


def save(render: Render, output: Output) -> Made:
    """Write what was made into the job's folder."""
    make, folder = render.make, Path(render.into)
    if isinstance(make, GenerateMusic):
        assert output.sound is not None
        path, media_type = folder / f"made.{make.format}", MEDIA_TYPES[make.format]
        write_sound(path, output.sound, make.format)
    elif isinstance(make, GenerateImage | EditImage):
        assert output.frames is not None
        path, media_type = folder / f"made.{make.format}", MEDIA_TYPES[make.format]
        write_picture(path, output.frames[0], make.format)
    else:
        assert output.frames is not None
        path, media_type = folder / "made.mp4", "video/mp4"
        write_film(path, output.frames, make.fps, output.sound)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Made(render.job, str(path), media_type, digest, path.stat().st_size)
