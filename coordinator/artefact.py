"""What a worker has made and the coordinator has verified and stored: a plain record that every room may name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Artefact:
    """One file. `id`: 22 unguessable characters, its name in every link: who knows it may read it until `expires_ms`.

    `width` and `height` of pictures and films, `frames` and `fps` of films, `seconds` of films and sounds; else 0. All
    of it was read from the file itself: nothing here is a worker's word. Times are Unix milliseconds.
    """

    id: str
    sha256: str
    media_type: str
    size_bytes: int
    made_ms: int
    expires_ms: int
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0
    seconds: float = 0.0
