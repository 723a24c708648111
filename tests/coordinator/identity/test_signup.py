"""Who may sign up, and the work of who needs no invite."""

from itertools import count

import pytest

from coordinator.identity.signup import SIGNUPS, read_signup, worked


def test_a_mode_is_one_of_three() -> None:
    assert [read_signup(mode) for mode in SIGNUPS] == list(SIGNUPS)
    with pytest.raises(ValueError, match="off, invite, open"):
        read_signup("all")


def test_work_is_done_for_its_own_seed_and_in_few_characters() -> None:
    nonce = next(str(n) for n in count() if worked("seed", str(n), 12))
    assert not worked("seed", nonce, 40) and not worked("seed", "x" * 33, 0)
    assert sum(worked(f"other {n}", nonce, 12) for n in range(20)) <= 1
