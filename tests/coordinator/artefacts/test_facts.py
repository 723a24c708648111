"""Whether a file is what was asked for."""

from dataclasses import replace
from typing import Any

import pytest

from coordinator.artefacts.facts import Facts, fault, media_type
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, Making

PICTURE = GenerateImage(prompt="a", width=64, height=48, steps=1)
EDIT = EditImage(prompt="a", width=64, height=48, steps=1, format="webp", images=("0" * 64,))
FILM = GenerateVideo(prompt="a", width=64, height=48, frames=17, fps=16, steps=1)
MUSIC = GenerateMusic(prompt="a", seconds=10, steps=1, format="mp3")

RIGHT: list[tuple[Making, Facts]] = [
    (PICTURE, Facts("image/png", 64, 48)),
    (EDIT, Facts("image/webp", 64, 48)),
    (FILM, Facts("video/mp4", 64, 48, 17, 16.01, 17 / 16)),
    (MUSIC, Facts("audio/mpeg", seconds=10.05)),
    (MUSIC.model_copy(update={"format": "wav"}), Facts("audio/wav", seconds=9.5)),
]


@pytest.mark.parametrize(("make", "facts"), RIGHT)
def test_what_was_asked_for_is_taken(make: Making, facts: Facts) -> None:
    assert media_type(make) == facts.media_type
    assert fault(make, facts) is None


@pytest.mark.parametrize(
    ("make", "facts", "change"),
    [
        (*RIGHT[0], {"media_type": "image/jpeg"}),
        (*RIGHT[0], {"media_type": "video/mp4"}),
        (*RIGHT[0], {"width": 48, "height": 64}),
        (*RIGHT[1], {"height": 40}),
        (*RIGHT[2], {"frames": 16}),
        (*RIGHT[2], {"fps": 8.0}),
        (*RIGHT[2], {"width": 32}),
        (*RIGHT[3], {"seconds": 5.0}),
        (*RIGHT[3], {"seconds": 20.0}),
    ],
)
def test_what_is_paid_by_size_and_length_is_held_to_them(make: Making, facts: Facts, change: dict[str, Any]) -> None:
    assert "asked for" in (fault(make, replace(facts, **change)) or "")
