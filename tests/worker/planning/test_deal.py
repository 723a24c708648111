"""worker/planning/deal.py: layers dealt to cards, and that llama.cpp, given the counts, deals the same way."""

from itertools import accumulate

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import at_most
from worker.planning.deal import deal

SIZES = st.lists(st.integers(0, 50), min_size=1, max_size=30)
ROOMS = st.lists(st.integers(-5, 400), min_size=1, max_size=5)


def test_a_layer_with_a_cache_weighs_what_it_weighs() -> None:
    layers = [1, 1, 1, 8] * 4
    assert deal(layers, [22, 22]) == (8, 8)
    assert deal(layers, [11, 33]) == (4, 12)
    assert deal(layers, [21, 21]) is None, "together there is room for 42, but the halves weigh 22"


def test_the_fullest_card_is_left_with_as_much_as_can_be() -> None:
    assert deal([1] * 10, [100, 100]) == (5, 5)
    assert deal([1] * 10, [100, 96]) == (7, 3)


def test_a_card_that_gets_nothing_is_not_used() -> None:
    assert deal([1, 1, 1], [10, 0]) is None
    assert deal([1, 1, 1], [-3, 10]) is None
    assert deal([1], [10, 10]) is None


@settings(max_examples=at_most(300), deadline=None)
@given(layers=SIZES, rooms=ROOMS)
def test_whatever_is_dealt_fits_and_all_of_it_is_dealt(layers: list[int], rooms: list[int]) -> None:
    counts = deal(layers, rooms)
    if counts is None:
        return
    ends = [0, *accumulate(counts)]
    assert ends[-1] == len(layers) and len(counts) == len(rooms) and min(counts) >= 1
    for first, last, room in zip(ends, ends[1:], rooms, strict=False):
        assert sum(layers[first:last]) <= room


@settings(max_examples=at_most(300), deadline=None)
@given(layers=SIZES, counts=st.data())
def test_what_fits_in_some_way_is_dealt(layers: list[int], counts: st.DataObject) -> None:
    cut = counts.draw(st.integers(0, len(layers)))
    rooms = [sum(layers[:cut]), sum(layers[cut:])]
    assert cut in (0, len(layers)) or deal(layers, rooms) is not None


@settings(max_examples=at_most(300), deadline=None)
@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=16))
def test_llama_cpp_deals_by_the_counts(counts: list[int]) -> None:
    """llama-model.cpp, load_tensors: sums of the given shares, divided by their total, all as 32-bit floats; a layer
    goes to the first device whose sum is above its own place."""
    total = sum(counts)
    sums = np.cumsum(np.asarray(counts, np.float32), dtype=np.float32) / np.float32(total)
    places = [int(np.searchsorted(sums, np.float32(i) / np.float32(total), side="right")) for i in range(total)]
    assert [places.count(card) for card in range(len(counts))] == counts
