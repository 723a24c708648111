"""Indices, positions and keys of prompts with pictures."""

import pytest

from worker.engine.child.picture_layout import Layout, misplaced
from worker.engine.port import Placed

FIRST, SECOND = Placed(3, 4, 2, "a"), Placed(13, 2, 5, "b")  # rows 3 to 10, text 11 and 12, rows 13 to 22, text from 23
LAYOUT = Layout((FIRST, SECOND))


def test_without_pictures_a_position_is_an_index() -> None:
    layout = Layout(())
    assert [layout.position(i) for i in range(5)] == [layout.end(i) for i in range(5)] == [0, 1, 2, 3, 4]
    assert layout.until_change(7) == 0 and layout.picture(0) is None and layout.pictures_end == 0
    prompt = (1, 2, 3)
    assert layout.keyed(prompt) == [1, 2, 3] and layout.text(prompt) is prompt


def test_a_picture_is_as_many_positions_as_its_longer_side() -> None:
    positions = [LAYOUT.position(i) for i in range(26)]
    assert positions == [0, 1, 2, *[3] * 8, 7, 8, *[9] * 10, 14, 15, 16]


def test_a_cut_is_behind_the_picture_that_it_falls_into() -> None:
    ends = [LAYOUT.end(i) for i in range(26)]
    assert ends == [0, 1, 2, 3, *[4] * 7, 7, 8, 9, *[10] * 9, 14, 15, 16]


def test_slices_end_where_a_picture_begins_or_ends() -> None:
    assert [LAYOUT.until_change(i) for i in (0, 2, 3, 10, 11, 13, 22, 23)] == [3, 1, 8, 1, 2, 10, 1, 0]
    kinds = [LAYOUT.picture(i) for i in (2, 3, 10, 11, 12, 13, 22, 23)]
    assert kinds == [None, FIRST, FIRST, None, None, SECOND, SECOND, None]


def test_keys_are_no_tokens_and_differ_with_picture_row_and_shape() -> None:
    prompt = (7,) * 30
    keyed = LAYOUT.keyed(prompt)
    keys = keyed[3:11] + keyed[13:23]
    assert all(-(2**31) <= key < 0 for key in keys) and len(set(keys)) == 18
    assert keyed[:3] == [7] * 3 and keyed[11:13] == [7] * 2 and keyed[23:] == [7] * 7
    moved = Layout((Placed(5, 4, 2, "a"),)).keyed(prompt)
    assert moved[5:13] == keyed[3:11], "the same picture elsewhere has the same keys"
    turned = Layout((Placed(5, 2, 4, "a"),)).keyed(prompt)
    assert not set(turned[5:13]) & set(keys)


def test_no_two_of_a_thousand_pictures_begin_alike() -> None:
    firsts = {Layout((Placed(0, 1, 1, str(i)),)).keyed((0, 0))[0] for i in range(1000)}
    assert len(firsts) == 1000


def test_a_prompt_without_its_pictures_is_its_text() -> None:
    assert LAYOUT.text(range(25)) == [0, 1, 2, 11, 12, 23, 24]


@pytest.mark.parametrize(
    ("pictures", "anchors", "fault"),
    [
        ((FIRST, SECOND), (3, 11, 24), ""),
        ((SECOND, FIRST), (), "begins inside the one before"),
        ((FIRST, Placed(10, 2, 2, "c")), (), "begins inside the one before"),
        ((Placed(3, 0, 2, "c"),), (), "empty"),
        ((Placed(3, -2, -2, "c"),), (), "empty"),
        ((Placed(-1, 2, 2, "c"),), (), "begins inside the one before"),
        ((Placed(3, 4, 4, "c"),), (), "16 tokens, and 12 are the most"),
        ((Placed(17, 2, 4, "c"),), (), "text behind it"),
        ((Placed(200, 2, 4, "c"),), (), "text behind it"),
        ((FIRST,), (4,), "an anchor lies inside"),
    ],
)
def test_pictures_that_cannot_stand_there_are_named(
    pictures: tuple[Placed, ...], anchors: tuple[int, ...], fault: str
) -> None:
    found = misplaced(25, anchors, pictures, 12)
    assert fault in found and bool(fault) == bool(found)
