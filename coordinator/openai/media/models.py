"""An entry of `GET /v1/models?type=image|video|audio`: what a pipeline makes, how large, and at what price."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coordinator.media.shape import side_step
from coordinator.openai.json_body import Json
from wire.media_catalog import MediaSpec
from wire.media_tools import Tool

KIND: dict[Tool, str] = {
    "generate_image": "image",
    "edit_image": "image",
    "generate_video": "video",
    "sound_to_video": "video",
    "video_to_video": "video",
    "generate_music": "audio",
}
KINDS = ("image", "video", "audio")
UNITS = {
    "image": "each started 1,048,576 pixels of a picture",
    "video": "each started second of film and 1,048,576 pixels of a frame",
    "audio": "each second of music",
}
TAKES: dict[Tool, tuple[str, ...]] = {
    "generate_image": (),
    "edit_image": ("image",),
    "generate_video": ("image",),
    "sound_to_video": ("audio", "image"),
    "video_to_video": ("video", "image"),
    "generate_music": (),
}


@dataclass(frozen=True)
class Makers:
    """What the network has for a pipeline now. `modes`: what those of its workers can make that offer slots."""

    workers: int
    slots: int
    free: int
    modes: frozenset[str]


def kinds(spec: MediaSpec) -> list[str]:
    """Of what it makes, in the order of KINDS."""
    made = {KIND[tool] for tool in spec.tools}
    return [kind for kind in KINDS if kind in made]


def media_model_object(
    spec: MediaSpec, now: Makers, *, created: int, claims: Sequence[tuple[str, int]] = ()
) -> dict[str, Any]:
    """The object of one pipeline. `type`: what it makes, the first of several. `modes`: what can be asked for at this
    moment. `created` in Unix seconds; `claims` as in coordinator/openai/models.py."""
    made = kinds(spec)
    takes = ["text", *dict.fromkeys(kind for tool in spec.tools for kind in TAKES[tool])]
    both = {"input_modalities": takes, "output_modalities": made}
    return {
        "id": spec.id,
        "object": "model",
        "created": created,
        "owned_by": "supernet",
        "name": spec.name,
        "type": made[0],
        "tools": list(spec.tools),
        **both,
        "architecture": {"modality": f"{'+'.join(takes)}->{'+'.join(made)}", **both},
        "defaults": {name: value for name, value in spec.defaults.model_dump().items() if value and name != "guidance"},
        "limits": _limits(spec),
        "price": {"currency": "USD", "nano_per_unit": spec.price, "unit": UNITS[made[0]]},
        "licence": spec.licence,
        "workers_online": now.workers,
        "slots": now.slots,
        "free_slots": now.free,
        "modes": sorted(now.modes),
        "weights": [{"sha256": sha256, "workers": workers, "claimed": True} for sha256, workers in claims],
    }


def _limits(spec: MediaSpec) -> Json:
    """Without what there is none of in what it makes."""
    said = {name: value for name, value in spec.limits.model_dump().items() if value and name != "frames_step"}
    return {**said, "multiple_of": side_step(spec)} if spec.limits.pixels else {**said, "multiple_of": 1}
