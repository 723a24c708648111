"""Files that a request names, as pictures, frames and samples in the size and the pace that a pipeline wants.

Strangers made them: formats are those of the interface, sizes have a bound, and a file that cannot be read is told to
its client in the words of UnreadableError.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageOps, MpoImagePlugin, UnidentifiedImageError, WebPImagePlugin

from worker.media_files.encode import Pixels, Sound

Picture = Image.Image

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP")
Image.preinit()  # the readers of them; an MPO is a JPEG with a second picture behind it
assert MpoImagePlugin and WebPImagePlugin
# What Pillow raises for a damaged file is not always an error of its own.
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, OverflowError)
MOST_PIXELS = 64 * 2**20  # of a picture, or of a frame
MOST_FRAMES = 60 * 120  # of a film that are decoded to get at those that are wanted
MOST_DECODED = MOST_FRAMES * 1920 * 1080  # pixels of all of them
LEAST_HZ = 1000  # of a sound: a second of it is made 48,000 samples, so of one sample a second each would be as many
# No other container is opened, whatever a file looks like: FFmpeg knows some that are lists of other files.
OPENING = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,mp3,flac,wav", "protocol_whitelist": "file"}
HELD_S = 0.5  # the last frame may stand so long: what was asked for is rounded to the frames that a pipeline makes


class UnreadableError(ValueError):
    """The file is not what it should be; the text is for its client."""


def read_picture(path: Path, width: int, height: int) -> Picture:
    """The picture upright, in full colour, scaled and cut to the size. Raises UnreadableError."""
    return fit(open_picture(path), width, height)


def open_picture(path: Path) -> Picture:
    """The picture upright and in full colour, as large as it is. Raises UnreadableError."""
    try:
        with Image.open(path, formats=PICTURE_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UnreadableError(f"a picture has more than {MOST_PIXELS:,} pixels")
            return ImageOps.exif_transpose(image).convert("RGB")
    except UnreadableError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, *DAMAGED):
        raise UnreadableError("a picture cannot be read: send it as PNG, JPEG or WebP") from None


def fit(image: Picture, width: int, height: int) -> Picture:
    """Scaled so that it fills the size, and cut around its middle."""
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def picture(pixels: Pixels) -> Picture:
    """A frame as a picture."""
    return Image.fromarray(pixels)


def plain(width: int, height: int, grey: int) -> Picture:
    """A picture of one grey, 0 to 255."""
    return Image.new("RGB", (width, height), (grey, grey, grey))


def read_film(path: Path, from_s: float, frames: int, fps: int, width: int, height: int) -> list[Picture]:
    """So many frames of the film from a second on, in this pace and size. Raises UnreadableError, for a film that is
    too short too."""
    taken: list[Picture] = []
    wanted = [Fraction(from_s) + Fraction(at, fps) for at in range(frames)]
    shown: tuple[Fraction, Any] | None = None
    try:
        with av.open(str(path), options=OPENING) as file:
            if not file.streams.video:
                raise UnreadableError("the file has no film in it")
            for time, frame in _frames(file):
                while shown is not None and len(taken) < frames and wanted[len(taken)] < time:
                    taken.append(_taken(shown[1], width, height))
                shown = (time, frame)
                if len(taken) == frames:
                    return taken
    except av.FFmpegError:
        raise UnreadableError("the film cannot be read: send it as MP4 with H.264") from None
    if shown is None or len(taken) == frames:
        raise UnreadableError("the film has no frame that can be read")
    if wanted[0] > shown[0] + Fraction(HELD_S):
        raise UnreadableError(f"the film is over before second {from_s:g}")
    if wanted[-1] > shown[0] + Fraction(HELD_S):
        raise UnreadableError(
            f"the film ends {float(shown[0] - wanted[0]):.1f} s after second {from_s:g}: ask for less"
        )
    last = _taken(shown[1], width, height)
    return taken + [last] * (frames - len(taken))


def _frames(file: Any) -> Iterator[tuple[Fraction, Any]]:
    """Times in seconds from the film's first frame on, and frames."""
    began: Fraction | None = None
    decoded = 0
    for count, frame in enumerate(file.decode(file.streams.video[0])):
        if count >= MOST_FRAMES:
            raise UnreadableError(f"the film has more than {MOST_FRAMES} frames up to what is wanted of it")
        if frame.width * frame.height > MOST_PIXELS:
            raise UnreadableError(f"the film has more than {MOST_PIXELS:,} pixels")
        decoded += frame.width * frame.height
        if decoded > MOST_DECODED:
            raise UnreadableError(f"the film has more than {MOST_DECODED:,} pixels up to what is wanted of it")
        if frame.pts is None or frame.time_base is None:
            continue
        time = frame.pts * frame.time_base
        began = time if began is None else began
        yield time - began, frame


def _taken(frame: Any, width: int, height: int) -> Picture:
    return fit(frame.to_image(), width, height)


def read_sound(path: Path, from_s: float, seconds: float, rate: int) -> Sound | None:
    """So much of the file's sound from a second on, in stereo, or what there is of it; None: it has none. Raises
    UnreadableError."""
    first, count = round(from_s * rate), round(seconds * rate)
    pieces: list[Any] = []
    have = 0
    try:
        with av.open(str(path), options=OPENING) as file:
            if not file.streams.audio:
                return None
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
            for frame in file.decode(file.streams.audio[0]):
                if frame.sample_rate < LEAST_HZ:
                    raise UnreadableError(f"the sound has fewer than {LEAST_HZ:,} samples a second")
                for one in resampler.resample(frame):
                    piece = one.to_ndarray()
                    passed = min(max(0, first - have), piece.shape[1])  # what lies before is not kept
                    pieces.append(piece[:, passed:])
                    have += piece.shape[1]
                if have >= first + count:
                    break
    except av.FFmpegError:
        raise UnreadableError("the sound cannot be read: send it as MP3, M4A, FLAC or WAV") from None
    samples = np.concatenate(pieces, axis=1)[:, :count] if pieces else np.zeros((2, 0), np.float32)
    if not samples.shape[1]:
        raise UnreadableError(f"the sound has nothing after second {from_s:g}")
    return Sound(np.ascontiguousarray(samples, dtype=np.float32), rate)
