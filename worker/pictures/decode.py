"""A picture's file, made pixels: the right way up, without transparency, of the size that the model sees.

Runs in a process of its own (child.py): decoders are native code, and the bytes are a stranger's.
"""

import re
import warnings
from collections.abc import Callable
from io import BytesIO

from PIL import Image, MpoImagePlugin, UnidentifiedImageError, WebPImagePlugin

from program.exif import orientation
from wire.pictures import PATCH, fault, grid, looks_like_one
from worker.pictures.pipe import File, Pixels, Unreadable

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")  # only these of Pillow's 40 readers: most of its holes were in the others
Image.preinit()  # all readers are loaded here, with the two that are imported above: who decodes may open no file
assert MpoImagePlugin and WebPImagePlugin  # an MPO is a JPEG with a second picture behind it
Image.MAX_IMAGE_PIXELS = None  # wire/pictures.py has the bound, and a sentence for it
PNG = b"\x89PNG\r\n\x1a\n"
# What draws a PNG, and which way up. The rest is never looked at: a text or a profile can unpack to gigabytes.
DRAWS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
TURNED = 5
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Each scan of a JPEG goes over the whole picture again, and one without news is 20 bytes: 100 of them over 32 million
# pixels of grey take 2.2 s, and a file has room for half a million. Progressive JPEGs have about ten. The bound is one
# of scans whatever the size, so that the bound of a request's pixels bounds the time of all its files.
MAX_SCANS = 32
# What libjpeg stops at: between the pixels a byte 255 is followed by others, and those it passes over anywhere.
MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
SCAN, END = 0xDA, 0xD9
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def decode(file: File, headed: Callable[[], object] = lambda: None) -> Pixels | Unreadable:
    """Pixels of the first frame. A file that is cut off, damaged or of another format is Unreadable. `headed` is called
    once its head is read, which Pillow does in Python: byte by byte where it is junk."""
    try:
        # Pillow warns of what is odd in a file and reads it all the same: the log would be a stranger's to write.
        with warnings.catch_warnings(action="ignore"), Image.open(_opened(file.data), formats=FORMATS) as image:
            headed()
            if wrong := fault(*image.size) or _scans_fault(file.data, image):
                return Unreadable(wrong)
            if image.format == "PNG":
                image.load()  # Pillow does so to find the orientation, which may stand behind the pixels
            turned_as, in_file = orientation(image), image.width * image.height
            turned = turned_as >= TURNED
            width, height = image.size[::-1] if turned else image.size
            columns, rows = grid(width, height, file.most)
            size = (columns * PATCH, rows * PATCH)
            # A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough to shrink it well.
            image.draft("RGB", (2 * size[turned], 2 * size[not turned]))
            image.load()
            upright = image.transpose(TURNS[turned_as]) if turned_as in TURNS else image
            return Pixels(*size, _resized(upright, size).tobytes(), in_file)
    except UnidentifiedImageError:
        if looks_like_one(file.data):
            return Unreadable("is damaged at its beginning: send it again, whole")
        return Unreadable("is no JPEG, PNG, WebP or GIF: convert it to one of them")
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError, OverflowError) as error:
        # What Pillow raises for a damaged file is not always an error of its own.
        return Unreadable(f"is damaged or cut off ({type(error).__name__}): send it again, whole")


def _opened(data: bytes) -> BytesIO:
    """The file; of a PNG what of it is drawn. What is not cut into chunks as it should be stays for Pillow to judge."""
    if not data.startswith(PNG):
        return BytesIO(data)
    out, at = BytesIO(), len(PNG)
    out.write(PNG)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])  # its length, four letters, what it holds, a checksum
        if end > len(data) or data[at + 4 : at + 8] in DRAWS:
            out.write(data[at:end])
        at = end
    out.seek(0)
    return out


def _scans_fault(data: bytes, image: Image.Image) -> str | None:
    """What is wrong with a JPEG that is gone over so often that it would take seconds."""
    if image.format not in ("JPEG", "MPO") or _scans(data) <= MAX_SCANS:
        return None
    return f"is a JPEG of more than {MAX_SCANS} scans, which take too long to read: save it anew"


def _scans(data: bytes) -> int:
    """How often a JPEG goes over its pixels, counted to MAX_SCANS and one more. Not those of the small picture in its
    EXIF, nor what is behind its end: phones put a film there, where any bytes may stand."""
    scans, at = 0, 2
    while scans <= MAX_SCANS and (marker := MARKER.search(data, at)):
        at, kind = marker.end(), data[marker.end() - 1]
        if kind == END:
            break
        scans += kind == SCAN
        at += int.from_bytes(data[at : at + 2])  # its length
    return scans


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """In RGB. What is transparent becomes white, as other servers have it: dropped, it would show what lies hidden."""
    if image.mode in SIXTEEN_BIT:
        # Plainly converted, all above 255 would be white.
        grey = image.point(lambda value: value / 256, "F").convert("L")
        return grey.resize(size, Image.Resampling.BICUBIC).convert("RGB")
    if image.has_transparency_data:
        # Laid over white when it is small: of 32 million pixels that takes 0.4 s and 256 MB more.
        over = Image.new("RGBA", size, "white")
        return Image.alpha_composite(over, image.convert("RGBA").resize(size, Image.Resampling.BICUBIC)).convert("RGB")
    return image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
