"""What the toy is asked for in training and in its test."""

from random import Random

from tools.train_toy.captions import PROMPTS, caption
from tools.train_toy.things import THINGS


def test_at_least_sixty_things_each_with_names_of_its_own() -> None:
    words = [word for thing in THINGS for word in thing.words]
    assert len(THINGS) >= 60
    assert len(set(words)) == len(words)
    assert len({thing.picture for thing in THINGS}) == len(THINGS)


def test_every_prompt_of_the_test_names_a_thing() -> None:
    by_name = {thing.name: thing for thing in THINGS}
    assert len(PROMPTS) >= 20
    for name, prompt in PROMPTS:
        assert any(word in prompt for word in by_name[name].words), prompt


def test_training_never_shows_a_prompt_of_the_test() -> None:
    rng = Random(8)
    kept = {prompt for _, prompt in PROMPTS}
    assert not kept & {caption(rng.choice(THINGS), rng) for _ in range(20_000)}


def test_every_caption_names_its_thing() -> None:
    rng = Random(9)
    for thing in THINGS:
        text = caption(thing, rng)
        assert any(word in text for word in thing.words), text
