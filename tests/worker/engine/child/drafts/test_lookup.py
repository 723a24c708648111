"""Guesses from the text itself, held against a search that looks at every place."""

import random
from collections.abc import Sequence

import pytest

from worker.engine.child.drafts.lookup import AGREED, NOTHING, SIZES, Guess, Lookup, came_true


def searched(tokens: Sequence[int], most: int) -> Guess:
    for size in SIZES:
        for at in range(len(tokens) - 1, size - 1, -1):
            if list(tokens[at - size : at]) == list(tokens[-size:]) and most > 0:
                found = [*tokens[at:]]
                while len(found) < most:
                    found.append(found[len(found) - (len(tokens) - at)])
                agreed = next(n for n in AGREED if at >= n and list(tokens[at - n : at]) == list(tokens[-n:]))
                return Guess(tuple(found[:most]), agreed)
    return NOTHING


@pytest.mark.parametrize("seed", range(60))
def test_it_finds_what_a_search_finds(seed: int) -> None:
    """Whether it has read the text at once or token by token. None of these texts has two windows of one hash."""
    draw = random.Random(seed)
    tokens = [draw.randrange(4) for _ in range(draw.randint(1, 120))]
    known, most = draw.randint(0, 60), draw.randint(0, 9)
    lookup = Lookup(2**20)
    for end in range(min(known, len(tokens)), len(tokens)):
        lookup.guess(tokens[:end], most)
    assert lookup.guess(tokens, most) == searched(tokens, most)


def test_in_a_table_that_is_far_too_small_it_guesses_less_and_nothing_wrong() -> None:
    tokens = [number * number % 61 for number in range(3000)]
    guess = Lookup(2).guess(tokens, 4)
    assert guess in (NOTHING, searched(tokens, 4))


def test_a_text_that_fills_its_room_still_finds_nearly_all_of_its_places() -> None:
    tokens = [draw.randrange(5000) for draw in [random.Random(7)] for _ in range(1000)]
    copied = [*tokens, *tokens]
    lookup = Lookup(len(copied))
    right = [lookup.guess(copied[:end], 1).tokens == (copied[end],) for end in range(1010, 2000)]
    assert sum(right) > 0.9 * len(right)


def test_a_text_that_repeats_itself_is_guessed_round_and_round() -> None:
    assert Lookup(64).guess([1, 2, 3, 4] * 5, 10) == Guess((1, 2, 3, 4, 1, 2, 3, 4, 1, 2), 16)


def test_nothing_is_guessed_of_a_text_without_a_repetition() -> None:
    assert Lookup(64).guess(list(range(40)), 10) == NOTHING
    assert Lookup(64).guess([], 10) == NOTHING


def test_a_large_vocabulary_and_a_long_text_are_read_in_one_go() -> None:
    tokens = [(number * 7919) % 248_320 for number in range(20_000)]
    tokens += tokens[5000:5040]
    assert Lookup(32_768).guess(tokens, 8) == Guess(tuple(tokens[5040:5048]), 32)


def test_what_came_true_ends_with_the_first_that_did_not() -> None:
    assert [came_true((1, 2, 3), drawn) for drawn in ([], [1], [1, 2, 3, 4], [1, 9, 3], [9])] == [0, 1, 3, 1, 0]
