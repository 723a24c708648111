"""The index of prefixes, without a model."""

from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.child import prefix_cache
from worker.engine.child.prefix_cache import Placement, Prefixes

SYSTEM = list(range(100, 140))


def serve(index: Prefixes, tokens: list[int], answer: int = 0) -> Placement:
    """A job that runs alone, from its place to its release."""
    place = index.place(tokens)
    index.grow(place.target, tokens[place.length :] + [7] * answer)
    index.release(place.target)
    return place


def test_the_first_job_gets_the_lowest_sequence_and_nothing_else() -> None:
    assert Prefixes(3, 512, cuttable=True).place(SYSTEM) == Placement(0)


def test_any_common_prefix_of_an_attention_model_is_reused_in_an_empty_sequence() -> None:
    index = Prefixes(3, 512, cuttable=True)
    serve(index, [*SYSTEM, 1, 2, 3], answer=5)
    assert index.place([*SYSTEM, 9, 9, 9]) == Placement(1, 0, 40)


def test_the_last_token_of_a_prompt_is_always_computed() -> None:
    index = Prefixes(2, 512, cuttable=True)
    serve(index, SYSTEM)
    assert index.place(SYSTEM).length == 39


def test_a_running_sequence_may_be_shared_too() -> None:
    index = Prefixes(3, 512, cuttable=True)
    index.place(SYSTEM)
    index.grow(0, SYSTEM)
    assert index.place([*SYSTEM, 1]) == Placement(1, 0, 40)


def test_with_no_empty_sequence_left_the_source_itself_is_continued() -> None:
    index = Prefixes(1, 512, cuttable=True)
    serve(index, [*SYSTEM, 1, 2, 3])
    assert index.place([*SYSTEM, 9]) == Placement(0, 0, 40)


def test_of_two_prefixes_the_longer_is_taken() -> None:
    index = Prefixes(3, 512, cuttable=True)
    serve(index, [*SYSTEM, 1])
    index.place([5] * 50)
    serve(index, [*SYSTEM, 2, 3, 4])
    assert index.place([*SYSTEM, 2, 3, 9]).length == 42


def test_a_few_common_tokens_are_not_worth_a_copy() -> None:
    index = Prefixes(2, 512, cuttable=True)
    serve(index, SYSTEM)
    assert index.place([*SYSTEM[:10], 1, 2]).source is None


def test_a_hybrid_prefix_is_reused_at_its_very_end() -> None:
    index = Prefixes(2, 512, cuttable=False)
    serve(index, SYSTEM)
    assert index.place([*SYSTEM, 1]) == Placement(1, 0, 40)


def test_a_hybrid_prefix_cannot_be_cut_where_nothing_was_saved() -> None:
    index = Prefixes(2, 512, cuttable=False)
    serve(index, [*SYSTEM, 1])
    assert index.place([*SYSTEM, 2]).source is None


def test_a_hybrid_prefix_is_reused_at_its_last_useful_checkpoint_and_passes_it_on() -> None:
    index = Prefixes(3, 512, cuttable=False)
    index.place([*SYSTEM, 1])
    for begin, state in ((0, b"twenty"), (20, b"forty")):
        index.grow(0, SYSTEM[begin : begin + 20])
        index.save_checkpoint(0, state)
    index.grow(0, [1])
    index.release(0)
    assert index.place([*SYSTEM, 2]) == Placement(1, 0, 40, b"forty")
    index.grow(1, [2])
    assert index.place([*SYSTEM[:30], 5]) == Placement(2, 0, 20, b"twenty")
    index.forget(0)
    index.release(2)
    index.forget(2)
    assert index.place([*SYSTEM, 3]) == Placement(0, 1, 40, b"forty")


def test_a_sequence_that_was_cut_holds_less_and_loses_what_was_saved_behind() -> None:
    index = Prefixes(3, 512, cuttable=False)
    index.place(SYSTEM)
    index.grow(0, SYSTEM)
    index.save_checkpoint(0, b"prompt")
    index.grow(0, [1, 2, 3])
    index.save_checkpoint(0, b"behind")
    index.shrink(0, 41)
    index.grow(0, [9])
    assert index.place([*SYSTEM, 1, 9, 5]) == Placement(1, 0, 42)
    assert index.place([*SYSTEM, 1, 2, 3, 5]).state == b"prompt"


def test_checkpoints_behind_a_branch_stay_with_the_branch_they_were_made_on() -> None:
    index = Prefixes(3, 512, cuttable=False)
    index.place(SYSTEM)
    for at in (0, 20):
        index.grow(0, SYSTEM[at : at + 20])
        index.save_checkpoint(0, bytes(SYSTEM[: at + 20]))
    index.grow(0, [1])
    index.release(0)
    other = [*SYSTEM[:30], *[9] * 30]
    assert index.place(other) == Placement(1, 0, 20, bytes(SYSTEM[:20]))
    index.grow(1, other[20:])
    index.release(1)
    assert index.place([*other[:50], 5]).length == 20, "what was saved at 40 is not of these tokens"


def test_a_finished_conversation_that_was_continued_gives_way_first() -> None:
    index = Prefixes(3, 512, cuttable=True)
    serve(index, list(range(200, 260)))
    serve(index, SYSTEM, answer=2)
    serve(index, [*SYSTEM, *range(60)])
    assert index.place([9] * 40).target == 1


def test_a_long_prefix_outlives_a_short_one_of_the_same_age() -> None:
    index = Prefixes(2, 512, cuttable=True)
    serve(index, list(range(300)))
    serve(index, list(range(400, 440)))
    assert index.place([9] * 40).target == 1


def test_chats_that_take_turns_do_not_lose_their_prefixes_to_longer_ones_that_have_ended() -> None:
    index = Prefixes(4, 512, cuttable=False)
    for turn, lengths in enumerate(((208, 308, 206, 193), (215, 310, 213, 159), (258, 206, 188, 236))):
        prompts = [[1000 + 10 * turn + chat] * length for chat, length in enumerate(lengths)]
        for prompt in prompts:
            serve(index, prompt)
        places = [index.place([*prompt, 5]) for prompt in prompts]
        assert [place.length for place in places] == list(lengths)
        for place in places:
            index.grow(place.target, [5] * 25)
            index.release(place.target)


def test_a_continued_conversation_is_worth_what_it_took_over() -> None:
    index = Prefixes(3, 512, cuttable=True)
    begun = list(range(300))
    serve(index, begun)
    serve(index, [*begun, 1, 2])
    serve(index, list(range(400, 500)))
    assert index.place([9] * 40).target == 0, "all of it is in the second"
    index.release(0)
    index.forget(0)
    index.place([8] * 40)
    assert index.place([7] * 40).target == 2, "100 tokens are less than 302"


def test_two_conversations_that_take_turns_keep_their_caches_on_a_gpu() -> None:
    """Before, the second was put where the first had been, and neither was ever found again."""
    index = Prefixes(3, 1024, cuttable=True, contiguous=True)
    one, two = list(range(300)), list(range(400, 700))
    assert (serve(index, one).target, serve(index, two).target) == (0, 1)
    for turn in range(3):
        one, two = [*one, 900 + turn], [*two, 900 + turn]
        assert serve(index, one) == Placement(0, 0, 300 + turn), "in place: nothing is copied"
        assert serve(index, two) == Placement(1, 1, 300 + turn)


def test_jobs_run_side_by_side_in_separate_caches_on_a_gpu() -> None:
    index = Prefixes(5, 1024, cuttable=True, contiguous=True)
    for talk in range(4):
        serve(index, list(range(1000 * talk, 1000 * talk + 300)))
    assert index.place([9] * 40).target == 4, "it is empty"
    assert index.place([8] * 40).target == 3, "and beside it"
    index.release(4)
    assert index.place([7] * 40).target in (2, 4)


def test_what_is_kept_makes_way_for_a_job_that_must_run_beside_others() -> None:
    index = Prefixes(4, 1024, cuttable=True, contiguous=True)
    kept = list(range(1000, 1300))
    serve(index, list(range(300)))
    serve(index, kept)
    index.place(list(range(300)))  # runs in 0
    place = index.place([9] * 400)
    assert (place.target, place.source, place.aside) == (1, None, 2)
    index.grow(1, [9] * 400)
    back = index.place([*kept, 5])
    assert (back.target, back.source, back.length) == (2, 2, 300), "it is found where it was put"


def test_a_short_prefix_is_not_worth_a_copy_between_separate_caches() -> None:
    index = Prefixes(3, 1024, cuttable=True, contiguous=True)
    index.place(SYSTEM)
    index.grow(0, SYSTEM)
    assert index.place([*SYSTEM, 1]) == Placement(1)
    long = Prefixes(3, 1024, cuttable=True, contiguous=True)
    long.place(list(range(300)))
    long.grow(0, list(range(300)))
    assert long.place([*range(300), 1]) == Placement(1, 0, 300)


def test_what_was_not_copied_after_all_is_worth_as_much_as_before() -> None:
    """Before, a look at a short prefix was enough for a kept conversation to be thrown away as if another had it."""
    index = Prefixes(4, 1024, cuttable=True, contiguous=True)
    for seq in range(3):
        assert index.place([seq] * 20).target == seq
    kept = list(range(1000, 1400))
    assert serve(index, kept).target == 3
    for seq in (1, 2):
        index.release(seq)
        index.forget(seq)
    assert serve(index, list(range(2000, 2410))).target == 1
    assert index.place([*kept[:200], 5]) == Placement(1, aside=2), "beside the one that runs, and nothing is copied"
    assert index.evict() == 2, "410 tokens a turn ago are less than 400 now"


def test_a_shared_cache_keeps_no_more_than_its_rows_should_see() -> None:
    """Before, it kept until it was full: 262,144 cells that each step of a short chat attended to."""
    with mock.patch.object(prefix_cache, "MOST_KEPT", 500):
        shared, separate = (Prefixes(4, 1024, cuttable=True, shared=shared) for shared in (True, False))
        for index in (shared, separate):
            serve(index, list(range(200)))
            serve(index, list(range(1000, 1250)))
            assert index.evict_surplus() is None, "450 tokens"
            serve(index, list(range(2000, 2100)))
        assert (shared.evict_surplus(), shared.evict_surplus()) == (0, None), "350 are left"
        assert separate.evict_surplus() is None
        long = Prefixes(2, 1024, cuttable=True, shared=True)
        serve(long, list(range(600)))
        assert long.evict_surplus() is None, "the last conversation is kept whole"


def test_evict_never_takes_a_running_sequence() -> None:
    index = Prefixes(3, 512, cuttable=True)
    index.place(SYSTEM)
    index.grow(0, SYSTEM)
    serve(index, [5] * 30)
    assert index.evict() == 1
    assert index.evict() is None


def test_checkpoints_stay_within_their_memory() -> None:
    index = Prefixes(4, 512, cuttable=False, saved_bytes=250)
    for begin in (0, 100, 200):
        place = index.place(list(range(begin, begin + 41)))
        index.grow(place.target, list(range(begin, begin + 40)))
        index.save_checkpoint(place.target, bytes(100))
        index.grow(place.target, [begin + 40])
        index.release(place.target)
    assert index.place([*range(40), 9]).source is None, "the oldest went"
    assert index.place([*range(200, 240), 9]).length == 40


def test_states_are_saved_at_the_anchors_that_are_not_too_near() -> None:
    hybrid = Prefixes(1, 512, cuttable=False)
    assert hybrid.checkpoints_at((40, 80, 160), 0, 170) == (40, 80, 160)
    assert hybrid.checkpoints_at((40, 80, 160), 40, 170) == (80, 160)
    assert hybrid.checkpoints_at((40, 50), 0, 60) == (40,), "too close to the one before"
    assert hybrid.checkpoints_at((40, 150, 160), 0, 170) == (40, 160), "the last one is likelier to be left from"
    assert hybrid.checkpoints_at((40, 60), 0, 60) == (40,), "the end of the prompt needs no cut"
    assert hybrid.checkpoints_at((40,), 30, 60) == hybrid.checkpoints_at((), 0, 60) == ()
    assert Prefixes(1, 512, cuttable=True).checkpoints_at((40, 160), 0, 170) == ()


def test_behind_a_picture_a_checkpoint_is_saved_if_much_precedes_it() -> None:
    hybrid = Prefixes(1, 512, cuttable=False)
    assert hybrid.checkpoints_at((40, 400), 0, 410, seen=300) == (40, 300, 400)
    assert hybrid.checkpoints_at((), 0, 410, seen=300) == (300,)
    assert hybrid.checkpoints_at((40, 400), 300, 410, seen=300) == (400,), "it is in the cache already"
    assert hybrid.checkpoints_at((40, 400), 0, 410, seen=250) == (40, 400)
    assert Prefixes(1, 512, cuttable=True).checkpoints_at((40,), 0, 410, seen=300) == ()


PICTURE = [-5, -6, -7, -8]  # keys of its rows


def test_no_part_of_a_picture_is_cut_off() -> None:
    """Two pictures that begin alike, which takes luck of one in 2^31: all their rows have one position in the cache."""
    index = Prefixes(1, 512, cuttable=True)
    serve(index, [*SYSTEM, *PICTURE, 1, 2, 3])
    assert index.place([*SYSTEM, *PICTURE[:2], -9, -10, 1, 2]).length == len(SYSTEM)
    index = Prefixes(1, 512, cuttable=True)
    serve(index, [*SYSTEM, *PICTURE, 1, 2, 3])
    assert index.place([*SYSTEM, *PICTURE, 1, 4]).length == len(SYSTEM) + 5


def test_a_picture_that_was_read_in_part_is_gone_on_with() -> None:
    for cuttable in (True, False):
        index = Prefixes(1, 512, cuttable=cuttable)
        serve(index, [*SYSTEM, *PICTURE[:3]])
        assert index.place([*SYSTEM, *PICTURE, 1, 2]).length == len(SYSTEM) + 3


prompts = st.lists(
    st.tuples(st.lists(st.integers(0, 1), min_size=20, max_size=90), st.sets(st.integers(1, 89), max_size=3)),
    min_size=1,
    max_size=12,
)


@given(prompts, st.booleans(), st.booleans())
def test_what_is_reused_is_really_the_beginning_of_the_prompt(
    asked: list[tuple[list[int], set[int]]], cuttable: bool, contiguous: bool
) -> None:
    """Mirrors what the cache would hold, tokens and saved states, and compares."""
    index = Prefixes(3, 512, cuttable=cuttable, contiguous=contiguous)
    cache: dict[int, list[int]] = {}
    for wanted, anchors in asked:
        prompt = [0] * 30 + wanted
        with mock.patch.object(prefix_cache, "MIN_COPY", 20):
            place = index.place(prompt)
        if place.aside is not None:
            assert place.aside not in (place.target, place.source)
            cache[place.aside] = cache[place.target]
        assert place.length < len(prompt)
        if place.source is not None:
            assert cache[place.source][: place.length] == prompt[: place.length]
            if not cuttable and place.length < len(cache[place.source]):
                assert place.state == bytes(prompt[: place.length])
        cache[place.target] = prompt[: place.length]
        for cut in (*index.checkpoints_at(sorted(anchors), place.length, len(prompt)), len(prompt)):
            held = cache[place.target]
            index.grow(place.target, prompt[len(held) : cut])
            cache[place.target] = prompt[:cut]
            if cut < len(prompt):
                index.save_checkpoint(place.target, bytes(prompt[:cut]))
        index.release(place.target)
