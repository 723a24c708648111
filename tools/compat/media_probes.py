"""Probes of the direct endpoints of media, and two pipelines that are ready for all that they ask."""

from coordinator.media.ready import Ready
from tools.compat.file_probes import PICTURE
from tools.compat.probes import Body, Probe
from wire.media import MAX_IMAGES, MediaOffer

# As long, and with as many steps, as any pipeline may take: what the document says is the most that is possible.
PIPELINES = """
media:
""" + "".join(
    f"""
  - id: {id}
    name: Draws, edits, films
    tools: [generate_image, edit_image, generate_video]
    pipeline: StableDiffusionPipeline
    repository: a/b
    defaults: {{width: 64, height: 64, steps: 8, fps: 16, seconds: 2}}
    limits: {{pixels: 1048576, frames: 2048, images: {MAX_IMAGES}, steps: 100}}
    price: 1
    licence: Apache-2.0
"""
    for id in ("draws", "draws-too")
)
_MODES = ("generate_image", "edit_image", "generate_video", "generate_video.first")
READY = Ready({"draws": (MediaOffer(id="draws", modes=_MODES),)})


def _add(**fields: object) -> Probe:
    return {}, fields


_ALL: dict[str, Probe] = {
    "model": _add(model="draws-too"),
    "prompt": _add(prompt="y"),
    "negative_prompt": _add(negative_prompt="y"),
    "size": _add(size="128x64"),
    "steps": _add(steps=9),
    "seed": _add(seed=7),
    "token_type": _add(token_type="spark"),
    "user": _add(user="u"),
    "safety_identifier": _add(safety_identifier="u"),
}
_PICTURES: dict[str, Probe] = _ALL | {
    "n": _add(n=2),
    "output_format": _add(output_format="webp"),
    "response_format": _add(response_format="url"),
    "stream": _add(stream=True),
    "partial_images": ({"stream": True}, {"stream": True, "partial_images": 1}),
}

GENERATION_BASE: Body = {"model": "draws", "prompt": "x"}
GENERATION: dict[str, Probe] = _PICTURES

EDIT_BASE: Body = {"model": "draws", "prompt": "x", "image": PICTURE}
EDIT: dict[str, Probe] = _PICTURES | {
    "image": _add(image=[PICTURE, PICTURE]),
    "images": _add(images=[{"image_url": PICTURE}]),
    "images[].image_url": ({"images": [{"image_url": PICTURE}]}, {"images": [{"image_url": "media-1"}]}),
}
EDIT_REFUSED: dict[str, Body] = {"images[].file_id": {"images": [{"file_id": "file-1"}]}}

VIDEO_BASE: Body = {"model": "draws", "prompt": "x"}
VIDEO: dict[str, Probe] = _ALL | {
    "seconds": _add(seconds="4"),
    "fps": _add(fps=24),
    "input_reference": _add(input_reference=PICTURE),
    "input_reference.image_url": _add(input_reference={"image_url": PICTURE}),
}
VIDEO_REFUSED: dict[str, Body] = {"input_reference.file_id": {"input_reference": {"file_id": "file-1"}}}
