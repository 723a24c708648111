"""What travels on the pipes to and from an engine's process."""

from worker.engine.port import (
    Cancel,
    Command,
    Continue,
    Down,
    Ended,
    EngineSpec,
    Event,
    Loading,
    Pause,
    Picture,
    Pulse,
    Ready,
    Stepped,
    Submit,
)
from worker.subprocesses.codec import MAX_LINE_BYTES, Codec

MAX_EVENT_BYTES = 4 << 20  # a step of 256 tokens with 20 alternatives each has 0.5 MB

TO_ENGINE: Codec[EngineSpec | Command] = Codec(MAX_LINE_BYTES, EngineSpec, Picture, Submit, Cancel, Pause, Continue)
FROM_ENGINE: Codec[Event] = Codec(MAX_EVENT_BYTES, Loading, Ready, Stepped, Ended, Pulse, Down)
