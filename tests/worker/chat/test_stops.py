"""Stop strings cut a stream, and tails that could become a tag are held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.chat.stops import Stops, held_from


@given(st.text("ab", max_size=20), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3).map(tuple))
def test_cuts_do_not_matter(text: str, stops: tuple[str, ...]) -> None:
    whole, single = Stops(stops), Stops(stops)
    assert whole.add(text) + whole.flush() == "".join(map(single.add, text)) + single.flush()
    assert whole.matched == single.matched
    assert whole.matched in stops if any(stop in text for stop in stops) else whole.matched is None


@given(st.text("ab", max_size=20), st.text("ab", min_size=1, max_size=4))
def test_everything_before_a_single_stop_is_given_out(text: str, stop: str) -> None:
    stops = Stops((stop,))
    assert stops.add(text) + stops.flush() == text.split(stop)[0]


def test_no_more_than_a_stop_string_is_held() -> None:
    stops = Stops(("aaab",))
    given_out = sum(len(stops.add("a")) for _ in range(100))
    assert given_out == 97


@pytest.mark.parametrize(
    ("text", "held"),
    [("a<", "<"), ("a<tag", "<tag"), ("a<tag>", ""), ("a<<t", "<t"), ("<x", ""), ("", ""), ("<tagg", "")],
)
def test_beginnings_of_tags_are_held(text: str, held: str) -> None:
    assert text[held_from(text, 0, ("<tag>", "</tag>")) :] == held
