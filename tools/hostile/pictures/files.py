"""Files of pictures, made byte by byte where no honest program writes them."""

import struct
import zlib
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image

Colour = tuple[int, int, int]
RED, GREEN, BLUE, YELLOW = (220, 40, 30), (30, 160, 60), (30, 60, 200), (230, 210, 40)
WHITE = (255, 255, 255)
CORNERS = (RED, GREEN, BLUE, YELLOW)  # from the left to the right, then down
BIG = 65_500  # pixels a side: about as many as a JPEG can claim


def quarters(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Another colour in each corner: turned or mirrored in any way, it is another picture."""
    image = Image.new("RGB", (width, height))
    for place, colour in enumerate(CORNERS):
        left, top = place % 2 * (width // 2), place // 2 * (height // 2)
        image.paste(colour, (left, top, width if place % 2 else width // 2, height if place > 1 else height // 2))
    return image.convert(mode)


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def plain(colour: Any, mode: str = "RGB", width: int = 64, height: int = 64) -> Image.Image:
    return Image.new(mode, (width, height), colour)


# ---- turned ----------------------------------------------------------------------------------------------------------

_BACK: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def turned(orientation: int, format: str = "JPEG", **options: Any) -> bytes:
    """Pixels that are stored the other way round, and EXIF that says so: upright it is `quarters(128, 64)`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(_BACK[orientation](quarters(128, 64)), format, exif=exif, **options)


def with_exif(tiff: bytes) -> bytes:
    """A JPEG whose EXIF block is `tiff`, whatever that is."""
    return saved(quarters(), "JPEG", quality=95, exif=b"Exif\0\0" + tiff)


def tiff(*entries: tuple[int, int, int, bytes], following: int = 0) -> bytes:
    """EXIF of one directory: (tag, type, count, four bytes of value); `following`: where the next directory is."""
    rows = b"".join(struct.pack(">HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + rows + struct.pack(">I", following)


# ---- PNG -------------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    right = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", right)


def png(width: int, height: int, data: bytes = b"", depth: int = 8, colour: int = 2, interlaced: bool = False) -> bytes:
    """A PNG that claims a size, with whatever rows: the way to write a bomb."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def put_in(whole: bytes, *chunks: bytes) -> bytes:
    """The PNG with more chunks behind its head."""
    return whole[:33] + b"".join(chunks) + whole[33:]


def rows(image: Image.Image, depth: int = 8) -> bytes:
    """The rows of a PNG without a filter; with 16 bits each value is there in its upper byte."""
    data, line = image.tobytes(), image.width * len(image.getbands())
    found = (data[start : start + line] for start in range(0, len(data), line))
    return b"".join(b"\0" + (row if depth == 8 else bytes(v for b in row for v in (b, 0x80))) for row in found)


def interlaced(image: Image.Image) -> bytes:
    """An RGB picture as PNG writes it in seven passes, which no Pillow does."""
    steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    pixels = image.load()
    assert pixels is not None
    data = b""
    for left, top, right, down in steps:
        for y in range(top, image.height, down):
            data += b"\0" + bytes(v for x in range(left, image.width, right) for v in pixels[x, y])  # type: ignore[union-attr]
    return png(image.width, image.height, data, interlaced=True)


# ---- JPEG ------------------------------------------------------------------------------------------------------------

# quarters() in arithmetic coding, by jpegtran: no encoder of ours writes it.
_TABLES = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYU"
    "GBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/"
)
ARITHMETIC = b64decode(
    _TABLES
    + "yQARCABAAGADASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/ALkJM4UHku55WmAFNspDiMd+1r05QNLpdjIgRqYGDerSS+3G"
    "DwfcpT+uW2XP+DzeZOTA/9k="
)
ARITHMETIC_PROGRESSIVE = b64decode(
    _TABLES
    + "ygARCABAAGADASIAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAAAf8Acb82XqZ1LcZKdfwz2rEBUIxRbTnZSQC0ckhumlgbJCGp4T6/RuzP"
    "5eY5cv/MAAQQBf/aAAgBAQABBQKo/8wABBEF/9oACAEDAQE/AbD/zAAEEQX/2gAIAQIBAT8BsP/MAAQQBf/aAAgBAQAGPwKo/8wABBAF/9oACAEB"
    "AAE/Iaj/2gAMAwEAAgADAAAAEP8A/wDUX7ea3UX7c/UjArc/UjAr/8wABBEF/9oACAEDAQE/ELD/zAAEEQX/2gAIAQIBAT8QsP/MAAQQBf/aAAgB"
    "AQABPxCo/9k="
)


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def scans(width: int, height: int, number: int) -> bytes:
    """A grey JPEG that goes over all of its pixels `number` times, in 20 bytes and some for each time."""
    table = segment(0xDB, b"\0" + bytes([1] * 64))
    frame = segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
    # One code of one bit in each table: a difference of 0; a run of 2^14 and more blocks in which nothing changes.
    codes = segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0") + segment(
        0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0"
    )
    runs = -(-(-(-width // 8) * -(-height // 8)) // 32_767)
    bits = ("0" + "1" * 14) * runs
    bits += "1" * (-len(bits) % 8)
    nothing = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    body = [segment(0xDA, b"\x01\x01\0\0\0\x0d")]
    for scan in range(number):
        low = max(0, 13 - scan)
        high = low + 1 if 0 < scan <= 13 else 0
        body += [segment(0xDA, bytes([1, 1, 0, 1, 63, high << 4 | low])), nothing]
    return b"\xff\xd8" + table + frame + codes + b"".join(body) + b"\xff\xd9"


def claims(width: int, height: int) -> bytes:
    """A JPEG's head of that size, and nothing behind it."""
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
    return b"\xff\xd8" + frame + segment(0xDA, b"\x01\x01\0\0\x3f\0") + bytes(100) + b"\xff\xd9"


# ---- GIF and WebP ----------------------------------------------------------------------------------------------------


def blocks(data: bytes) -> bytes:
    """As GIF cuts what is long."""
    cut = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in cut) + b"\0"


def commented(comment: bytes, times: int = 1) -> bytes:
    """A GIF with a comment before its picture."""
    whole = saved(quarters().quantize(8), "GIF")
    start = 13 + 3 * (2 << (whole[10] & 7))
    return whole[:start] + (b"!\xfe" + blocks(comment)) * times + whole[start:]


def gif_of_canvas(width: int, height: int) -> bytes:
    """A GIF of a large canvas, and a frame of one pixel on it."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0, 0, 0) + bytes(RED + BLUE) + frame + b";"


def webp_of_canvas(width: int, height: int) -> bytes:
    """A WebP that says it is an extended one of that size, and holds a picture of 96 x 64."""
    inner = saved(quarters(), "WEBP", lossless=True)[12:]
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated(format: str) -> bytes:
    others = [plain(WHITE, width=96), plain(RED, width=96)]
    return saved(quarters(), format, save_all=True, append_images=others, duration=50, lossless=True)
