"""Files that are no picture for a model: each is refused in a sentence that says what to do."""

from collections.abc import Iterator

from PIL import Image

from tools.hostile.pictures import files
from tools.hostile.pictures.case import Case, refused
from tools.hostile.pictures.files import BIG, chunk, plain, png, quarters, saved

SMALLER, PIECES, ANEW, DAMAGED, CONVERT = (
    "Send it smaller",
    "Cut it into pieces",
    "save it anew",
    "damaged",
    "convert it",
)
MIB = 1024 * 1024


def bombs() -> Iterator[Case]:
    bits = png(30_000, 30_000, (b"\0" + bytes(3750)) * 30_000, depth=1, colour=0)
    yield refused("a bomb of 900 million pixels in 110 KB", bits, SMALLER)
    yield refused("PNG that claims 30,000 x 30,000", png(30_000, 30_000), SMALLER)
    yield refused("PNG that claims 2^62 pixels", png(2**31 - 1, 2**31 - 1), SMALLER)
    yield refused("PNG of a little too many pixels", png(16_000, 2_001), SMALLER)
    yield refused("JPEG that claims 4,290 million pixels", files.claims(BIG, BIG), SMALLER)
    yield refused("GIF with a canvas of 4,290 million pixels", files.gif_of_canvas(BIG, BIG), SMALLER)
    yield refused("WebP that claims 2^28 pixels", files.webp_of_canvas(16_384, 16_384), "")
    yield refused("WebP whose canvas is not its picture's", files.webp_of_canvas(4000, 4000), DAMAGED)
    yield refused("JPEG of 100 scans over 32 million pixels", files.scans(8000, 4000, 99), ANEW)
    yield refused("JPEG of 100,000 scans", files.scans(800, 400, 100_000), ANEW)


def tedious() -> Iterator[Case]:
    """A head that takes for ever: those who read one give it up."""
    yield refused("JPEG of 9 MiB of 0xff", b"\xff\xd8" + b"\xff" * 9 * MIB, ANEW)
    yield refused("JPEG with 2 million comments", b"\xff\xd8" + b"\xff\xfe\0\x02" * 2_000_000, ANEW)


def shapes() -> Iterator[Case]:
    yield refused("1 x 16,384", saved(plain(0, "L", 1, 16_384), "PNG"), PIECES)
    yield refused("16,384 x 1", saved(plain(0, "L", 16_384, 1), "PNG"), PIECES)
    yield refused("51 times as wide as long", saved(plain(0, "L", 510, 10), "PNG"), PIECES)
    yield refused("a side too long", png(16_385, 400), SMALLER)
    yield refused("no width", png(0, 10), DAMAGED)


def cut() -> Iterator[Case]:
    for format in ("PNG", "JPEG", "WEBP", "GIF"):
        whole = saved(quarters(), format)
        yield refused(f"half a {format}", whole[: len(whole) // 2], DAMAGED)
        yield refused(f"the first 20 bytes of a {format}", whole[:20], DAMAGED)
    yield refused("PNG without rows", png(500, 500), DAMAGED)
    yield refused("PNG with too few rows", png(500, 500, bytes(1000)), DAMAGED)
    yield refused("PNG whose head is short", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(3)), DAMAGED)
    yield refused("PNG whose head has a wrong checksum", _wrong_head(), DAMAGED)
    yield refused("PNG with a chunk that claims 2 GB", b"\x89PNG\r\n\x1a\n\x7f\xff\xff\xffIHDR", DAMAGED)
    late = saved(quarters(), "PNG")[:33] + b"\x7f\xff\xff\xffIDAT" + bytes(100)
    yield refused("PNG whose pixels claim 2 GB", late, DAMAGED)
    head = saved(quarters(), "PNG")[:33]
    yield refused("PNG whose pixels are no zlib", head + chunk(b"IDAT", b"x" * 500) + chunk(b"IEND", b""), DAMAGED)
    yield refused("WebP that claims 4 GB", b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff" + bytes(60), DAMAGED)
    yield refused("GIF of a head alone", b"GIF89a", DAMAGED)


def others() -> Iterator[Case]:
    yield refused("nothing", b"", CONVERT)
    yield refused("text", b"hello", CONVERT)
    yield refused("zeros", bytes(1000), CONVERT)
    yield refused("text that is called a JPEG", b"hello" * 100, CONVERT, "image/jpeg")
    yield refused("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", CONVERT, "image/svg+xml")
    yield refused("SVG that is called a PNG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", CONVERT)
    entity = b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><text>&a;</text></svg>'
    yield refused("SVG that names a file", entity, CONVERT, "image/svg+xml")
    yield refused("HEIC", b"\0\0\0\x18ftypheic" + bytes(200), CONVERT, "image/heic")
    yield refused("AVIF", saved(quarters(), "AVIF"), CONVERT, "image/avif")
    yield refused("AVIF that is called a WebP", saved(quarters(), "AVIF"), CONVERT, "image/webp")
    yield refused("BMP", saved(quarters(), "BMP"), CONVERT, "image/bmp")
    yield refused("TIFF", saved(quarters(), "TIFF"), CONVERT, "image/tiff")
    yield refused("ICO", saved(quarters(), "ICO"), CONVERT, "image/x-icon")
    yield refused("JPEG 2000", saved(quarters(), "JPEG2000"), CONVERT, "image/jp2")
    yield refused("PPM", saved(quarters(), "PPM"), CONVERT)
    yield refused("TGA", saved(quarters(), "TGA"), CONVERT)
    yield refused("PSD", b"8BPS\0\1" + bytes(200), CONVERT)
    yield refused("PDF", b"%PDF-1.7\n" + bytes(200), CONVERT, "application/pdf")
    yield refused("PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n", CONVERT)
    yield refused("a playlist", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", CONVERT)
    yield refused("WAV", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), CONVERT)
    yield refused("MP3", b"ID3\x03" + bytes(400), CONVERT)
    yield refused("ZIP", b"PK\x03\x04" + bytes(100), CONVERT)


def _wrong_head() -> bytes:
    whole = saved(Image.new("L", (64, 64)), "PNG")
    return whole[:29] + bytes(4) + whole[33:]
