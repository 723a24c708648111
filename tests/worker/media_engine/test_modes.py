"""The table of modes: whole, true to the names of the wire, and with a reason for each that nobody offers."""

from pathlib import Path
from typing import get_args

import pytest

from wire.media import ControlMode, GenerateVideo, SoundToVideo, VideoToVideo, needs
from wire.media_catalog import MediaSpec, Pipeline
from wire.media_tools import Tool
from worker.media_engine.modes import ALL_MODES, MODES, NOT_OFFERED, modes

FILM = {"prompt": "p", "width": 64, "height": 64, "frames": 5, "fps": 8, "steps": 2}
SHA = "0" * 64


def test_each_pipeline_of_the_catalog_does_something() -> None:
    assert set(MODES) == set(get_args(Pipeline)) and all(MODES.values())


def test_each_mode_is_offered_by_some_pipeline_or_has_its_reason() -> None:
    wanted = {"generate_image", "edit_image", "generate_music"}
    for first, last in [(None, None), (SHA, None), (None, SHA), (SHA, SHA)]:
        wanted |= needs(GenerateVideo.model_validate({**FILM, "first": first, "last": last}))
    for image in (None, SHA):
        wanted |= needs(SoundToVideo.model_validate({**FILM, "sound": SHA, "image": image}))
    for mode in get_args(ControlMode):
        wanted |= needs(VideoToVideo.model_validate({**FILM, "video": SHA, "mode": mode}))
    assert set(ALL_MODES) | set(NOT_OFFERED) == wanted
    assert not set(ALL_MODES) & set(NOT_OFFERED)


def spec(pipeline: Pipeline, *tools: Tool) -> MediaSpec:
    return MediaSpec.model_validate(
        {
            **{"id": "m", "name": "M", "tools": tools, "pipeline": pipeline, "repository": "a/b", "price": 1},
            **{"defaults": {"width": 64, "height": 64, "fps": 8, "steps": 4}, "licence": "MIT"},
            "limits": {"pixels": 4096, "frames": 9, "seconds": 9},
        }
    )


@pytest.mark.parametrize(
    ("pipeline", "tools", "found"),
    [
        ("ZImagePipeline", ("generate_image",), ("generate_image",)),
        ("StableDiffusionPipeline", ("edit_image",), ("edit_image",)),
        ("WanPipeline", ("video_to_video",), ("video_to_video.restyle",)),
        ("LTX2DFRPipeline", ("sound_to_video",), ("sound_to_video", "sound_to_video.image")),
        ("AceStepPipeline", ("generate_image",), ()),
    ],
)
def test_an_entry_has_the_modes_of_its_tools(
    pipeline: Pipeline, tools: tuple[Tool, ...], found: tuple[str, ...]
) -> None:
    assert modes(spec(pipeline, *tools)) == found


def test_the_documents_have_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "media-pipelines.md").read_text(encoding="utf-8")
    for mode in ALL_MODES:
        assert f"| `{mode}` | {', '.join(sorted(one for one in MODES if mode in MODES[one]))} |" in page
    for mode, reason in NOT_OFFERED.items():
        assert f"| `{mode}` | {reason} |" in page
