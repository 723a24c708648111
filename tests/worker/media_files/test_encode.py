"""Files of pictures, film and sound: they decode to what was put in, are the same each time, and say nothing else."""

import hashlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from wire.media import ImageFormat, SoundFormat
from worker.media_files.encode import PREVIEW_SIDE, Sound, preview, write_film, write_picture, write_sound

RATE = 48_000
SECONDS = 2


def tone(channels: int = 2) -> Sound:
    wave = np.sin(np.arange(RATE * SECONDS, dtype=np.float32) * np.float32(2 * np.pi * 440 / RATE))
    return Sound(np.stack([wave * np.float32(0.5)] * channels), RATE)


def frames(count: int = 9) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    return [np.full((48, 80, 3), (at * 20, 100, 255 - at * 20), np.uint8) for at in range(count)]


def heard(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The first channel."""
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        pieces = [one.to_ndarray()[0] for frame in file.decode(audio=0) for one in resampler.resample(frame)]
    return np.concatenate(pieces)


def loudest_hz(samples: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples))


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_picture_has_the_size_and_about_the_colour_and_nothing_else(tmp_path: Path, format: ImageFormat) -> None:
    write_picture(tmp_path / "p", frames()[3], format)
    with Image.open(tmp_path / "p") as image:
        assert (image.format, image.size) == (format.upper(), (80, 48))
        assert not set(image.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "background"}
        colour = np.asarray(image.convert("RGB"), dtype=int).mean(axis=(0, 1))
    assert np.abs(colour - (60, 100, 195)).max() < 4


@pytest.mark.parametrize("sound", [None, tone(1), tone(2)])
def test_a_film_has_its_frames_its_pace_and_its_sound(tmp_path: Path, sound: Sound | None) -> None:
    path = tmp_path / "f.mp4"
    write_film(path, frames(33), 16, sound)
    with av.open(str(path)) as file:
        (film,) = file.streams.video
        assert film.codec_context.name == "h264" and film.average_rate == Fraction(16)
        shown = [frame.to_ndarray(format="rgb24") for frame in file.decode(film)]
        assert len(file.streams.audio) == (sound is not None)
    assert len(shown) == 33 and shown[0].shape == (48, 80, 3)
    assert np.abs(shown[8].mean(axis=(0, 1)) - (160, 100, 95)).max() < 8
    if sound:
        assert loudest_hz(heard(path)) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("format", ["mp3", "flac", "wav"])
def test_music_lasts_as_long_and_sounds_as_it_should(tmp_path: Path, format: SoundFormat) -> None:
    path = tmp_path / f"m.{format}"
    write_sound(path, tone(), format)
    samples = heard(path)
    assert len(samples) / RATE == pytest.approx(SECONDS, abs=0.06)
    assert loudest_hz(samples) == pytest.approx(440, abs=1)


def test_the_same_becomes_the_same_bytes_without_a_word_of_who_wrote_them(tmp_path: Path) -> None:
    digests: list[list[str]] = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        write_film(folder / "f.mp4", frames(), 16, tone())
        for format in ("mp3", "flac", "wav"):
            write_sound(folder / f"m.{format}", tone(), format)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())])
    assert digests[0] == digests[1]
    film = (tmp_path / "a" / "f.mp4").read_bytes()
    assert b"x264" not in film and b"Lavf" not in film


def test_a_preview_is_small_and_keeps_its_shape() -> None:
    data = preview(np.zeros((512, 1024, 3), np.uint8))
    assert data.startswith(b"\xff\xd8") and len(data) < 64 * 1024
    with Image.open(BytesIO(data)) as image:
        assert image.size == (PREVIEW_SIDE, PREVIEW_SIDE // 2)
