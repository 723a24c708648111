"""How a photograph is turned, by its EXIF block. Both programs read strangers' pictures, in processes of their own."""

from typing import Any, Protocol

ORIENTATION = 0x0112  # the tag; from 5 on, width and height are exchanged


class Photograph(Protocol):
    """A picture as Pillow has it."""

    def getexif(self) -> Any: ...


def orientation(image: Photograph) -> int:
    """1 to 8, of which 1 is upright. So is one whose EXIF is damaged: that is no reason to refuse a good picture, and
    viewers pass over it too."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - whatever a stranger's EXIF has Pillow raise
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1
