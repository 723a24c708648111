"""After which steps an unfinished picture is shown."""

import pytest

from worker.media_engine.previews import preview_steps


@pytest.mark.parametrize(
    ("steps", "previews", "shown"),
    [(8, 0, set()), (8, 1, {4}), (8, 3, {2, 4, 6}), (4, 3, {1, 2, 3}), (2, 3, {1}), (1, 3, set())],
)
def test_evenly_and_never_the_last(steps: int, previews: int, shown: set[int]) -> None:
    assert preview_steps(steps, previews) == shown
