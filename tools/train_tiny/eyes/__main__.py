"""Train the tiny model that sees, and its eyes, and write both as GGUF; run from the root of the repository:

    python3 -m venv VENV && VENV/bin/pip install -e '.[dev]' torch==2.13.0
    VENV/bin/python -m tools.train_tiny.eyes tools/tiny_models

First the eyes learn alone, then the model with eyes that stay as they are: 28 minutes together with one thread on two
cores that others kept busy. Fixed seeds; a line of progress every 25 steps (of the eyes: losses of colour, shape and
outline, shares of right colours and shapes; of the model: loss, share of right tokens), and at the end what llama.cpp
makes of 200 pictures that training never showed. The committed files: 99.0 %, words drawn at the temperature 1.

The pair knows eight colours and four shapes: one shape on a picture, tilted by at most 15 degrees and a quarter to two
thirds of the shorter side wide, on a background of one colour or of two that become each other. It answers questions
like those of talks.py; of two pictures at once it gets both right, in their order, about six times in ten. A picture
from a function it sees as well, but it does not always call one when asked to look. Of photographs, of text on pictures
and of two shapes at once it knows nothing, and names all the same a shape and a colour.
"""

import argparse
import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor, nn

from tools.tiny_models.bpe import Vocabulary
from tools.tiny_models.pictures import blank, draw, scene, some_sides
from tools.tiny_models.sight import answers, share, shown
from tools.train_tiny.__main__ import rate
from tools.train_tiny.eyes import hybrid, reading, seeing, vision
from tools.train_tiny.eyes.reading import Encoded
from tools.train_tiny.eyes.talks import Seen, make_vocabulary
from wire.pictures import LOW_TOKENS, PATCH

PICTURES, BLANK = 1200, 40  # that the model learns to talk about, and how many of them have nothing on them
FEW_TOKENS = 100  # of four in five of them
SMALL = 80  # most tokens of a picture at first
MATRIX_RATE = 0.02
SEEING_RATE, READING_RATE = 0.005, 0.01  # of all but the matrices
MODEL, EYES = "tiny-qwen35-sees.gguf", "tiny-qwen35-sees-mmproj.gguf"

Losses = Iterator[tuple[Tensor, list[float]]]  # what to make smaller, and numbers to print


def optimizers(net: nn.Module, others: Iterable[Tensor], other_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for matrices, AdamW for all else: tables, convolutions, norms, and `others`."""
    named = dict(net.named_parameters())
    muon = {name for name, weight in named.items() if weight.ndim == 2 and "embd" not in name and "conv" not in name}
    rest = [weight for name, weight in named.items() if name not in muon]
    matrices = [weight for name, weight in named.items() if name in muon]
    return [
        torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW([*rest, *others], lr=other_rate, weight_decay=0.0, betas=(0.9, 0.98)),
    ]


def descend(net: nn.Module, tools: list[torch.optim.Optimizer], steps: int, losses: Losses) -> None:
    """A step for each loss, and a line of progress every 25."""
    plan = [torch.optim.lr_scheduler.LambdaLR(tool, lambda n: rate(n, steps)) for tool in tools]
    started, notes = time.monotonic(), []
    for step, (loss, note) in enumerate(losses, start=1):
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for tool, schedule in zip(tools, plan, strict=True):
            tool.step()
            schedule.step()
            tool.zero_grad()
        notes.append(note)
        if step % 25 == 0:
            mean = "  ".join(f"{part:.3f}" for part in np.mean(notes[-25:], 0))
            print(f"step {step}/{steps}  {mean}  {time.monotonic() - started:.0f} s", flush=True)


def learn_to_see(eyes: vision.Eyes, steps: int) -> None:
    """Pictures are small for half of the time, and cost little; then they grow to all sizes."""
    seeing.place(eyes)
    teacher = seeing.Teacher(eyes)
    sizes = [SMALL + max(0, (2 * step - steps) * (LOW_TOKENS - SMALL) // steps) for step in range(steps)]
    losses = (teacher.loss(eyes, one) for one in seeing.batches(sizes))
    descend(eyes, optimizers(eyes, teacher.parameters(), SEEING_RATE), steps, losses)


def learn_to_tell(net: hybrid.Hybrid, eyes: vision.Eyes, vocab: Vocabulary, steps: int) -> None:
    pictures, encoded = looked_at(eyes, Random(2))
    losses = (reading.loss(net, read) for read in islice(reading.batches(vocab, pictures, encoded, seed=3), steps))
    descend(net, optimizers(net, [], READING_RATE), steps, losses)


@torch.no_grad()
def looked_at(eyes: vision.Eyes, rng: Random) -> tuple[list[Seen], list[Encoded]]:
    """Pictures for the model to talk about, as the eyes give them."""
    pictures, encoded = [], []
    for number in range(PICTURES):
        one = scene(rng, sides=some_sides(rng, most=FEW_TOKENS if number % 5 else LOW_TOKENS))
        if number < BLANK:
            one = blank(one)
        vectors = eyes(torch.from_numpy(vision.patches(np.asarray(draw(one))))[None], one.height // vision.PATCH)[0]
        pictures.append(Seen(one.colour, one.shape, number))
        encoded.append(Encoded(vectors, one.width // PATCH))
    return pictures, encoded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the two files")
    parser.add_argument("--seeing", type=int, default=850, help="steps in which the eyes learn (default: %(default)s)")
    parser.add_argument("--telling", type=int, default=700, help="steps in which the model does (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vocab = make_vocabulary()
    net = hybrid.Hybrid(hybrid.Shape(len(vocab.tokens)))
    eyes = vision.Eyes(vision.Shape(net.shape.width))
    for name, part in (("model", net), ("eyes", eyes)):
        print(f"{name}: {sum(weight.numel() for weight in part.parameters()) / 1e6:.2f} M parameters")
    learn_to_see(eyes, args.seeing)
    vision.export(eyes, args.out / EYES, "Tiny eyes")
    learn_to_tell(net, eyes, vocab, args.telling)
    hybrid.export(net, vocab, args.out / MODEL, "Tiny Qwen3.5 that sees")
    rng = Random(99)
    scenes = [scene(rng, test=True) for _ in range(200)]
    pictures = [shown(one, number) for number, one in enumerate(scenes)]
    said = asyncio.run(answers(args.out / MODEL, args.out / EYES, pictures))
    print(f"right of 200 pictures of the test, in llama.cpp: {share(said, scenes):.1%}")


if __name__ == "__main__":
    main()
