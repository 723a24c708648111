"""What travels to and from a pipeline's process comes out as it went in, and nothing else comes out."""

from pathlib import Path

import pytest

from tests.worker.media_engine.bench import spec
from wire.errors import ErrorCode
from wire.media import EditImage, GenerateMusic
from worker.media_engine.pipe import FROM_PIPELINE, TO_PIPELINE
from worker.media_engine.port import Cancel, Command, Down, Ended, Event, Loading, Made, Progress, Pulse, Ready, Render
from worker.subprocesses.codec import Garbled

EDIT = EditImage(prompt="\N{SNOWMAN} \u2028", width=64, height=64, steps=2, images=("0" * 64,))


@pytest.mark.parametrize(
    "command",
    [
        Render("j", EDIT, 2**62, (("0" * 64, "/tmp/a"),), "/tmp"),
        Render("j", GenerateMusic(prompt="p", seconds=3, steps=2), 1, (), "/tmp"),
        Render("j", EDIT.model_copy(update={"prompt": "\0" * 32_000, "negative_prompt": "\0" * 32_000}), 1, (), "/t"),
        Cancel("j"),
    ],
)
def test_commands(command: Command) -> None:
    assert TO_PIPELINE.decode(TO_PIPELINE.encode(command)) == command


def test_the_spec() -> None:
    sent = spec("WanPipeline", Path("/weights"))
    assert TO_PIPELINE.decode(TO_PIPELINE.encode(sent)) == sent


@pytest.mark.parametrize(
    "event",
    [
        Loading(),
        Ready(("generate_image",), 1, 2, 3, 4, 5),
        Progress("j", "denoising", 1, 8, b"\xff\xd8\x00"),
        Made("j", "/tmp/made.png", "image/png", "0" * 64, 7),
        Ended("j", "failed", ErrorCode.INVALID_REQUEST, "why", 1.5, 2),
        Pulse(True),
        Down("why", ("j",), "j", None, "damaged_file"),
    ],
)
def test_events(event: Event) -> None:
    assert FROM_PIPELINE.decode(FROM_PIPELINE.encode(event)) == event


def test_a_request_that_is_none_is_not_taken() -> None:
    line = TO_PIPELINE.encode(Render("j", EDIT, 1, (), "/tmp")).replace(b'"edit_image"', b'"edit_a_file"')
    with pytest.raises(Garbled):
        TO_PIPELINE.decode(line)
