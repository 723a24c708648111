"""How large a picture may be, and how many tokens it is: a rule of whole numbers, so that all machines agree on bills.

A model of the Qwen3.5 kind sees a picture as a grid of patches, each PATCH pixels wide and high and one token of the
prompt. Whoever resizes the picture decides the grid: it is done by this rule alone, and what is handed to llama.cpp
has the size already that llama.cpp would give it.
"""

from math import isqrt

PATCH = 32  # pixels a side
LEAST_TOKENS = 64  # smaller pictures are drawn larger: below that, small print and boxes suffer
LOW_TOKENS = 256  # for `detail: low`: 512 x 512 pixels
MOST_TOKENS = 1024  # else: 1,024 x 1,024 pixels, which llama.cpp's own notes want for boxes
MARK_TOKENS = 2  # `<|vision_start|>` before and `<|vision_end|>` behind

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")  # of a GIF or another animation the first frame
MAX_PICTURES = 20  # of one request
MAX_BYTES = 10 * 1024 * 1024  # of one, as a file
MAX_BYTES_TOGETHER = 12 * 1024 * 1024
MAX_SIDE = 16_384
MAX_PIXELS = 32_000_000
# Of a request. 32 million take one processor up to 1.1 s (a PNG; a JPEG 0.2 to 0.4): 20 such would take longer than a
# coordinator waits. What counts is a file's own size, though a JPEG is decoded at a fraction: a client knows that
# beforehand, and another decoder or `detail` changes nothing about it.
MAX_PIXELS_TOGETHER = 64_000_000
MAX_ASPECT = 50  # longer side by shorter: beyond it a token would show a stripe and nothing else
UNREADABLE = "[left out: this picture cannot be read]"  # what the model is shown in place of one in a tool's result

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")


def looks_like_one(file: bytes) -> bool:
    """Whether a file begins as a picture of one of MEDIA_TYPES does."""
    return file.startswith(_STARTS) or (file[:4] == b"RIFF" and file[8:12] == b"WEBP")


def fault(width: int, height: int) -> str | None:
    """What is wrong with a picture of that size in pixels, and what would help; None: it can be shown to a model."""
    if width < 1 or height < 1:
        return "has no pixels"
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        return (
            f"is {width} x {height} pixels: at most {MAX_PIXELS:,} pixels and {MAX_SIDE:,} a side are read. "
            "Send it smaller"
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        return f"is {width} x {height} pixels: at most {MAX_ASPECT} times as long as wide. Cut it into pieces"
    return None


def fault_together(pixels: int) -> str | None:
    """What is wrong with a request whose pictures up to this one have so many pixels, each read once; None: nothing."""
    if pixels <= MAX_PIXELS_TOGETHER:
        return None
    return (
        f"has {pixels:,} pixels together with those before it: at most {MAX_PIXELS_TOGETHER:,} are read of a request. "
        "Send them smaller: of each the model sees about 1,024 x 1,024"
    )


def grid(width: int, height: int, most: int) -> tuple[int, int]:
    """Columns and rows of patches for a picture of that size: its shape kept, LEAST_TOKENS to `most` of them together.

    The size has no `fault`, and `most` is at least LOW_TOKENS. The rule is that of the model's own processor.
    """
    columns, rows = max(1, (width + PATCH // 2) // PATCH), max(1, (height + PATCH // 2) // PATCH)
    if columns * rows > most:
        return isqrt(most * width // height), isqrt(most * height // width)
    if columns * rows < LEAST_TOKENS:
        return _root_up(LEAST_TOKENS * width, height), _root_up(LEAST_TOKENS * height, width)
    return columns, rows


def _root_up(dividend: int, divisor: int) -> int:
    """The square root of a quotient, rounded up."""
    return isqrt(-(-dividend // divisor) - 1) + 1
