"""Files that are pictures, however odd: each is seen as a person sees it."""

import zlib
from collections.abc import Iterator

from PIL import Image

from tools.hostile.pictures import files
from tools.hostile.pictures.case import Case, white, whole
from tools.hostile.pictures.files import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    YELLOW,
    chunk,
    plain,
    png,
    put_in,
    quarters,
    rows,
    saved,
    segment,
    tiff,
    turned,
    with_exif,
)

MIB = 1024 * 1024
SHORT = 3  # a value of EXIF of two bytes


def formats() -> Iterator[Case]:
    yield Case("PNG", saved(quarters(), "PNG"), by=3)
    yield Case("PNG in seven passes", files.interlaced(quarters()), by=3)
    yield Case("JPEG", saved(quarters(), "JPEG", quality=95))
    yield Case("progressive JPEG", saved(quarters(), "JPEG", progressive=True, quality=95))
    yield Case("JPEG in arithmetic coding", files.ARITHMETIC, by=20)
    yield Case("progressive JPEG in arithmetic coding", files.ARITHMETIC_PROGRESSIVE, by=20)
    yield Case("WebP", saved(quarters(), "WEBP", quality=95), by=20)
    yield Case("lossless WebP", saved(quarters(), "WEBP", lossless=True), by=3)
    yield Case("GIF", saved(quarters(), "GIF"))
    yield Case("PNG that is called a JPEG", saved(quarters(), "PNG"), declared="image/jpeg")
    yield Case("WebP that is called a PNG", saved(quarters(), "WEBP", lossless=True), declared="image/png")
    yield Case("JPEG that is called image/jpg", saved(quarters(), "JPEG", quality=95), declared="image/jpg")


def modes() -> Iterator[Case]:
    grey = tuple((round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in files.CORNERS)
    yield Case("JPEG in CMYK", saved(quarters(mode="CMYK"), "JPEG", quality=95), by=30)
    yield Case("grey JPEG", saved(quarters(mode="L"), "JPEG"), grey)  # type: ignore[arg-type]
    yield Case("grey PNG", saved(quarters(mode="L"), "PNG"), grey, 3)  # type: ignore[arg-type]
    yield Case("PNG with a palette", saved(quarters().quantize(8), "PNG"))
    yield whole("PNG of one bit", saved(plain(1, "1"), "PNG"), WHITE)
    yield Case("PNG of 16 bits", png(96, 64, rows(quarters(), 16), depth=16), by=3)
    yield Case("PNG of 16 bits and alpha", png(96, 64, rows(quarters(mode="RGBA"), 16), depth=16, colour=6), by=3)
    # Plainly converted, all above 255 of 65,535 would be white.
    yield Case("grey PNG of 16 bits", png(96, 64, rows(quarters(mode="L"), 16), depth=16, colour=0), grey, 3)  # type: ignore[arg-type]
    yield Case("PNG with alpha that hides nothing", saved(quarters(mode="RGBA"), "PNG"), by=3)
    yield white("transparent red PNG", saved(plain((255, 0, 0, 0), "RGBA"), "PNG"))
    yield white("transparent grey PNG", saved(plain((90, 0), "LA"), "PNG"))
    yield whole("half transparent PNG", saved(plain((0, 0, 0, 128), "RGBA"), "PNG"), (127, 127, 127))
    yield white("transparent WebP", saved(plain((255, 0, 0, 0), "RGBA"), "WEBP", lossless=True))
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    yield white("PNG with a transparent colour of its palette", saved(palette, "PNG", transparency=1))
    yield white("GIF with a transparent colour", saved(palette, "GIF", transparency=1))
    yield white("PNG with a colour that means transparent", saved(plain(RED), "PNG", transparency=RED))


def turns() -> Iterator[Case]:
    for orientation in range(1, 9):
        yield Case(f"JPEG of orientation {orientation}", turned(orientation, quality=95))
    for orientation in range(1, 9):
        yield Case(f"PNG of orientation {orientation}", turned(orientation, "PNG"), by=3)
    for orientation in (3, 6):
        yield Case(f"WebP of orientation {orientation}", turned(orientation, "WEBP", lossless=True), by=3)
    sideways = quarters(128, 64).transpose(Image.Transpose.ROTATE_90)
    exif = chunk(b"eXIf", tiff((0x0112, SHORT, 1, b"\0\x06\0\0")))
    whole_png = saved(sideways, "PNG")
    yield Case("PNG whose orientation stands behind its pixels", whole_png[:-12] + exif + whole_png[-12:], by=3)
    yield Case("orientation 0", with_exif(tiff((0x0112, SHORT, 1, bytes(4)))))
    yield Case("orientation 9", with_exif(tiff((0x0112, SHORT, 1, b"\0\x09\0\0"))))
    yield Case("an orientation that is text", with_exif(tiff((0x0112, 2, 4, b"six\0"))))
    yield Case("EXIF that is cut off", with_exif(tiff((0x0112, SHORT, 1, bytes(4)))[:13]))
    yield Case("EXIF of garbage", with_exif(b"MM\0*garbage" + bytes(500)))
    yield Case("EXIF whose directory is its own next one", with_exif(tiff((0x0112, SHORT, 1, bytes(4)), following=8)))
    lost = tiff(
        (0x0112, SHORT, 1, b"\0\x01\0\0"), (0x8769, 4, 1, b"\x7f\xff\xff\xff"), (0x010F, 2, 2**31, b"\0\0\0\x08")
    )
    yield Case("EXIF that leads out of its block", with_exif(lost))


def beside() -> Iterator[Case]:
    """What else is in a file."""
    jpeg, whole_png = saved(quarters(), "JPEG", quality=95), saved(quarters(), "PNG")
    archive = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)
    yield Case("PNG with a zip archive behind it", whole_png + archive, by=3)
    yield Case("PNG with a page behind it", whole_png + b"<html><script>alert(1)</script>", by=3)
    yield Case("JPEG with a PNG behind it", jpeg + whole_png)
    page = jpeg[:2] + segment(0xFE, b"<html><body onload=alert(1)><!--") + jpeg[2:]
    yield Case("JPEG that is a page too", page + b"--></body></html>")
    script = (
        files.gif_of_canvas(0x2A2F, 300)[:13]
        + files.gif_of_canvas(1, 1)[13:-1]
        + b"!\xfe"
        + files.blocks(b"*/=1;alert(1)//")
    )
    yield Case("GIF that is a script too", script + b";", (RED,) * 4, 255)
    yield Case(
        "MPO, a JPEG with a second one", saved(quarters(), "MPO", save_all=True, append_images=[quarters()], quality=95)
    )
    for format in ("GIF", "WEBP", "PNG"):
        yield Case(f"animated {format}", files.animated(format), by=20)
    yield Case("JPEG with 9 MiB of comments", jpeg[:2] + segment(0xFE, bytes(65_000)) * 145 + jpeg[2:])
    yield Case("GIF with 9 MiB of comments", files.commented(bytes(9 * MIB)))
    yield Case(
        "JPEG with a colour profile of 3 MB", saved(quarters(), "JPEG", quality=95, icc_profile=bytes(3_000_000))
    )
    yield Case(
        "JPEG with a colour profile that is none", saved(quarters(), "JPEG", quality=95, icc_profile=b"none" * 400)
    )
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(50_000_000), 9))
    yield Case("PNG with a colour profile that unpacks to 50 MB", put_in(whole_png, profile), by=3)
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(50_000_000), 9))
    yield Case("PNG with a text that unpacks to 50 MB", put_in(whole_png, text), by=3)
    texts = chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(1_000_000), 9)) * 300
    yield Case("PNG with 300 texts that unpack to 1 MB each", put_in(whole_png, texts), by=3)
    yield Case("PNG with 100,000 chunks", put_in(whole_png, chunk(b"teSt", b"") * 100_000), by=3)
    checksum = whole_png.index(b"IEND") - 8
    damaged = whole_png[:checksum] + bytes(4) + whole_png[checksum + 4 :]
    yield Case("PNG whose pixels have a wrong checksum", damaged, by=3)


def sizes() -> Iterator[Case]:
    yield whole("one pixel", saved(plain(GREEN, width=1, height=1), "PNG"), GREEN)
    yield whole("one pixel of a JPEG", saved(plain(BLUE, width=1, height=1), "JPEG", quality=95), BLUE, 8)
    yield Case("50 times as long as wide", saved(quarters(1600, 32), "PNG"), by=3)
    yield Case("50 times as wide as long", saved(quarters(32, 1600), "PNG"), by=3)
    yield Case("a photo of 12 million pixels", saved(quarters(4000, 3000), "JPEG", quality=95))
    yield Case("32 million pixels of a PNG", saved(quarters(8000, 4000), "PNG", compress_level=1), by=3)
    yield Case(
        "32 million pixels of a WebP", saved(quarters(8000, 4000), "WEBP", lossless=True, quality=0, method=0), by=3
    )
    alpha = plain((*YELLOW, 255), "RGBA", 8000, 4000)
    yield whole("32 million pixels with alpha", saved(alpha, "PNG", compress_level=1), YELLOW)
    yield whole("a JPEG of 32 million pixels and 30 scans", files.scans(8000, 4000, 29), (128, 128, 128))
    yield Case("a GIF without a size", files.gif_of_canvas(0, 0), (RED,) * 4, 255)
    yield Case("a GIF of one pixel on a large canvas", files.gif_of_canvas(8000, 4000), (RED,) * 4, 255)
