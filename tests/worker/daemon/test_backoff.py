import pytest

from worker.daemon.backoff import FIRST_S, MOST_S, RETURN_MOST_S, RETURN_S, STEADY_S, Backoff

LATER = 1000.0  # no good connection was lately
FAILED = (LATER, 0.0, False)
SHORT = (LATER, STEADY_S - 1, False)
STEADY = (LATER, STEADY_S, False)
BROKE = (LATER, 1.0, True)


@pytest.mark.parametrize(
    ("ends", "longest_s"),
    [
        ([FAILED], [2 * FIRST_S]),
        ([FAILED] * 7, [1.0, 2.0, 4.0, 8.0, 16.0, MOST_S, MOST_S]),
        ([SHORT] * 3, [1.0, 2.0, 4.0]),  # let in and sent away is no better than refused
        ([FAILED, FAILED, STEADY], [1.0, 2.0, FIRST_S]),  # a good one starts anew
        ([STEADY, FAILED, FAILED, FAILED], [FIRST_S, 1.0, RETURN_MOST_S, RETURN_MOST_S]),  # it is expected back
        ([BROKE] * 5, [1.0, 2.0, 2.0, 2.0, 2.0]),
        ([STEADY, (LATER + RETURN_S - 1, 0.0, False)] * 1, [FIRST_S, 1.0]),
        ([BROKE] * 3 + [(LATER + RETURN_S, 0.0, False)], [1.0, 2.0, 2.0, 8.0]),  # not any more
        ([FAILED] * 2000, [1.0, 2.0, 4.0, 8.0, 16.0] + [MOST_S] * 1995),  # and 2**2000 is no float
    ],
)
def test_how_long_the_next_pause_may_be(ends: list[tuple[float, float, bool]], longest_s: list[float]) -> None:
    backoff = Backoff()
    assert [backoff.ended(*end) for end in ends] == longest_s
