"""Entries of a catalog, offers of workers and a conversation, for the tests of calls."""

import json
from typing import Any

from coordinator.media.arguments import read
from coordinator.media.handles import Handles, Medium
from coordinator.media.makings import Order, order
from coordinator.media.ready import Ready
from wire.media import MediaOffer
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec, Pipeline
from wire.media_tools import Tool

PUBLIC_URL = "https://net.example"
ARTEFACT = "AbCdEfGhIjKlMnOpQrStUv"
LINK = f"{PUBLIC_URL}/m/{ARTEFACT}.png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
MP3 = b"ID3" + bytes(20)
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(20)


def spec(id: str, *tools: Tool, pipeline: Pipeline = "ZImagePipeline", **fields: Any) -> MediaSpec:
    defaults = {"width": 1024, "height": 1024, "steps": 8, "guidance": 4.0, "fps": 16, "seconds": 0}
    limits = {"pixels": 2048 * 2048, "frames": 81, "frames_step": 4, "seconds": 240, "images": 3, "steps": 50}
    return MediaSpec(
        id=id,
        name=id,
        tools=tools,
        pipeline=pipeline,
        repository="x/y",
        defaults=MediaDefaults(**defaults | fields.pop("defaults", {})),
        limits=MediaLimits(**limits | fields.pop("limits", {})),
        price=1000,
        licence="MIT",
        **fields,
    )


IMAGE = spec("z_image_turbo_bf16", "generate_image", defaults={"guidance": 0})
EDIT = spec("qwen_image_edit_2511_fp8", "edit_image")
SMALL = {"width": 832, "height": 480}
VIDEO = spec("wan-small", "generate_video", "video_to_video", defaults=SMALL, limits={"pixels": 832 * 480})
SOUND = spec("ltx23-22b-fp8_a2v_distilled", "sound_to_video", defaults=SMALL)
MUSIC = spec("ace_step_1.5_turbo", "generate_music", defaults={"seconds": 30})
CATALOG = (IMAGE, EDIT, VIDEO, SOUND, MUSIC)

MODES = {
    "generate_image": ("generate_image",),
    "edit_image": ("edit_image",),
    "generate_video": ("generate_video", "generate_video.first"),
    "video_to_video": ("video_to_video.restyle", "video_to_video.canny"),
    "sound_to_video": ("sound_to_video", "sound_to_video.image"),
    "generate_music": ("generate_music",),
}


def offer(spec: MediaSpec, **fields: Any) -> MediaOffer:
    wide: dict[str, Any] = {"max_pixels": 2048 * 2048, "max_frames": 81, "max_seconds": 240, "max_images": 3}
    modes = tuple(mode for tool in spec.tools for mode in MODES[tool])
    return MediaOffer(id=spec.id, modes=modes, **wide | fields)


READY = Ready({spec.id: (offer(spec),) for spec in CATALOG})


def conversation(*kinds: str) -> Handles:
    """One with files of these kinds, and nothing else."""
    handles = Handles(PUBLIC_URL)
    for number, kind in enumerate(kinds or ("image", "audio", "video"), 1):
        handles.add(Medium(kind, sha256=f"{number:064x}", data=b"x"))  # type: ignore[arg-type]
    return handles


def call(tool: str, arguments: dict[str, Any] | str, handles: Handles | None = None, ready: Ready = READY) -> Order:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return order(read(f"sogni_{tool}", text), CATALOG, ready, handles or conversation())
