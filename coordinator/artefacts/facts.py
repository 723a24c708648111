"""What a file is, read off the file itself in a process of its own, and whether that is what was asked for."""

from dataclasses import dataclass

from wire.media import EditImage, GenerateImage, GenerateMusic, Making, media_kind

SECONDS_OFF = 1.0  # of music: an encoder fills its last block


@dataclass(frozen=True)
class Facts:
    """As in coordinator/artefact.py: what a kind of file does not have is 0."""

    media_type: str
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0
    seconds: float = 0.0


def media_type(make: Making) -> str:
    """Of the file that was asked for."""
    match make:
        case GenerateImage() | EditImage():
            return f"image/{make.format}"
        case GenerateMusic():
            return "audio/mpeg" if make.format == "mp3" else f"audio/{make.format}"
        case _:
            return f"{media_kind(make)}/mp4"


def fault(make: Making, facts: Facts) -> str | None:
    """What a worker's file is that it should not be; None: it is what was asked for. What is paid by size and length is
    held to them."""
    if facts.media_type != media_type(make):
        return f"it is {facts.media_type}, and {media_type(make)} was asked for"
    if isinstance(make, GenerateMusic):
        if abs(facts.seconds - make.seconds) > SECONDS_OFF:
            return f"it has {facts.seconds:.1f} seconds, and {make.seconds} were asked for"
        return None
    if (facts.width, facts.height) != (make.width, make.height):
        return f"it is {facts.width} x {facts.height}, and {make.width} x {make.height} was asked for"
    if isinstance(make, GenerateImage | EditImage):
        return None
    if facts.frames != make.frames:
        return f"it has {facts.frames} frames, and {make.frames} were asked for"
    if round(facts.fps) != make.fps:
        return f"it has {facts.fps:.2f} frames a second, and {make.fps} were asked for"
    return None
