"""A picture's file, read whole and written without its metadata. Runs in a process of its own (child.py)."""

import warnings
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from coordinator.artefacts.facts import Facts
from coordinator.artefacts.strip import Damaged, stripped
from program.exif import orientation

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}  # only these of Pillow's 40 readers
MAX_PIXELS = 32_000_000
MAX_SIDE = 16_384
UPRIGHT_QUALITY = 95  # of a JPEG that is turned: a phone's, whose own is about that
Image.preinit()  # all that reads is loaded here: who decodes may open no file
assert WebPImagePlugin and TiffImagePlugin  # EXIF is a small TIFF
Image.MAX_IMAGE_PIXELS = None  # the bound is here, with a sentence for it


def rewrite(source: BinaryIO, media_type: str, into: BinaryIO) -> Facts:
    """Write the picture that is in `source`, upright and without anything beside it. Raises Damaged."""
    data = source.read()
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is odd in a file: the log would be a stranger's
            plain = stripped(data, media_type)
            if media_type == "image/jpeg" and (turned := _upright(data)) is not None:
                plain = stripped(turned, media_type)
            width, height = _decoded(plain, media_type, lambda image: image.load())
    except UnidentifiedImageError:
        raise Damaged("is damaged at its beginning") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, OverflowError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"is damaged or cut off ({type(error).__name__})") from None
    into.write(plain)
    return Facts(media_type, width, height)


def _decoded(data: bytes, media_type: str, read: Callable[[Image.Image], object]) -> tuple[int, int]:
    """Its size, once `read` has had the picture, which is not too large. Raises what Pillow raises, and Damaged."""
    with Image.open(BytesIO(data), formats=(FORMATS[media_type],)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise Damaged(f"is {width} x {height} pixels: at most {MAX_PIXELS:,} and {MAX_SIDE:,} a side are taken")
        read(image)
        return width, height


def _upright(data: bytes) -> bytes | None:
    """The JPEG turned as its EXIF says, which goes; None: it is upright. A damaged EXIF is passed over, as viewers
    do."""
    out = BytesIO()

    def turn(image: Image.Image) -> None:
        if orientation(image) > 1:
            upright = ImageOps.exif_transpose(image)
            upright.save(out, "JPEG", quality=UPRIGHT_QUALITY)

    _decoded(data, "image/jpeg", turn)
    return out.getvalue() or None
