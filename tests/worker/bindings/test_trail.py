"""What a prediction head has yet to read, kept in step with a model that goes back and forks."""

import random

import numpy as np
from numpy.typing import NDArray

from worker.bindings.trail import MOST, Trail

WIDTH = 4


def states(tokens: list[int]) -> NDArray[np.float32]:
    """Of a text: what stands at each of its tokens, which depends on all before."""
    return np.array([np.random.default_rng(tokens[: n + 1]).random(WIDTH, np.float32) for n in range(len(tokens))])


def expect_rows(trail: Trail, text: list[int], first: int, known_from: int = 0) -> None:
    """The rows from position `first` on; the state before the row `known_from`, and before the first, is not known."""
    found = states(text)
    assert list(trail.positions) == list(range(first, len(text)))
    assert list(trail.tokens) == text[first:]
    for row, position in zip(trail.before, trail.positions, strict=True):
        expected = np.zeros(WIDTH) if position in (0, known_from) else found[position - 1]
        np.testing.assert_array_equal(row, expected)


def test_each_row_is_a_token_and_the_state_before_it() -> None:
    trail, text = Trail(WIDTH), [5, 6, 7, 8, 9]
    found = states(text)
    trail.note(0, text[:3], found[:3])
    expect_rows(trail, text[:3], 0)
    trail.note(3, text[3:], found[3:])
    expect_rows(trail, text, 0)
    trail.was_read()
    trail.add(10)
    expect_rows(trail, [*text, 10], 5)


def test_what_was_read_is_kept_no_longer() -> None:
    trail, text = Trail(WIDTH), [5, 6, 7]
    trail.note(0, text, states(text))
    trail.was_read()
    assert [len(rows) for rows in (trail.tokens, trail.positions, trail.before)] == [0, 0, 0]
    assert trail.tokens.base is trail.positions.base is trail.before.base is None  # no view of the rows that were


def test_what_was_read_ahead_is_not_read_twice_and_what_was_refused_is_gone() -> None:
    trail, text = Trail(WIDTH), [5, 6, 7]
    trail.note(0, text, states(text))
    trail.add(8)
    trail.was_read()  # with a guess behind it
    guessed = [8, 9, 10, 11]
    trail.note(3, guessed, states([*text, *guessed])[3:])
    expect_rows(trail, [*text, *guessed], 4)
    trail.cut(5)  # 9 was right as a guess before, 10 was not
    expect_rows(trail, [*text, 8, 9], 4)
    trail.add(20)
    expect_rows(trail, [*text, 8, 9, 20], 4)


def test_a_state_that_is_not_known_is_none() -> None:
    trail, text = Trail(WIDTH), [5, 6, 7]
    trail.note(0, text, states(text))
    trail.was_read()
    trail.cut(2)  # what stood before position 2 was read long ago
    trail.note(2, [9], states([5, 6, 9])[2:])
    expect_rows(trail, [5, 6, 9], 2, known_from=2)
    trail.note_unknown()
    trail.note(30, [1, 2], states([1, 2]))
    np.testing.assert_array_equal(trail.before[-2], np.zeros(WIDTH))


def test_a_stream_that_is_not_guessed_keeps_its_last_rows_and_no_more() -> None:
    trail, text = Trail(WIDTH), [5]
    trail.note(0, text, states(text))
    for token in range(100):
        text.append(token)
        trail.note(len(text) - 1, [token], states(text)[-1:])
        trail.trim()
    expect_rows(trail, text, len(text) - MOST)


def test_a_copy_is_what_the_other_is_and_leaves_it_alone() -> None:
    source, target, text = Trail(WIDTH), Trail(WIDTH), [5, 6, 7, 8]
    source.note(0, text, states(text))
    target.follow(source, 3)
    target.note(3, [9], states([5, 6, 7, 9])[3:])
    expect_rows(target, [5, 6, 7, 9], 0)
    expect_rows(source, text, 0)


def test_whatever_is_guessed_refused_and_read_the_rows_are_those_of_the_text() -> None:
    draw = random.Random(4)
    for _ in range(200):
        trail, text, read = Trail(WIDTH), [1], 0
        trail.note(0, text, states(text))
        for _ in range(draw.randint(1, 12)):
            if draw.random() < 0.5:
                trail.add(3)
                trail.was_read()
                read = len(text) + 1
            guesses = [3, *(draw.randrange(9) for _ in range(draw.randint(0, 3)))]
            trail.note(len(text), guesses, states([*text, *guesses])[len(text) :])
            right = draw.randint(1, len(guesses))
            text += guesses[:right]
            trail.cut(len(text))
            expect_rows(trail, text, read)
