"""Files of clients become what a pipeline wants of them, or a sentence for the client."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.media_files.decode import UnreadableError, open_picture, read_film, read_picture, read_sound
from worker.media_files.encode import Sound, write_film, write_sound

RATE = 48_000


def test_a_picture_is_upright_in_colour_and_fills_the_size(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    image = Image.new("L", (200, 100), 200)
    image.paste(0, (0, 0, 200, 50))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    image.save(path, exif=exif, quality=95)
    assert open_picture(path).size == (100, 200)
    fitted = read_picture(path, 64, 64)
    assert (fitted.size, fitted.mode) == ((64, 64), "RGB")
    left, right = np.asarray(fitted)[32, 4], np.asarray(fitted)[32, 60]
    assert left.mean() > 180 and right.mean() < 30


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a" + b"\0" * 50, b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(UnreadableError, match="PNG, JPEG or WebP"):
        open_picture(tmp_path / "p")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "p.png")
    with pytest.raises(UnreadableError, match="pixels"):
        open_picture(tmp_path / "p.png")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """20 frames, 2 s, each brighter than the one before, with a tone."""
    frames = [np.full((48, 64, 3), 10 * at, np.uint8) for at in range(20)]
    time_s = np.arange(2 * RATE) / RATE
    tone = (np.sin(2 * np.pi * (200 + 200 * time_s) * time_s) * 0.5).astype(np.float32)[None]
    write_film(tmp_path / "f.mp4", frames, 10, Sound(tone, RATE))
    return tmp_path / "f.mp4"


def grey(frames: list[Image.Image]) -> list[float]:
    return [float(np.asarray(frame).mean()) for frame in frames]


def test_frames_come_in_the_pace_and_from_the_second_that_is_wanted(film: Path) -> None:
    same = read_film(film, 0.0, 20, 10, 32, 32)
    assert [frame.size for frame in same] == [(32, 32)] * 20
    assert grey(same) == pytest.approx([10 * at for at in range(20)], abs=4)
    assert grey(read_film(film, 1.0, 4, 10, 32, 32)) == pytest.approx([100, 110, 120, 130], abs=4)
    assert grey(read_film(film, 0.0, 4, 5, 32, 32)) == pytest.approx([0, 20, 40, 60], abs=4)
    assert grey(read_film(film, 0.0, 4, 20, 32, 32)) == pytest.approx([0, 0, 10, 10], abs=4)
    held = read_film(film, 0.0, 22, 10, 32, 32)
    assert grey(held)[-3:] == pytest.approx([190] * 3, abs=4)


def test_a_film_that_is_too_short_or_none_is_told(film: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="ends"):
        read_film(film, 0.0, 40, 10, 32, 32)
    with pytest.raises(UnreadableError, match="over before second 60"):
        read_film(film, 60.0, 1, 10, 32, 32)
    write_sound(tmp_path / "s.wav", Sound(np.zeros((1, RATE), np.float32), RATE), "wav")
    with pytest.raises(UnreadableError, match="no film"):
        read_film(tmp_path / "s.wav", 0.0, 1, 10, 32, 32)
    (tmp_path / "x.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(UnreadableError, match="MP4"):
        read_film(tmp_path / "x.mp4", 0.0, 1, 10, 32, 32)


def test_a_sound_is_cut_and_resampled(film: Path, tmp_path: Path) -> None:
    whole = read_sound(film, 0.0, 2.0, RATE)
    assert whole is not None and whole.samples.shape == (2, 2 * RATE)
    later = read_sound(film, 0.5, 1.0, RATE)
    assert later is not None and np.allclose(later.samples, whole.samples[:, RATE // 2 : RATE // 2 + RATE], atol=1e-3)
    slow = read_sound(film, 1.5, 5.0, 16_000)
    assert slow is not None and slow.rate == 16_000 and 7_000 <= slow.samples.shape[1] <= 9_000  # what there is of it
    with pytest.raises(UnreadableError, match="nothing after second 60"):
        read_sound(film, 60.0, 1.0, RATE)
    write_film(tmp_path / "mute.mp4", [np.zeros((32, 32, 3), np.uint8)] * 4, 4)
    assert read_sound(tmp_path / "mute.mp4", 0.0, 1.0, RATE) is None
    (tmp_path / "x.mp3").write_bytes(b"<html>" * 100)
    with pytest.raises(UnreadableError, match="MP3"):
        read_sound(tmp_path / "x.mp3", 0.0, 1.0, RATE)
