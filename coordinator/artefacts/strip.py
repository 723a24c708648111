"""Takes out of a picture's file all that is no picture: metadata, thumbnails, what hangs behind its end.

Without decoding and encoding it anew, so not a pixel changes. What drawing programs write into their files is the
prompt, and what phones write is where somebody was. Colour profiles go too: they are files in the file.
Formats: PNG (W3C, third edition), JPEG (ITU T.81, annex B), WebP (RFC 9649).
"""

import re
from struct import pack

PNG = b"\x89PNG\r\n\x1a\n"
DRAWS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"gAMA", b"cHRM", b"sRGB", b"sBIT"})
JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"  # version 1.1, square pixels, no thumbnail
MAX_SCANS = 32  # of a JPEG: each goes over the whole picture again, and one without news is 20 bytes
# What ends the data of a scan: not a byte 255 of the data itself (a 0 follows it), nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_EOI, _SOS, _COM, _APP0, _ADOBE = 0xD9, 0xDA, 0xFE, 0xE0, 0xEE
_ALPHA = 0x10  # of the flags of VP8X
_WEBP_DRAWS = frozenset({b"VP8 ", b"VP8L", b"ALPH"})


class Damaged(ValueError):
    """The file is not built as its format is; the text is the end of a sentence that begins with the file."""


def stripped(data: bytes, media_type: str) -> bytes:
    """The same picture with nothing beside it. Raises Damaged."""
    match media_type:
        case "image/png":
            return _png(data)
        case "image/jpeg":
            return _jpeg(data)
        case _:
            return _webp(data)


def _png(data: bytes) -> bytes:
    """The chunks that draw, up to IEND. Those of an animation are not among them: the picture itself stays."""
    if not data.startswith(PNG):
        raise Damaged("is no PNG")
    out, at = bytearray(PNG), len(PNG)
    while at + 12 <= len(data):
        name = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4])  # its length, its name, what it holds, a checksum
        if end > len(data):
            break
        if len(out) == len(PNG) and name != b"IHDR":
            raise Damaged("does not begin as a PNG does")
        if name in DRAWS:
            out += data[at:end]
        if name == b"IEND":
            return bytes(out)
        at = end
    raise Damaged("is cut off: its end is missing")


def _jpeg(data: bytes) -> bytes:
    """Tables and scans, up to the end of the picture. Of what applications write only Adobe's note on the colours."""
    if not data.startswith(b"\xff\xd8"):
        raise Damaged("is no JPEG")
    out, at, scans = bytearray(b"\xff\xd8"), 2, 0
    while found := _MARKER.match(data, at) or _filled(data, at):
        kind, start = data[found.end() - 1], found.end() - 2
        if kind == _EOI:
            return bytes(out + b"\xff\xd9")
        end = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
        if end > len(data) or end < found.end() + 2:
            break
        if kind == _APP0 and data[found.end() + 2 : found.end() + 7] == b"JFIF\x00":
            out += JFIF if len(out) == 2 else b""
        elif kind == _ADOBE or not (_APP0 <= kind <= 0xEF or kind == _COM):
            out += data[start:end]
        at = end
        if kind == _SOS:
            scans += 1
            if scans > MAX_SCANS:
                raise Damaged(f"is a JPEG of more than {MAX_SCANS} scans, which take too long to read: save it anew")
            behind = _MARKER.search(data, end)
            if behind is None:
                break
            out += data[end : behind.start()]
            at = behind.start()
    raise Damaged("is cut off, or damaged")


def _filled(data: bytes, at: int) -> re.Match[bytes] | None:
    """A marker with fill bytes before it."""
    return re.compile(rb"\xff+" + _MARKER.pattern[4:]).match(data, at) if data[at : at + 2] == b"\xff\xff" else None


def _webp(data: bytes) -> bytes:
    """The chunks that draw one picture."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise Damaged("is no WebP")
    whole = 8 + int.from_bytes(data[4:8], "little")
    if whole > len(data):
        raise Damaged("is cut off: its end is missing")
    out, at = bytearray(), 12
    while at + 8 <= whole:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size
        if end > whole:
            raise Damaged("is cut off, or damaged")
        if name in (b"ANIM", b"ANMF"):
            raise Damaged("is an animation, and a single picture is wanted")
        held = data[at + 8 : end]
        if name == b"VP8X" and held:
            out += data[at : at + 8] + bytes([held[0] & _ALPHA]) + held[1:] + b"\0" * (size % 2)
        elif name in _WEBP_DRAWS:
            out += data[at:end] + b"\0" * (size % 2)
        at = end + size % 2
    if not out:
        raise Damaged("is a WebP without a picture")
    return b"RIFF" + pack("<I", 4 + len(out)) + b"WEBP" + bytes(out)
