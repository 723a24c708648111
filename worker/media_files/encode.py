"""What a pipeline has made becomes a file. The same pixels and samples become the same bytes on one machine, and
nothing is in them but these: no prompt, no name of a model, no time.

Frames are arrays of (height, width, 3) bytes, red, green and blue; sound is (channels, samples) of -1 to 1.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from PIL import Image

from wire.media import ImageFormat, SoundFormat

QUALITY = 92  # of JPEG and WebP
PREVIEW_SIDE = 256  # pixels
PREVIEW_QUALITY = 70
FILM_CRF = "18"  # of H.264: next to no loss that is seen
SOUND_OF_FILM_BPS = 192_000
MP3_BPS = 192_000
CHUNK = 1024  # samples handed to an encoder at once
MEDIA_TYPES: dict[ImageFormat | SoundFormat, str] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "wav": "audio/wav",
}
_CODECS: dict[SoundFormat, tuple[str, str]] = {  # the encoder, and how it wants its samples
    "mp3": ("libmp3lame", "fltp"),
    "flac": ("flac", "s16"),
    "wav": ("pcm_s16le", "s16"),
}
# A number of threads of ours: by the machine's own number of cores the bytes would depend on it.
_H264 = {"crf": FILM_CRF, "preset": "medium", "threads": "4"}
_NO_NAMES = {"fflags": "+bitexact"}  # the writer of the file does not say who it is
_SEI = "filter_units=remove_types=6"  # where x264 writes its settings into the film

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Samples = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Sound:
    """Samples of (channels, samples), -1 to 1, so many a second."""

    samples: Samples
    rate: int


@dataclass(frozen=True)
class Output:
    """What a pipeline made: frames of (frames, height, width, 3) bytes, a sound, or both."""

    frames: np.ndarray[Any, np.dtype[np.uint8]] | None
    sound: Sound | None = None


def write_picture(path: Path, pixels: Pixels, format: ImageFormat) -> None:
    """Write one frame as a picture."""
    options: dict[str, Any] = {} if format == "png" else {"quality": QUALITY}
    Image.fromarray(pixels).save(path, format=format, **options)


def preview(pixels: Pixels) -> bytes:
    """A small JPEG of a frame."""
    image = Image.fromarray(pixels)
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    memory = io.BytesIO()
    image.save(memory, format="jpeg", quality=PREVIEW_QUALITY)
    return memory.getvalue()


def write_film(path: Path, frames: Iterable[Pixels], fps: int, sound: Sound | None = None) -> None:
    """Write frames, of which all have the same even sides, as an MP4: H.264, and AAC if there is a sound."""
    options = {"movflags": "+faststart", **_NO_NAMES}
    with av.open(str(path), "w", format="mp4", options=options) as out:
        film: Any = out.add_stream("libx264", rate=fps, options=_H264)
        film.pix_fmt = "yuv420p"
        film.time_base = Fraction(1, fps)
        tone: Any = _stream(out, "aac", "fltp", sound, SOUND_OF_FILM_BPS) if sound else None
        cleaned: BitStreamFilterContext | None = None
        for at, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if cleaned is None:
                film.width, film.height = frame.width, frame.height
                cleaned = BitStreamFilterContext(_SEI, film)
            frame.pts, frame.time_base = at, film.time_base
            _mux(out, film.encode(frame), cleaned)
        _mux(out, film.encode(None), cleaned)
        if sound:
            _write(out, tone, sound)


def write_sound(path: Path, sound: Sound, format: SoundFormat) -> None:
    """Write samples as a sound file."""
    codec, layout = _CODECS[format]
    options = {"id3v2_version": "0", **_NO_NAMES} if format == "mp3" else _NO_NAMES
    with av.open(str(path), "w", format=format, options=options) as out:
        _write(out, _stream(out, codec, layout, sound, MP3_BPS if format == "mp3" else None), sound)


def _mux(out: Any, packets: Iterable[Any], cleaned: BitStreamFilterContext | None) -> None:
    for packet in packets:
        for clean in cleaned.filter(packet) if cleaned else ():
            out.mux(clean)


def _stream(out: Any, codec: str, layout: str, sound: Sound, bit_rate: int | None) -> Any:
    stream = out.add_stream(codec, rate=sound.rate, options={"flags": "+bitexact"})
    stream.format, stream.layout = layout, "mono" if len(sound.samples) == 1 else "stereo"
    if bit_rate:
        stream.bit_rate = bit_rate
    return stream


def _write(out: Any, stream: Any, sound: Sound) -> None:
    resampler = av.AudioResampler(format=stream.format.name, layout=stream.layout, rate=stream.rate)
    samples = np.ascontiguousarray(np.clip(sound.samples, -1, 1), dtype=np.float32)
    for at in range(0, samples.shape[1], CHUNK):
        piece = np.ascontiguousarray(samples[:, at : at + CHUNK])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = sound.rate, at, Fraction(1, sound.rate)
        for one in resampler.resample(frame):
            out.mux(stream.encode(one))
    for one in resampler.resample(None):
        out.mux(stream.encode(one))
    out.mux(stream.encode(None))
