"""The trained model really sees: sampled answers about pictures that training never showed, from the engine itself."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tools.tiny_models.pictures import COLOURS, SHAPES, blank, scene
from tools.tiny_models.sight import LIKELIEST, answers, share, shown

PICTURES, BLANK = 200, 40
KNOWN, PAIRS = 48, 1000
CHANCE = 1 / (len(COLOURS) * len(SHAPES))


def test_the_pair_is_small(tiny_sight: tuple[Path, Path]) -> None:
    assert sum(path.stat().st_size for path in tiny_sight) < 4_000_000


@pytest.mark.process
def test_it_names_shape_and_colour_of_unseen_pictures_and_of_none_that_it_is_not_shown(
    tiny_sight: tuple[Path, Path],
) -> None:
    rng = Random(2024)
    scenes = [scene(rng, test=True) for _ in range(PICTURES)]
    pictures = [shown(one, number) for number, one in enumerate(scenes)]
    said = asyncio.run(answers(*tiny_sight, pictures))
    blanks = [shown(blank(one), number) for number, one in enumerate(scenes[:BLANK])]
    of_blanks = asyncio.run(answers(*tiny_sight, blanks))
    right, swapped = share(said, scenes), share(said[1:] + said[:1], scenes)
    blanked = share(of_blanks, scenes[:BLANK])
    print(f"right {right:.1%}; pictures swapped {swapped:.1%}, blanked {blanked:.1%}; by chance {CHANCE:.1%}")
    assert right >= 0.95
    assert max(swapped, blanked) < 3 * CHANCE


@pytest.mark.search
def test_the_same_words_about_another_picture_are_never_answered_by_the_first_one(
    tiny_sight: tuple[Path, Path],
) -> None:
    """Every picture was asked about before in these words, so the engine may hold its rows, and those of others."""
    rng = Random(7)
    scenes = [scene(rng) for _ in range(KNOWN)]
    pictures = [shown(one, number) for number, one in enumerate(scenes)]
    alone = asyncio.run(answers(*tiny_sight, pictures, sampling=LIKELIEST))
    sure = [number for number in range(KNOWN) if scenes[number].name in alone[number]]
    assert len(sure) >= 40
    asked: list[int] = []
    while len(asked) < 2 * PAIRS:
        first, second = rng.sample(sure, 2)
        asked += [first, second] if scenes[first].name != scenes[second].name else []
    said = asyncio.run(answers(*tiny_sight, [pictures[number] for number in asked], sampling=LIKELIEST))
    wrong = [at for at, number in enumerate(asked) if scenes[number].name not in said[at]]
    assert not wrong, [(scenes[asked[at]].name, said[at]) for at in wrong[:5]]
