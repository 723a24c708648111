"""What the daemon says of itself to its owner: one picture for --status, --health and /metrics. Pure."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from wire.earnings import Earnings
from wire.guesses import Guesses
from wire.idle import Idle
from wire.messages import Issue
from worker.machine.availability import SlotOffer
from worker.machine.description import Reading
from worker.session.served_media import ServedMedia
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.telemetry.counters import Counters, ModelCounters
from worker.telemetry.media_counters import MediaCounters

Phase = Literal["starting", "serving", "waiting", "draining"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelView(_Frozen):
    """One model, as its owner sees it.

    `slots` were planned, `offered` of them are open to the network now, `running` are taken. Speeds are of the last
    second, all jobs together; `tokens_per_step` is of one job, when tokens were last drawn. `encodes` are of pictures,
    and took `encode_ms`; `kept_pictures` need none if they come again.
    """

    id: str
    status: str
    slots: int
    offered: int
    running: int
    context: int
    decode_tps: float = 0.0
    prefill_tps: float = 0.0
    longest_stall_ms: float = 0.0
    python_share: float = 0.0
    ended: dict[str, int] = {}
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    forced_tokens: int = 0
    tokens_per_step: float = 0.0
    guesses: tuple[Guesses, ...] = ()
    image_ms: float | None = None  # of a picture of 1,024 tokens; None: it takes text only, or is not loaded
    encodes: int = 0
    encode_ms: float = 0.0
    kept_pictures: int = 0
    restarts: int = 0


class MediaView(_Frozen):
    """One pipeline, as its owner sees it. `stage` and `step` of `steps` are of the job that runs, `speed` is of the
    last one that was made, in steps of a million pixels (of music: of a second) a second."""

    id: str
    status: str
    slots: int
    offered: int
    running: int
    modes: tuple[str, ...] = ()
    max_pixels: int = 0
    stage: str = ""
    step: int = 0
    steps: int = 0
    speed: float = 0.0
    ended: dict[str, int] = {}
    seconds: float = 0.0  # that jobs had the pipeline
    memory_bytes: int = 0  # the most of the device that a job took; 0: not measured
    uploads: int = 0
    upload_bytes: int = 0
    failed_uploads: int = 0
    restarts: int = 0


class Problem(_Frozen):
    """A problem with the time at which it came, in seconds of the epoch."""

    since: float
    issue: Issue


class Status(_Frozen):
    """Everything that the owner is shown of the worker.

    The phase is `starting` while the model is fetched and laid out, `waiting` while a problem keeps it from serving
    until the next try.
    """

    time: float
    pid: int
    worker: str
    name: str
    version: str
    uptime_s: float
    phase: Phase
    progress: str = ""  # of `starting`, in words
    coordinator: str = ""  # "registered", or why not
    paused: bool = False
    reason: str | None = None  # why not all slots are offered
    words: str = ""
    jobs: int = 0
    refused: dict[str, int] = {}
    models: tuple[ModelView, ...] = ()
    media: tuple[MediaView, ...] = ()
    gpus: tuple[Reading, ...] = ()
    memory_bytes: int = 0  # of the machine
    available_bytes: int = 0
    earnings: Earnings | None = None
    idle: Idle | None = None  # why there are no jobs, as the coordinator says; None: there are, or it says nothing
    newest: str = ""  # of this program's versions, as the coordinator says
    problems: tuple[Problem, ...] = ()  # that are not over
    last_problem: Problem | None = None  # over or not

    @property
    def ready(self) -> bool:
        """Something is loaded."""
        return any(one.status == "ready" for one in self.models) or any(one.status == "ready" for one in self.media)

    @property
    def registered(self) -> bool:
        return self.coordinator == "registered"


def model_views(session: Session, counters: Counters) -> tuple[ModelView, ...]:
    """What the owner is shown of each model."""
    return tuple(_view(name, served, counters.models[name]) for name, served in session.models.items())


def _view(name: str, served: ServedModel, counts: ModelCounters) -> ModelView:
    return ModelView(
        id=name,
        status=served.status,
        slots=served.slots.count,
        offered=served.slots.offered,
        running=served.slots.held,
        context=served.offer.context,
        decode_tps=round(counts.decode_tps, 1),
        prefill_tps=round(counts.prefill_tps, 1),
        longest_stall_ms=round(counts.longest_stall_ms, 1),
        python_share=round(counts.python_share, 4),
        ended=dict(counts.ended),
        prompt_tokens=counts.prompt_tokens,
        cached_tokens=counts.cached_tokens,
        completion_tokens=counts.completion_tokens,
        forced_tokens=counts.forced_tokens,
        tokens_per_step=round(counts.tokens_per_step, 3),
        guesses=tuple(Guesses(source=source, drafted=n, accepted=k) for source, (n, k) in counts.guesses.items()),
        image_ms=counts.image_ms,
        encodes=counts.encodes,
        encode_ms=round(counts.encode_ms, 1),
        kept_pictures=counts.pulse.kept_pictures if counts.pulse else 0,
        restarts=counts.restarts,
    )


def media_views(session: Session, counters: Mapping[str, MediaCounters]) -> tuple[MediaView, ...]:
    """What the owner is shown of each pipeline."""
    return tuple(_media_view(name, served, counters[name]) for name, served in session.media.items())


def _media_view(name: str, served: ServedMedia, counts: MediaCounters) -> MediaView:
    return MediaView(
        id=name,
        status=served.status,
        slots=served.slots.count,
        offered=served.slots.offered,
        running=served.slots.held,
        modes=served.offer.modes,
        max_pixels=served.offer.max_pixels,
        stage=counts.stage or "",
        step=counts.step,
        steps=counts.steps,
        speed=round(counts.speed, 3),
        ended=dict(counts.ended),
        seconds=round(counts.seconds, 1),
        memory_bytes=counts.memory_bytes,
        uploads=counts.uploads,
        upload_bytes=counts.upload_bytes,
        failed_uploads=counts.failed_uploads,
        restarts=counts.restarts,
    )


def with_session(
    base: Status, session: Session, counters: Counters, media: Mapping[str, MediaCounters], offer: SlotOffer
) -> Status:
    """Return `base`, which says who and when, with what the session, its counters and the offer know."""
    draining = session.leaving.begun
    return base.model_copy(
        update={
            "phase": "draining" if draining else "serving" if session.models or session.media else "waiting",
            "reason": offer.reason,
            "words": offer.words,
            "jobs": sum(not attempt.ended for attempt in session.jobs.attempts.values()),
            "refused": dict(counters.refused),
            "models": model_views(session, counters),
            "media": media_views(session, media),
            "earnings": session.earnings,
            "idle": session.idle,
            "newest": session.newest,
        }
    )
