"""First lesson: the eyes learn to see, each token to know the colour and the shape, wherever on the picture it is.

Told only that, they find the colour at once and the shape not in 400 steps. So every patch is taught its share of the
outline too: how much of the shape covers it, which way its edges face, and where they turn. An angle's multiples,
summed over an outline, tell shapes apart: edges of a square agree in the fourth, of a triangle in the third, of a
circle in none; and only a cross turns inwards.
"""

import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageFilter
from torch import Tensor, nn
from torch.nn import functional as F

from tools.tiny_models.pictures import COLOURS, FINE, SHAPES, Scene, blank, draw, mask, scene, some_sides
from tools.train_tiny.eyes.vision import PATCH, Eyes, in_tokens, patches

BATCH = 16
BLANK = 0.05  # of the pictures have nothing on them
KNOWN_COLOURS, KNOWN_SHAPES = (*COLOURS, ""), (*SHAPES, "")
AHEAD = 8  # batches drawn before they are needed, by a process of their own
MULTIPLES = 4
AROUND = ImageFilter.BoxBlur(2)  # corners are where about a cell much or little is covered, in five cells a side
CELLS = 4  # a patch's outline is measured in so many cells a side


@dataclass(frozen=True)
class Batch:
    """Pictures of one size: their patches in `rows` lines, their outlines patch by patch, and what is on them."""

    patches: NDArray[np.float16]
    rows: int
    outlines: NDArray[np.float32]
    colours: list[int]
    shapes: list[int]


def measured(one: Scene) -> NDArray[np.float32]:
    """Of each patch: the share that is covered, its corners outwards and inwards, the length of its edge, and that by
    multiples of the way it faces."""
    small = mask(one).reduce(FINE * PATCH // CELLS)
    cells, around = (np.asarray(picture, np.float32) / 255 for picture in (small, small.filter(AROUND)))
    corners = cells * np.maximum(0, 0.45 - around), (1 - cells) * np.maximum(0, around - 0.55)
    down, across = np.gradient(cells)
    edge, way = np.hypot(across, down), np.arctan2(down, across)
    turned = [edge * turn(n * way) for n in range(1, MULTIPLES + 1) for turn in (np.cos, np.sin)]
    maps = np.stack([cells / CELLS**2, *corners, edge, *turned], -1)
    found: NDArray[np.float32] = maps.reshape(one.height // PATCH, CELLS, one.width // PATCH, CELLS, -1).sum((1, 3))
    return found


def batch(seed: int, most: int) -> Batch:
    rng = Random(seed)
    sides = some_sides(rng, most=most)
    scenes = [scene(rng, sides=sides) for _ in range(BATCH)]
    scenes = [blank(one) if rng.random() < BLANK else one for one in scenes]
    return Batch(
        np.stack([patches(np.asarray(draw(one))) for one in scenes]).astype(np.float16),
        sides[1] // PATCH,
        np.stack([in_tokens(torch.from_numpy(measured(one))).numpy() for one in scenes]),
        [KNOWN_COLOURS.index(one.colour) for one in scenes],
        [KNOWN_SHAPES.index(one.shape) for one in scenes],
    )


def batches(sizes: list[int]) -> Iterator[Batch]:
    """One for each of `sizes`, the most tokens of its pictures."""
    waiting: deque[Future[Batch]] = deque()
    with ProcessPoolExecutor(1) as drawer:
        for step in range(len(sizes) + AHEAD):
            if step < len(sizes):
                waiting.append(drawer.submit(batch, step, sizes[step]))
            if step >= AHEAD:
                yield waiting.popleft().result()


class Teacher(nn.Module):
    """Reads off the eyes what they are to have seen; not kept."""

    def __init__(self, eyes: Eyes) -> None:
        super().__init__()
        self.colour = nn.Linear(eyes.shape.into, len(KNOWN_COLOURS))
        self.shape = nn.Linear(eyes.shape.into, len(KNOWN_SHAPES))
        self.outline = nn.ModuleList(nn.Linear(eyes.shape.width, 4 + 2 * MULTIPLES) for _ in eyes.blk)

    def loss(self, eyes: Eyes, one: Batch) -> tuple[Tensor, list[float]]:
        """What to make smaller, and what to print: the losses, and the shares of right colours and shapes."""
        layers: list[Tensor] = []
        hooks = [layer.register_forward_hook(lambda _layer, _x, out: layers.append(out)) for layer in eyes.blk]
        vectors = eyes(torch.from_numpy(one.patches).float(), one.rows)
        for hook in hooks:
            hook.remove()
        truth = torch.from_numpy(one.outlines)
        outlines = [(read(x) - truth).square().mean((0, 1)).sum() for read, x in zip(self.outline, layers, strict=True)]
        losses, right = [], []
        for read, wanted in ((self.colour, one.colours), (self.shape, one.shapes)):
            scores, target = read(vectors), torch.tensor(wanted)
            losses.append(F.cross_entropy(scores.flatten(0, 1), target.repeat_interleave(scores.shape[1])))
            right.append(float((scores.mean(1).argmax(-1) == target).float().mean()))
        outlined = sum(outlines) / len(outlines)
        return losses[0] + losses[1] + 3 * outlined, [*(float(x.detach()) for x in (*losses, outlined)), *right]


def place(eyes: Eyes) -> None:
    """Places begin as waves over the picture, and not as noise: what is learned in one holds in its neighbours."""
    along = torch.linspace(-1, 1, eyes.shape.side)
    down, across = torch.meshgrid(along, along, indexing="ij")
    waves = [
        turn(math.pi * n * side / 2) for n in range(1, 5) for side in (across, down) for turn in (torch.sin, torch.cos)
    ]
    with torch.no_grad():
        eyes.position.zero_()
        eyes.position[:, :, : len(waves)] = 0.3 * torch.stack(waves, -1)
