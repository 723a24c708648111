"""What a worker is asked that has rested: as little as shows that its engine works, with a seed that is known."""

from hashlib import sha256
from math import isqrt
from struct import pack
from zlib import compress, crc32

from wire.chat import ChatRequest, Message
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, Making, MediaOffer, MediaRequest
from wire.offers import ModelOffer
from wire.request import Request

QUESTION = Message(role="user", content="Count from one to five.")
TOKENS = 8
PROMPT = "a red circle"
SIDE = 256  # pixels: what is smaller, some pipelines do not draw
GRID = 64  # of sides, where there is room for one
STEPS = 4
FRAMES, FPS = 9, 16  # a multiple of four and of eight, and one
MUSIC_S = 10


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))


def _grey() -> bytes:
    """A grey picture, for those that can only make one of another."""
    header = _chunk(b"IHDR", pack(">IIBBBBB", GRID, GRID, 8, 0, 0, 0, 0))
    rows = _chunk(b"IDAT", compress(b"".join(b"\0" + b"\x80" * GRID for _ in range(GRID))))
    return b"\x89PNG\r\n\x1a\n" + header + rows + _chunk(b"IEND", b"")


GREY = _grey()
GREY_SHA256 = sha256(GREY).hexdigest()
FILES = {GREY_SHA256: GREY}


def question(offer: ModelOffer | MediaOffer, window_tokens: int) -> Request | None:
    """The request, whose files are in FILES; None: it can only make things of sounds and films, of which there is none
    to send. `window_tokens`: nobody takes what a chat brings, so nothing opens its window."""
    if isinstance(offer, ModelOffer):
        return ChatRequest(messages=(QUESTION,), max_tokens=min(TOKENS, window_tokens))
    made = (_making(mode, offer) for mode in offer.modes)
    can = [making for making in made if making is not None and offer.lacks(making) is None]
    return MediaRequest(make=min(can, key=_cheapness)) if can else None


def _making(mode: str, offer: MediaOffer) -> Making | None:
    side = _side(offer.max_pixels)
    match mode:
        case "generate_image" if side:
            return GenerateImage(prompt=PROMPT, width=side, height=side, steps=STEPS)
        case "edit_image" if side:
            return EditImage(prompt=PROMPT, width=side, height=side, steps=STEPS, images=(GREY_SHA256,))
        case "generate_music" if offer.max_seconds:
            return GenerateMusic(prompt=PROMPT, seconds=min(MUSIC_S, offer.max_seconds), steps=STEPS)
        case "generate_video" | "generate_video.first" if side and offer.max_frames:
            return GenerateVideo(
                prompt=PROMPT,
                width=side,
                height=side,
                frames=min(FRAMES, offer.max_frames),
                fps=FPS,
                steps=STEPS,
                first=GREY_SHA256 if mode.endswith("first") else None,
            )
    return None


def _cheapness(making: Making) -> int:
    return (GenerateImage, EditImage, GenerateMusic, GenerateVideo).index(type(making))


def _side(pixels: int) -> int:
    """Of a square of so many pixels at most, as pipelines draw them; 0: there is no room for one."""
    side = min(isqrt(pixels), SIDE)
    return side // GRID * GRID or side // 16 * 16
