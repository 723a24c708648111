"""What a peer sends that is of no use is borne up to a bound."""

import pytest

from program.allowance import Allowance
from program.useless_frames import FRAME_BYTES, LONGEST_PAUSE_S, READ_BYTES_PER_S, SHORTEST_PAUSE_S, UselessFrames

MOST, PER_S = 2_000_000, 50_000


def test_a_flood_of_useless_frames_is_borne_up_to_its_bound() -> None:
    socket, borne = UselessFrames(Allowance(MOST, PER_S, 0.0).take), 0
    while socket.valid(50_000, 1.0, 0.0) is None:
        borne += 50_000
    assert MOST // 2 < borne <= MOST
    assert socket.valid(50_000, 1.0, 1.0) is None  # and a second later so much again
    assert "no use" in str(socket.valid(PER_S, 1.0, 1.0))


def test_an_invalid_frame_of_the_largest_size_is_one_too_many() -> None:
    assert "invalid" in str(UselessFrames(Allowance(MOST, PER_S, 0.0).take).invalid(MOST // 4, 0.0))


def test_sixteen_small_invalid_frames_are_one_too_many() -> None:
    socket = UselessFrames(Allowance(MOST, PER_S, 0.0).take)
    assert [socket.invalid(1000, float(n)) for n in range(16)] == [None] * 15 + ["16 invalid frames"]


def test_useful_frames_cost_nothing_and_half_useful_ones_half() -> None:
    socket = UselessFrames(Allowance(MOST, PER_S, 0.0).take)
    assert not any(socket.valid(1_000_000, 0.0, 0.0) for _ in range(1000))
    halves = 0
    while socket.valid(10_000, 0.5, 0.0) is None:
        halves += 1
    assert halves == int(MOST / (0.5 * (10_000 + FRAME_BYTES)))


@pytest.mark.parametrize("size", [100, 100_000])
def test_after_what_was_of_no_use_nothing_is_read_for_as_long_as_it_deserves(size: int) -> None:
    socket = UselessFrames(Allowance(MOST, PER_S, 0.0).take)
    paused_s = 0.0
    while socket.valid(size, 1.0, 0.0) is None:
        pause_s = socket.pause_s()
        assert pause_s == 0 or pause_s >= SHORTEST_PAUSE_S
        paused_s += pause_s
    assert paused_s > 0.9 * MOST / READ_BYTES_PER_S


def test_after_what_was_of_use_the_next_is_read_at_once_and_no_pause_is_long() -> None:
    socket = UselessFrames(Allowance(MOST, PER_S, 0.0).take)
    socket.valid(10_000_000, 0.0, 0.0)
    assert socket.pause_s() == 0
    socket.invalid(10_000_000, 0.0)
    assert [socket.pause_s(), socket.pause_s()] == [LONGEST_PAUSE_S, 0]
