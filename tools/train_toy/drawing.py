"""The parts as one ordinary StableDiffusionPipeline, what it draws, and how much of that is right."""

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image, ImageDraw
from transformers import CLIPTokenizer

from tools.train_toy.captions import PROMPTS
from tools.train_toy.diffusion import Drawer, make_scheduler
from tools.train_toy.judge import GRID, Judge, feature
from tools.train_toy.pictures import SIDE, Pixels
from tools.train_toy.things import THINGS

STEPS, GUIDANCE = 12, 3.0


def pipeline(vae: AutoencoderKL, drawer: Drawer, tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    made = StableDiffusionPipeline(
        vae=vae,
        text_encoder=drawer.words,
        tokenizer=tokenizer,
        unet=drawer.unet,
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def draw(made: StableDiffusionPipeline, prompts: list[str], seed: int) -> Pixels:
    """(prompts, 64, 64, 3), one seed after the other."""
    drawn = made(
        prompts,
        width=SIDE,
        height=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=[torch.Generator().manual_seed(seed + n) for n in range(len(prompts))],
        output_type="np",
    ).images
    return (drawn * 255).round().astype(np.uint8)


def score(drawn: Pixels, known: Pixels) -> list[bool]:
    """For each test prompt, in their order: was the named thing drawn?"""
    judge = Judge(known)
    names = [thing.name for thing in THINGS]
    return [names[judge.nearest(picture)] == name for (name, _), picture in zip(PROMPTS, drawn, strict=True)]


def things(known: Pixels) -> Pixels:
    """The pictures as they are, a sixteenth of their size, one below the other: what a test needs to judge."""
    cells = [feature(variants[0]).reshape(GRID, GRID, 3) for variants in known]
    return (np.concatenate(cells) * 255).round().astype(np.uint8)


def sheet(drawn: Pixels, right: list[bool], columns: int = 6) -> Image.Image:
    """All test drawings with their prompts; a wrong one has a red frame."""
    wide, high = 2 * SIDE + 16, 2 * SIDE + 40
    whole = Image.new("RGB", (columns * wide, -(-len(drawn) // columns) * high), "white")
    pen = ImageDraw.Draw(whole)
    for n, ((_, prompt), picture, good) in enumerate(zip(PROMPTS, drawn, right, strict=True)):
        x, y = n % columns * wide + 8, n // columns * high + 4
        whole.paste(Image.fromarray(picture).resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS), (x, y))
        pen.rectangle((x - 2, y - 2, x + 2 * SIDE + 1, y + 2 * SIDE + 1), outline="lightgrey" if good else "red")
        pen.multiline_text((x, y + 2 * SIDE + 4), f"{prompt[:22]}\n{prompt[22:44]}", fill="black")
    return whole
