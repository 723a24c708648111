"""The record of a stored file: what is not said of it is nothing."""

from dataclasses import FrozenInstanceError

import pytest

from coordinator.artefact import Artefact


def test_a_sound_has_no_size_in_pixels_and_no_record_changes() -> None:
    sound = Artefact("i" * 22, "a" * 64, "audio/flac", 9, made_ms=1, expires_ms=2, seconds=1.5)
    assert (sound.width, sound.height, sound.frames, sound.fps) == (0, 0, 0, 0.0)
    with pytest.raises(FrozenInstanceError):
        sound.expires_ms = 3  # type: ignore[misc]
