"""Real files of every kind, made as drawing programs, cameras and encoders make them: with words in their metadata."""

from io import BytesIO
from typing import Any

import av
import numpy as np
from PIL import Image, PngImagePlugin

WORDS = "a secret prompt"
ORIENTATION, DESCRIPTION = 0x0112, 0x010E  # EXIF tags


def picture(width: int = 48, height: int = 32) -> Image.Image:
    """Noise, so that no two parts of it are alike."""
    return Image.effect_noise((width, height), 80).convert("RGB")


def png(width: int = 48, height: int = 32) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", WORDS)
    info.add_itxt("prompt", WORDS, zip=False)
    return _saved(picture(width, height), "PNG", pnginfo=info)


def jpeg(width: int = 48, height: int = 32, orientation: int = 1, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION], exif[DESCRIPTION] = orientation, WORDS
    return _saved(picture(width, height), "JPEG", **{"exif": exif, "comment": WORDS.encode()} | options)


def webp(width: int = 48, height: int = 32, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[DESCRIPTION] = WORDS
    return _saved(picture(width, height), "WEBP", exif=exif, **options)


def mp4(width: int = 64, height: int = 48, frames: int = 9, fps: int = 8, sound: bool = True) -> bytes:
    out = BytesIO()
    with av.open(out, "w", format="mp4") as made:
        made.metadata["title"] = made.metadata["comment"] = WORDS
        film = made.add_stream("libx264", rate=fps)
        film.width, film.height, film.pix_fmt = width, height, "yuv420p"
        heard = made.add_stream("aac", rate=48_000, layout="stereo") if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), number * 20 % 255, np.uint8), format="rgb24")
            frame.pts = number
            made.mux(film.encode(frame))
        made.mux(film.encode())
        if heard is not None:
            made.mux(heard.encode(_tone(frames / fps, "fltp")))
            made.mux(heard.encode())
    return out.getvalue()


def mp3(seconds: float = 2.0) -> bytes:
    return _sound("mp3", "libmp3lame", "fltp", seconds)


def m4a(seconds: float = 2.0) -> bytes:
    return _sound("ipod", "aac", "fltp", seconds)


def flac(seconds: float = 2.0) -> bytes:
    return _sound("flac", "flac", "s16", seconds)


def wav(seconds: float = 2.0) -> bytes:
    return _sound("wav", "pcm_s16le", "s16", seconds)


def of_every_type() -> dict[str, bytes]:
    """Media type -> a file."""
    return {
        "image/png": png(),
        "image/jpeg": jpeg(),
        "image/webp": webp(),
        "video/mp4": mp4(),
        "audio/mpeg": mp3(),
        "audio/flac": flac(),
        "audio/wav": wav(),
    }


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _sound(form: str, codec: str, layout: str, seconds: float) -> bytes:
    out = BytesIO()
    with av.open(out, "w", format=form) as made:
        made.metadata["title"] = made.metadata["comment"] = WORDS
        stream: Any = made.add_stream(codec, rate=48_000, layout="stereo")
        made.mux(stream.encode(_tone(seconds, layout)))
        made.mux(stream.encode())
    return out.getvalue()


def _tone(seconds: float, form: str) -> av.AudioFrame:
    wave = np.sin(np.arange(int(48_000 * seconds)) * 0.05)
    both = np.stack([wave, wave])
    samples: Any = both.astype(np.float32) if form == "fltp" else (both.T.reshape(1, -1) * 20_000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=form, layout="stereo")
    frame.sample_rate, frame.pts = 48_000, 0
    return frame
