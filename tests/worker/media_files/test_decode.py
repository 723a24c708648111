"""Files of clients become what a pipeline wants of them, or a sentence for the client."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.hostile.pictures import files
from worker.media_files import decode
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


@pytest.mark.parametrize("side", [100_000, 2**31 - 1])
def test_a_head_that_promises_billions_of_pixels_is_believed_and_nothing_unpacked(tmp_path: Path, side: int) -> None:
    (tmp_path / "p.png").write_bytes(files.png(side, side, b"\0" * 1000))
    with pytest.raises(UnreadableError):
        open_picture(tmp_path / "p.png")


@pytest.mark.parametrize(
    "content", [b"ffconcat version 1.0\nfile other.wav\n", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.wav\n"]
)
def test_a_list_of_other_files_is_no_file(tmp_path: Path, content: bytes) -> None:
    write_sound(tmp_path / "other.wav", Sound(np.zeros((1, RATE), np.float32), RATE), "wav")
    for name in ("list", "list.m3u8"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableError, match="cannot be read"):
            read_sound(tmp_path / name, 0.0, 1.0, RATE)
        with pytest.raises(UnreadableError, match="cannot be read"):
            read_film(tmp_path / name, 0.0, 1, 10, 32, 32)


def wav(rate: int, samples: bytes, said: int | None = None) -> bytes:
    """A WAV of one channel, 8 bits a sample, whose head says that it has `said` bytes of them."""
    size = len(samples) if said is None else said
    head = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", size)
    return b"RIFF" + struct.pack("<I", min(36 + size, 2**32 - 1)) + b"WAVE" + head + samples


def test_a_sound_that_lies_of_its_size_has_what_it_has(tmp_path: Path) -> None:
    for said in (0, 7, 2**31, 2**32 - 1):
        (tmp_path / "s.wav").write_bytes(wav(RATE, b"\x80" * RATE, said))
        try:
            heard = read_sound(tmp_path / "s.wav", 0.0, 10.0, RATE)
        except UnreadableError:
            continue  # of a head that says 0
        assert heard is not None
        assert heard.samples.shape[1] <= RATE + 16


def test_a_sound_of_one_sample_a_second_is_not_made_fifty_thousand(tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(wav(1, b"\x80" * 100_000))
    with pytest.raises(UnreadableError, match="samples a second"):
        read_sound(tmp_path / "s.wav", 0.0, 1.0, RATE)


def test_a_film_without_an_end_is_left(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MOST_DECODED", 64 * 48 * 10)
    assert len(read_film(film, 0.0, 9, 10, 32, 32)) == 9
    with pytest.raises(UnreadableError, match="pixels up to what is wanted"):
        read_film(film, 1.5, 2, 10, 32, 32)


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
