"""The training pictures: every thing a few times, turned, moved and mirrored a little, on white."""

import json
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.train_toy.things import THINGS, Thing

SIDE = 64
VARIANTS = 16
Pixels = NDArray[np.uint8]


def original(package: Path, thing: Thing) -> Image.Image:
    """The picture of `emoji-datasource-google`, with its transparency."""
    listed = json.loads((package / "emoji.json").read_text())
    (file,) = (each["image"] for each in listed if each["short_name"] == thing.picture)
    return Image.open(package / "img" / "google" / "64" / file).convert("RGBA")


def variant(picture: Image.Image, rng: Random) -> Image.Image:
    """Mirrored, a little turned and smaller, somewhere in the frame."""
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = round(SIDE * rng.uniform(0.84, 1))
    picture = picture.rotate(rng.uniform(-8, 8), Image.Resampling.BICUBIC).resize(
        (side, side), Image.Resampling.LANCZOS
    )
    frame = Image.new("RGBA", (SIDE, SIDE))
    frame.paste(picture, (rng.randint(0, SIDE - side), rng.randint(0, SIDE - side)))
    return frame


def on_white(picture: Image.Image) -> Pixels:
    whole = Image.new("RGBA", picture.size, "white")
    whole.alpha_composite(picture)
    return np.asarray(whole.convert("RGB"))


def pictures(package: Path) -> Pixels:
    """(things, VARIANTS, 64, 64, 3); the first of each thing is the picture as it is."""
    rng = Random(11)
    rows = []
    for thing in THINGS:
        plain = original(package, thing)
        rows.append([on_white(plain), *(on_white(variant(plain, rng)) for _ in range(VARIANTS - 1))])
    return np.array(rows)
