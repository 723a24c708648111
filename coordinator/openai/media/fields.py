"""The fields of the direct endpoints that have no effect here, that may only have some values, or that are refused.

The method is that of coordinator/openai/fields.py: nothing is accepted and ignored unless it is on a list with its
reason.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.openai.fields import Fields

Limited = Mapping[str, tuple[tuple[Any, ...], str]]

_HINTS: Mapping[str, str] = {
    "quality": "a pipeline draws with its own number of steps; 'steps' asks for another",
    "moderation": "what may be made is decided by the operator's filter, and is the same for all requests",
    "complexity": "a hint to models that plan a picture before they draw it; none here does",
}

_ELSEWHERE: Mapping[str, str] = {
    "width": "use 'size', such as '1024x768'",
    "height": "use 'size', such as '1024x768'",
    "num_inference_steps": "use 'steps'",
    "guidance_scale": "the pipeline's own is used",
    "num_images": "use 'n'",
}

_NO_ANIMATION: Mapping[str, str] = {
    "frame_count": "pictures do not move; POST /v1/videos makes films",
    "frame_duration_ms": "pictures do not move; POST /v1/videos makes films",
    "svg": "pictures are made of pixels: PNG, JPEG or WebP",
}

# What POST /v1/images/generations and /edits check and then have no use for.
LABELS: Mapping[str, str] = {
    "user": "a label of the caller's own end user; it is neither kept nor sent to a worker",
    "safety_identifier": "the new name of 'user'",
}

GENERATION_ACCEPTED: Mapping[str, str] = {
    **_HINTS,
    "style": "say in the prompt how it should look",
}
EDIT_ACCEPTED: Mapping[str, str] = {
    **_HINTS,
    "input_fidelity": "the pipeline is shown each picture whole, as large as it takes them",
}
IMAGES_LIMITED: Limited = {
    "background": (("auto", "opaque"), "no pipeline here draws transparent pictures"),
    "output_compression": (
        (100,),
        "pictures are not compressed further; 'output_format' jpeg or webp makes them small",
    ),
}
GENERATION_REFUSED: Mapping[str, str] = {
    **_ELSEWHERE,
    **_NO_ANIMATION,
    "image": "POST /v1/images/edits makes pictures from others",
    "images": "POST /v1/images/edits makes pictures from others",
}
EDIT_REFUSED: Mapping[str, str] = {
    **_ELSEWHERE,
    **_NO_ANIMATION,
    "mask": "no pipeline here takes one; say in the prompt what to change and what to leave as it is",
    "markup": "no pipeline here takes one; say in the prompt what to change and what to leave as it is",
    "style": "say in the prompt how it should look",
}
VIDEOS_REFUSED: Mapping[str, str] = {
    "width": "use 'size', such as '832x480'",
    "height": "use 'size', such as '832x480'",
    "num_inference_steps": "use 'steps'",
    "guidance_scale": "the pipeline's own is used",
    "num_frames": "use 'seconds', and 'fps' if it matters",
    "duration": "use 'seconds'",
    "n": "one film a request: send it again",
    "stream": "ask GET /v1/videos/ID how far it is",
    "characters": "none are kept; a picture in 'input_reference' shows the film how to begin",
    "remix_video_id": "films are made from a prompt and a picture",
}


_NONE: Mapping[str, str] = {}
_NONE_LIMITED: Limited = {}


class GenerationFields(Fields):
    """Fields of POST /v1/images/generations."""

    accepted = GENERATION_ACCEPTED
    limited = IMAGES_LIMITED
    refused = GENERATION_REFUSED


class EditFields(Fields):
    """Fields of POST /v1/images/edits."""

    accepted = EDIT_ACCEPTED
    limited = IMAGES_LIMITED
    refused = EDIT_REFUSED


class VideoFields(Fields):
    """Fields of POST /v1/videos."""

    accepted = _NONE
    limited = _NONE_LIMITED
    refused = VIDEOS_REFUSED


class QueryFields(Fields):
    """Parameters of a query about media."""

    accepted = _NONE
    limited = _NONE_LIMITED
    refused = _NONE
