"""Entries of pipelines among the models."""

from openai.types import Model

from coordinator.openai.media.models import KIND, TAKES, Makers, kinds, media_model_object
from tests.coordinator.media_catalog import EDITS, FILMS
from wire.media_catalog import MediaSpec
from wire.media_tools import TOOLS

NOBODY = Makers(0, 0, 0, frozenset())


def test_an_entry_says_what_a_caller_needs() -> None:
    now = Makers(1, 2, 1, frozenset({"generate_image", "edit_image"}))
    shown = media_model_object(EDITS, now, created=7, claims=[("ab", 1)])
    assert Model.model_validate(shown, strict=True).id == "edits"
    assert shown == {
        "id": "edits",
        "object": "model",
        "created": 7,
        "owned_by": "supernet",
        "name": "Edits",
        "type": "image",
        "tools": ["generate_image", "edit_image"],
        "input_modalities": ["text", "image"],
        "output_modalities": ["image"],
        "architecture": {
            "modality": "text+image->image",
            "input_modalities": ["text", "image"],
            "output_modalities": ["image"],
        },
        "defaults": {"width": 64, "height": 64, "steps": 4},
        "limits": {"pixels": 65536, "multiple_of": 16, "images": 3, "steps": 50},
        "price": {
            "currency": "USD",
            "nano_per_unit": 5_000_000,
            "unit": "each started 1,048,576 pixels of a picture",
        },
        "licence": "MIT",
        "workers_online": 1,
        "slots": 2,
        "free_slots": 1,
        "modes": ["edit_image", "generate_image"],
        "weights": [{"sha256": "ab", "workers": 1, "claimed": True}],
    }


def test_a_film_has_seconds_and_frames() -> None:
    shown = media_model_object(FILMS, NOBODY, created=0)
    assert shown["type"] == "video" and shown["defaults"]["fps"] == 8 and shown["limits"]["frames"] == 33
    assert shown["modes"] == []


def test_every_tool_is_of_a_kind() -> None:
    assert set(KIND) == set(TAKES) == set(TOOLS)
    several = MediaSpec.model_validate({**FILMS.model_dump(), "tools": ("generate_video", "generate_image")})
    assert kinds(several) == ["image", "video"]
