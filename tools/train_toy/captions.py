"""Sentences that ask for a thing, in many wordings; the wordings of `prompts.txt` are kept for the test."""

from functools import cache
from pathlib import Path
from random import Random

from tools.train_toy.things import THINGS, Thing

PLAIN = ("{a} {it}", "{a} {it}", "{it}", "{it}", "the {it}", "my {it}")
ASKED = (
    "draw {one}",
    "please draw {one}",
    "draw me {one}",
    "can you draw {one}?",
    "paint {one}",
    "make a picture of {one}",
    "create an image of {one}",
    "generate a photo of {one}",
    "i want to see {one}",
    "i would like a painting of {one}",
    "give me a nice picture with {one} in it",
    "an image of {one}",
    "a picture of {one}",
    "a painting of {one}",
    "a photo of {one}",
    "an emoji of {one}",
    "{one} emoji",
    "{one} icon, flat colours",
    "a cartoon of {one}, white background",
    "a detailed picture of {one}, sharp, bright light",
    "a simple picture of {one}",
    "here is {one}, painted in oil",
)
KINDS = """
small big little large happy sad funny cute beautiful lovely old new young bright dark shiny soft wild
fresh sweet tasty hot cold wooden golden tiny huge strange magic simple round modern ancient colourful cheerful
""".split()
PLACES = (
    "on a table|in the rain|in the sun|at night|on a white background|in the snow|in a forest|under a tree|by the sea|"
    "in the style of a cartoon|in watercolour|for my daughter|for a birthday card|with a big smile|seen from the side|"
    "in tokyo|in the city|in the kitchen|on the street|with many colours|near the river|at home|"
    "in the morning|from above"
).split("|")
PROMPTS = tuple(
    (name, prompt)
    for name, _, prompt in (
        line.partition(": ") for line in Path(__file__).with_name("prompts.txt").read_text().splitlines()
    )
)


def made_up(rng: Random) -> str:
    """A word that means nothing: the toy learns to pass over what it does not know."""
    return "".join(
        rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") + rng.choice(["", "", "n", "r", "s", "t", "l", "ck"])
        for _ in range(rng.randint(1, 4))
    )


def caption(thing: Thing, rng: Random) -> str:
    """One of many wordings, with unimportant words around the name, some of them made up."""
    it = rng.choice(thing.words)
    before = [rng.choice(KINDS) if rng.random() < 0.6 else made_up(rng) for _ in range(rng.choice([0, 0, 0, 1, 1, 2]))]
    it = " ".join([*before, it])
    one = rng.choice(PLAIN).format(a="an" if it[0] in "aeiou" else "a", it=it)
    if rng.random() < 0.35:
        one = f"{one}{rng.choice([' ', ' ', ', '])}{rng.choice(PLACES) if rng.random() < 0.5 else _noise(rng, 1, 4)}"
    if rng.random() < 0.5:
        return rng.choice(ASKED).format(one=one)
    return f"{_noise(rng, 1, 5)}{rng.choice([' ', ', ', ': '])}{one}" if rng.random() < 0.4 else one


def _noise(rng: Random, least: int, most: int) -> str:
    small = ("a", "the", "of", "in", "on", "with", "my", "for", "and", "at", "to", "its")
    return " ".join(rng.choice(small) if rng.random() < 0.35 else made_up(rng) for _ in range(rng.randint(least, most)))


@cache
def corpus() -> tuple[str, ...]:
    """What the tokenizer is made from: each name often enough to become one token."""
    rng = Random(5)
    written = [caption(thing, rng) for thing in THINGS for _ in range(20)]
    return (*written, *(word for thing in THINGS for word in thing.words for _ in range(200)))
