"""What goes into a decode."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.child import batch as tested
from worker.engine.child.batch import LEAST, TAIL, Slice, Want, guesses_last, pictures_first
from worker.engine.child.step_budget import AIM, Room

wants_of = st.lists(st.tuples(st.integers(1, 700), st.integers(0, 300)), min_size=0, max_size=20).map(
    lambda sizes: [Want(seq, 100 - seq, backlog, cut) for seq, (backlog, cut) in enumerate(sizes)]
)


def plan(wants: list[Want], batch: int, rows: int) -> list[Slice]:
    return tested.plan(wants, batch, Room(rows, int(rows / AIM)))


def rows(slices: list[Slice]) -> dict[int, int]:
    return {part.seq: part.count for part in slices}


@given(wants_of, st.integers(20, 600), st.integers(1, 600))
def test_limits_hold_and_every_stream_has_its_row(wants: list[Want], batch: int, budget: int) -> None:
    slices = plan(wants, batch, budget)
    got = rows(slices)
    streams = {want.seq for want in wants if want.backlog == 1}
    prompts = sum(count for seq, count in got.items() if seq not in streams)
    assert len(got) == len(slices)
    assert sum(got.values()) <= batch
    assert all(got[seq] == 1 for seq in streams)
    assert prompts <= budget / AIM
    assert bool(slices) == bool(wants)
    for want in wants:
        assert got.get(want.seq, 0) <= want.most


@given(wants_of, st.integers(20, 600), st.integers(1, 600))
def test_a_slice_is_last_only_if_it_ends_the_backlog(wants: list[Want], batch: int, budget: int) -> None:
    backlog = {want.seq: want.backlog for want in wants}
    assert all(part.last == (part.count == backlog[part.seq]) for part in plan(wants, batch, budget))


@given(wants_of, st.integers(20, 600), st.integers(1, 600))
def test_no_more_is_left_unused_than_is_worth_a_slice(wants: list[Want], batch: int, budget: int) -> None:
    got = rows(plan(wants, batch, budget))
    streams = sum(want.backlog == 1 for want in wants)
    room = min(batch - streams, budget)
    taken = sum(got.get(want.seq, 0) for want in wants if want.backlog > 1)
    assert taken > min(room, sum(want.most for want in wants if want.backlog > 1)) - max(LEAST, TAIL)


def test_streams_come_first_and_in_order_of_their_sequence() -> None:
    slices = plan([Want(5, 1, 1), Want(2, 2, 40), Want(0, 3, 1), Want(1, 4, 30)], 64, 64)
    assert [part.seq for part in slices] == [0, 5, 1, 2]


def test_a_short_prompt_is_not_stuck_behind_a_long_one() -> None:
    got = rows(plan([Want(0, 1, 10_000), Want(1, 2, 10), Want(2, 3, 1)], 512, 256))
    assert got[1] == 10
    assert got[0] == 256 - 10


def test_of_many_the_shortest_goes_before_those_that_came_earlier() -> None:
    got = rows(plan([Want(0, 1, 10_000), Want(1, 2, 5_000), Want(2, 3, 20), Want(3, 4, 1)], 512, 64))
    assert got == {3: 1, 2: 20, 0: 32 + 12}, "12 rows are not worth a slice"


def test_the_oldest_prompt_advances_by_half_whatever_comes_after_it() -> None:
    crowd = [Want(seq, seq, 100) for seq in range(1, 12)]
    assert rows(plan([Want(0, 0, 10_000), *crowd, Want(20, 20, 1)], 512, 256))[0] >= 128


def test_prompts_of_one_length_are_read_one_after_the_other() -> None:
    wants = [Want(seq, seq, 31) for seq in range(4)]
    assert rows(plan(wants, 512, 28)) == {0: 31}, "a little more than it may be, for it ends the prompt"
    assert rows(plan(wants, 512, 20)) == {0: 20}
    assert rows(plan(wants, 512, 50)) == {0: 31, 1: 19}
    assert rows(plan(wants, 30, 28)) == {0: 28}


@pytest.mark.parametrize("budget", [8, 12, 20, 30])
@pytest.mark.parametrize("short", [2, 10, 20, 40, 300])
def test_the_shortest_advances_beside_a_long_prompt_on_the_slowest_machine_too(short: int, budget: int) -> None:
    wants = [Want(0, 1, 6_000), Want(1, 2, short), Want(2, 3, 1)]
    assert rows(plan(wants, 128, budget))[1] == min(short, budget // 2)


def test_a_prompt_may_fill_the_batch() -> None:
    assert rows(plan([Want(0, 1, 10_000)], 512, 512)) == {0: 512}


def test_a_slice_ends_where_the_state_is_to_be_saved() -> None:
    assert plan([Want(0, 1, 300, until_cut=70)], 512, 256) == [Slice(0, 70, False)]


def test_pictures_have_decodes_of_their_own_in_front_of_the_others() -> None:
    text, cat, stream, dog = Slice(0, 9, False), Slice(1, 5, False), Slice(2, 1, True), Slice(3, 7, False)
    assert pictures_first([[text, cat, stream, dog]], {1, 3}) == [[cat, dog], [text, stream]]
    assert pictures_first([[text, cat, dog], [stream]], {1, 3}) == [[cat, dog], [text], [stream]]
    assert pictures_first([[cat]], {1}) == [[cat]]


def test_a_long_prompt_leaves_no_short_tail() -> None:
    def slices(prompt: int, rows: int) -> list[int]:
        counts = []
        while prompt:
            counts.append(plan([Want(0, 1, prompt)], 512, rows)[0].count)
            prompt -= counts[-1]
        return counts

    assert slices(1064, 512) == [512, 488, TAIL]
    assert slices(1200, 512) == [512, 512, 176]
    assert slices(552, 512) == [488, TAIL]
    assert slices(1031, 512) == [512, 512, 7], "a few rows cost less by themselves than a tile"
    assert slices(100, 48) == [48, 52], "slices that are short in any case stay as long as they may be"


def test_guesses_come_after_streams_without_any_and_neighbours_together() -> None:
    parts = [Slice(0, 1, True, (5,)), Slice(1, 1, True), Slice(2, 1, True, (6,)), Slice(3, 1, True, (7,))]
    assert guesses_last(parts, together=True) == [[parts[1]], [parts[0], parts[2], parts[3]]]
    assert guesses_last(parts, together=False) == [[parts[1]], [parts[0]], [parts[2], parts[3]]]
    assert guesses_last(parts[:1], together=False) == [parts[:1]]
