"""Edges are where the picture changes, one pixel wide, and nowhere else."""

import numpy as np

from worker.media_engine.child.edges import edges


def test_a_plain_picture_has_none() -> None:
    assert not edges(np.full((32, 48, 3), 90, np.uint8)).any()


def test_a_square_has_its_outline() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[10:30, 20:40] = 255
    found = edges(picture)
    assert found.shape == picture.shape and set(np.unique(found)) == {0, 255}
    lines = found[..., 0] > 0
    assert not lines[13:27, 23:37].any() and not lines[:7].any() and not lines[:, 44:].any()
    for row in (15, 20, 25):  # the left side and the right one, thin
        (at,) = np.nonzero(lines[row])
        assert 2 <= len(at) <= 4 and abs(at[0] - 19.5) <= 1.5 and abs(at[-1] - 39.5) <= 1.5


def test_a_weak_edge_counts_where_it_continues_a_strong_one() -> None:
    faint = 60  # too little by itself
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = np.linspace(200, faint, 64).astype(np.uint8)[:, None, None]
    assert (edges(picture)[4:60, 30:34, 0] > 0).any(axis=1).all()
    alone = np.zeros((64, 64, 3), np.uint8)
    alone[:, 32:] = faint
    assert not edges(alone).any()
