"""What travels on the pipes to and from a pipeline's process."""

from worker.media_engine.port import (
    Cancel,
    Command,
    Down,
    Ended,
    Event,
    Loading,
    Made,
    PipelineSpec,
    Progress,
    Pulse,
    Ready,
    Render,
)
from worker.subprocesses.codec import Codec

MAX_COMMAND_BYTES = 1 << 20  # a prompt and a negative one of 32,000 characters each, escaped
MAX_EVENT_BYTES = 1 << 20  # a preview has 100 KB

TO_PIPELINE: Codec[PipelineSpec | Command] = Codec(MAX_COMMAND_BYTES, PipelineSpec, Render, Cancel)
FROM_PIPELINE: Codec[Event] = Codec(MAX_EVENT_BYTES, Loading, Ready, Progress, Made, Ended, Pulse, Down)
