"""One file, and what must come of it: the picture that a person would see in it, or a sentence that says what to do."""

from dataclasses import dataclass

from PIL import Image

from tools.hostile.pictures.files import CORNERS, WHITE, Colour
from wire.pictures import MOST_TOKENS
from worker.pictures.pipe import Pixels, Unreadable

_TYPES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"GI": "image/gif", b"RI": "image/webp"}


@dataclass(frozen=True)
class Case:
    """`corners`: the colours a sixth of the way from each corner, each part within `by`; None: the file is refused,
    with `says` in the sentence. `declared`: the media type that it is sent with."""

    name: str
    data: bytes
    corners: tuple[Colour, Colour, Colour, Colour] | None = CORNERS
    by: int = 14
    says: str = ""
    declared: str = ""

    @property
    def media_type(self) -> str:
        return self.declared or _TYPES.get(self.data[:2], "image/png")

    def wrong(self, answer: Pixels | Unreadable) -> str:
        """What is wrong with how it was read; empty if nothing is."""
        if isinstance(answer, Unreadable):
            if self.corners is not None:
                return f"refused: it {answer.why}"
            return "" if self.says in answer.why and answer.why[:1].islower() else f"it {answer.why}"
        if self.corners is None:
            return f"read, as {answer.width} x {answer.height}"
        if answer.width % 32 or answer.height % 32 or answer.width * answer.height > MOST_TOKENS * 1024:
            return f"of {answer.width} x {answer.height} pixels"
        seen = corners(answer)
        far = max(
            abs(a - b) for one, two in zip(seen, self.corners, strict=True) for a, b in zip(one, two, strict=True)
        )
        return "" if far <= self.by else f"other colours: {seen}"


def corners(pixels: Pixels) -> tuple[Colour, Colour, Colour, Colour]:
    image = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.rgb)
    x, y = image.width // 6, image.height // 6
    places = ((x, y), (image.width - 1 - x, y), (x, image.height - 1 - y), (image.width - 1 - x, image.height - 1 - y))
    return tuple(image.getpixel(place) for place in places)  # type: ignore[return-value]


def whole(name: str, data: bytes, colour: Colour, by: int = 3, **rest: str) -> Case:
    """A picture of one colour."""
    return Case(name, data, (colour,) * 4, by, **rest)


def white(name: str, data: bytes) -> Case:
    return whole(name, data, WHITE)


def refused(name: str, data: bytes, says: str, declared: str = "") -> Case:
    return Case(name, data, None, says=says, declared=declared)
