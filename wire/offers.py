"""What a worker says of itself: its hardware, the models that it serves and how fast, and how each of them is now."""

from typing import Annotated, Literal

from pydantic import Field

from wire.guesses import SomeGuesses
from wire.scalars import Count, Frozen, Id, Rate, Text

MOST_JOULES = 1e15  # a megawatt for thirty years


class Gpu(Frozen):
    """One graphics card. `backend` is the one of llama.cpp that drives it, "CUDA" or "Vulkan"; `shared` says that its
    memory is the main memory."""

    name: Text
    memory_bytes: Count
    free_bytes: Count = 0
    driver: Text = ""
    backend: Text = ""
    shared: bool = False


class Hardware(Frozen):
    """The machine, for people to look at: nothing is decided by it."""

    cpu: Text = ""
    cpu_cores: int = Field(1, ge=1, le=2**16)
    memory_bytes: Count = 0
    gpus: tuple[Gpu, ...] = Field((), max_length=64, fail_fast=True)


class SpeedPoint(Frozen):
    """One point of a measured speed curve: all `streams` together decode `decode_tps` tokens a second. `ttft_ms` is for
    a prompt of 512 tokens."""

    streams: int = Field(ge=1, le=256)
    decode_tps: Rate
    prefill_tps: Rate
    ttft_ms: Rate


class ModelOffer(Frozen):
    """A model that is loaded, or being loaded, with what one job can really use. `sha256` is that of its file (of a
    split model the first) by the worker's own word; clients are told it as a claim. `image_ms`: what the encoder takes
    for one picture of 1,024 tokens with nothing beside it, measured at each load and not with the curve, which an
    owner need never measure; None: the model sees no pictures."""

    id: Id
    sha256: Annotated[str, Field(max_length=64)] = ""
    context: int = Field(ge=1, le=2**24)  # tokens of one job, prompt and answer together
    slots: int = Field(ge=1, le=256)
    features: tuple[Id, ...] = Field((), max_length=32, fail_fast=True)
    speed: tuple[SpeedPoint, ...] = Field((), max_length=16, fail_fast=True)
    image_ms: Rate | None = None


ModelStatus = Literal["loading", "ready", "down", "broken"]


class ModelState(Frozen):
    """How an offered model is now. `free` may be lower than slots minus jobs: a slot is a lease that ends when the
    engine says so. `guesses`, and how many tokens a step gave a job, are since its engine was started; 0: none yet."""

    id: Id
    status: ModelStatus
    slots: int = Field(ge=0, le=256)
    free: int = Field(ge=0, le=256)
    tokens_per_step: Rate = 0
    guesses: SomeGuesses = ()


class Power(Frozen):
    """What the cards that the worker computes on drew since its process began, by their own sensors: all of it, also
    what their owner used them for. `seconds`: for how long they were measured, so that a gap is no zero."""

    joules: float = Field(ge=0, le=MOST_JOULES, allow_inf_nan=False)
    seconds: float = Field(ge=0, le=1e10, allow_inf_nan=False)
