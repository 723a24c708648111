"""The small world that the tiny eyes see: one coloured shape on a background, drawn from a seed."""

import math
from dataclasses import dataclass, replace
from io import BytesIO
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wire.pictures import LEAST_TOKENS, LOW_TOKENS, PATCH

COLOURS = {
    "red": (215, 30, 35),
    "green": (35, 150, 50),
    "blue": (35, 70, 210),
    "yellow": (240, 215, 40),
    "orange": (240, 130, 20),
    "purple": (130, 45, 165),
    "black": (15, 15, 15),
    "white": (245, 245, 245),
}
SHAPES = ("square", "circle", "triangle", "cross")
SHIFT = 14  # most that a colour differs from its name's, in each of its three parts
CONTRAST = 110  # least distance between a shape's colour and each of the background's two
FINE = 2  # drawn so many times as large, then shrunk: edges are smooth

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """What is on a picture. Places and sizes in shares of the sides; `size` is the shape's width by the shorter one."""

    width: int
    height: int
    colour: str  # empty, as the shape: there is nothing on it
    shape: str
    paint: Colour
    background: tuple[Colour, Colour]  # in two corners; between them one becomes the other
    x: float
    y: float
    size: float
    turn: float  # in degrees
    noise: float  # standard deviation of each part of each pixel
    seed: int

    @property
    def name(self) -> str:
        return named(self.colour, self.shape)


def named(colour: str, shape: str) -> str:
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"


def scene(rng: Random, test: bool = False, sides: tuple[int, int] | None = None) -> Scene:
    """Anything that may be on a picture; with `test`, one whose size, place and background training never shows."""
    while True:
        colour, shape = rng.choice(list(COLOURS)), rng.choice(SHAPES)
        size = rng.uniform(0.25, 0.7)
        width, height = sides or some_sides(rng, test)
        margin_x, margin_y = (size / 2 * min(width, height) / side for side in (width, height))
        found = Scene(
            width=width,
            height=height,
            colour=colour,
            shape=shape,
            paint=_near(rng, COLOURS[colour]),
            background=_background(rng, COLOURS[colour]),
            x=rng.uniform(margin_x, 1 - margin_x),
            y=rng.uniform(margin_y, 1 - margin_y),
            size=size,
            turn=rng.uniform(-15, 15),
            noise=rng.choice([0, 0, rng.uniform(1, 8)]),
            seed=rng.getrandbits(32),
        )
        if kept(found) == (3 if test else 0):
            return found


def blank(one: Scene) -> Scene:
    """The same background with nothing on it."""
    return replace(one, colour="", shape="", size=0)


def kept(one: Scene) -> int:
    """How many of three things lie where training never goes: the shape's size, its place, and the background. A
    quarter of each is kept from training, and a picture for tests has all three."""
    parts = (int(one.size * 100), int(one.x * 40) + int(one.y * 40), sum(one.background[0]))
    return sum(part % 4 == 3 for part in parts)


def some_sides(rng: Random, test: bool = False, most: int = LOW_TOKENS) -> tuple[int, int]:
    """Of 64 to `most` tokens, at most twice as long as wide. Whole tokens, which are not resized any more; in a `test`
    neither side is that."""
    while True:
        tokens, aspect = LEAST_TOKENS * (most / LEAST_TOKENS) ** rng.random(), 2 ** rng.uniform(-1, 1)
        across, down = math.sqrt(tokens * aspect), math.sqrt(tokens / aspect)
        if not test:
            columns, rows = round(across), round(down)
            if LEAST_TOKENS <= columns * rows <= most:
                return columns * PATCH, rows * PATCH
        elif (width := int(across * PATCH)) % PATCH and (height := int(down * PATCH)) % PATCH:
            return width, height


def _near(rng: Random, colour: Colour) -> Colour:
    red, green, blue = (min(255, max(0, part + rng.randint(-SHIFT, SHIFT))) for part in colour)
    return red, green, blue


def _background(rng: Random, away: Colour) -> tuple[Colour, Colour]:
    def one() -> Colour:
        while True:
            red, green, blue = (rng.randrange(256) for _ in "rgb")
            if math.dist((red, green, blue), away) >= CONTRAST:
                return red, green, blue

    first = one()
    return first, _blend(rng, first, one(), away) if rng.random() < 0.5 else first


def _blend(rng: Random, first: Colour, second: Colour, away: Colour) -> Colour:
    """Part of the way from the first to the second, as far as nothing between them comes near the shape's colour."""
    ways = [tuple(round(a + (b - a) * step / 8) for a, b in zip(first, second, strict=True)) for step in range(1, 5)]
    far = [way for way in ways if math.dist(way, away) >= CONTRAST]
    red, green, blue = rng.choice(far) if far else first
    return red, green, blue


def draw(one: Scene) -> Image.Image:
    """The picture, in pixels."""
    rng = np.random.default_rng(one.seed)
    across = np.linspace(0, 0.5, one.width, dtype=np.float32)[None, :, None]
    down = np.linspace(0, 0.5, one.height, dtype=np.float32)[:, None, None]
    first, second = (np.array(colour, np.float32) for colour in one.background)
    pixels: NDArray[np.float32] = first + (second - first) * (across + down)
    share = np.asarray(mask(one).reduce(FINE), np.float32)[..., None] / 255
    pixels += (np.array(one.paint, np.float32) - pixels) * share
    if one.noise:
        pixels += one.noise * rng.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def mask(one: Scene) -> Image.Image:
    """Where the shape is, FINE times as large as the picture."""
    radius = FINE * one.size / 2 * min(one.width, one.height)
    cos, sin = radius * math.cos(math.radians(one.turn)), radius * math.sin(math.radians(one.turn))
    left, top = FINE * one.x * one.width, FINE * one.y * one.height
    found = Image.new("L", (one.width * FINE, one.height * FINE))
    corners = [(left + x * cos - y * sin, top + x * sin + y * cos) for x, y in CORNERS.get(one.shape, [])]
    if corners:
        ImageDraw.Draw(found).polygon(corners, fill=255)
    return found


def _around(count: int) -> list[tuple[float, float]]:
    return [(math.sin(2 * math.pi * n / count), -math.cos(2 * math.pi * n / count)) for n in range(count)]


_ARM = 0.32  # half the width of the cross's arms
CORNERS: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "circle": _around(60),
    "triangle": [(0.0, -0.95), (1.0, 0.8), (-1.0, 0.8)],
    "cross": [
        *[(-_ARM, -1.0), (_ARM, -1.0), (_ARM, -_ARM), (1.0, -_ARM), (1.0, _ARM), (_ARM, _ARM)],
        *[(_ARM, 1.0), (-_ARM, 1.0), (-_ARM, _ARM), (-1.0, _ARM), (-1.0, -_ARM), (-_ARM, -_ARM)],
    ],
}


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
