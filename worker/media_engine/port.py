"""What the worker asks of a pipeline that makes media and what it answers: types only.

Commands go in, events come out, both are frozen, as in worker/engine/port.py. `process` runs diffusers behind this port
in a child process, and `scripted` makes small files after some scripted steps: tests of others use it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from wire.errors import ErrorCode
from wire.media import Making, Stage
from wire.media_catalog import MediaSpec


@dataclass(frozen=True)
class PipelineSpec:
    """Everything that decides how a pipeline is loaded. `folder`: its weights, checked. `offload`: parts of it wait in
    main memory until it is their turn, `model` whole ones, `sequential` layer by layer; for a card that does not hold
    all of them. `scratch`: a folder of the process's own, for what its libraries keep; who starts it removes it."""

    model: MediaSpec
    folder: str
    device: str = "cpu"  # as torch says it: cpu, cuda, cuda:1
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    offload: Literal["none", "model", "sequential"] = "none"
    threads: int = 1  # of the processor
    scratch: str = ""


# ---- commands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Render:
    """Make one thing. `inputs`: SHA-256 and path of each file that `make` names. The result is written into the folder
    `into`; who asked removes it."""

    job: str
    make: Making
    seed: int
    inputs: tuple[tuple[str, str], ...]
    into: str


@dataclass(frozen=True)
class Cancel:
    """End the job within a step; answered by Ended(cancelled), or by the end that came first. A pipeline that does not
    leave in time is killed, so the answer may be a Down."""

    job: str


Command = Render | Cancel


# ---- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loading:
    """The pipeline is being loaded; said again while it goes on."""


@dataclass(frozen=True)
class Ready:
    """The pipeline is loaded, and what it can do: the fields of wire.media.MediaOffer. `memory_bytes`: what its weights
    take of the device. Said again when its limits shrink, because a job ran out of memory."""

    modes: tuple[str, ...]
    memory_bytes: int
    max_pixels: int
    max_frames: int
    max_seconds: int
    max_images: int


@dataclass(frozen=True)
class Progress:
    """How far the job is: the fields of wire.media.Progress. `preview`: a small JPEG of the unfinished picture."""

    job: str
    stage: Stage
    step: int = 0
    steps: int = 0
    preview: bytes = b""


@dataclass(frozen=True)
class Made:
    """The job's file is written; Ended(done) follows."""

    job: str
    path: str
    media_type: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Ended:
    """The pipeline is free again. `seconds`: that the job had it. `memory_bytes`: the most of the device that was taken
    meanwhile, weights included; 0: not measured."""

    job: str
    reason: Literal["done", "cancelled", "failed"]
    code: ErrorCode | None = None  # with "failed"
    message: str = ""
    seconds: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Pulse:
    """The pipeline is alive: at least every 2 s, whatever it computes. A longer silence means that it hangs."""

    busy: bool = False


@dataclass(frozen=True)
class Down:
    """The pipeline is gone, and the job in it with it; `guilty`: that job, if it ran.

    `retry_in_s`: it is being restarted; None: it stays down, and the machine has to be looked at anew. `problem`: the
    row of issues.py that says what is wrong with the machine, where that is known.
    """

    message: str
    jobs: tuple[str, ...] = ()
    guilty: str | None = None
    retry_in_s: float | None = None
    problem: str = ""


Event = Loading | Ready | Progress | Made | Ended | Pulse | Down


class MediaEngine(Protocol):
    """One pipeline that is loaded, or is being loaded or restarted. To be used from one event loop.

    It makes one thing at a time; a few more wait, in their order. Every Render comes to one end: an Ended, or its name
    in a Down.
    """

    def send(self, command: Command) -> None:
        """Hand over a command. Never blocks and never raises: a Render that cannot be taken is answered by
        Ended(failed), and a Cancel of a job that is not there is ignored."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """All events in their order, for one reader; the pipeline is loaded when the first is asked for. Ends after
        `close`. Raises what the engine itself died of, should it have a bug."""
        ...

    async def close(self) -> None:
        """End the engine; jobs that still run are answered by Ended(failed, worker_draining). Returns when its process
        is gone."""
        ...
