"""Each thing is told once when it begins and once when it is over, whatever it does in between."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from program.alerts import News, Rule, Standing, step

RULE = Rule(delay_s=300, clear_s=60, quiet_s=7200)


def told(course: list[tuple[float, bool]], rule: Rule = RULE) -> list[tuple[float, News]]:
    """What is told of (time, wrong) looks."""
    standing, found = Standing(), list[tuple[float, News]]()
    for at, wrong in course:
        standing, news = step(rule, standing, at if wrong else None, at)
        found += [(at, news)] if news else []
    return found


def test_what_lasts_is_told_once_and_its_end_too() -> None:
    course = [(at, 100 <= at < 2000) for at in range(0, 3000, 10)]
    assert told([(float(at), wrong) for at, wrong in course]) == [(400, "begun"), (2060, "over")]


def test_what_is_short_is_not_told() -> None:
    assert told([(0, True), (200, True), (210, False), (280, False), (290, True), (500, True), (589, True)]) == []


def test_what_comes_and_goes_counts_as_one() -> None:
    """Well for less than clear_s is not well: a GPU that is hot every other minute is hot."""
    course = [(float(at), at // 30 % 2 == 0) for at in range(0, 1000, 10)]
    assert told(course) == [(300, "begun")]


def test_it_may_be_wrong_since_before_it_was_looked_at() -> None:
    assert step(RULE, Standing(), 100.0, 400.0)[1] == "begun"
    assert step(RULE, Standing(), 101.0, 400.0)[1] is None


def test_the_second_time_waits_until_the_quiet_is_over() -> None:
    course = [(float(at), at < 1000 or at >= 2000) for at in range(0, 12000, 10)]
    assert told(course) == [(300, "begun"), (1060, "over"), (7500, "begun")]


@pytest.mark.parametrize(
    ("standing", "now", "forgettable"),
    [
        (Standing(), 0, True),
        (Standing(since=1.0), 9e9, False),
        (Standing(since=1.0, told=2.0, open=True), 9e9, False),
        (Standing(told=100.0), 7299, False),
        (Standing(told=100.0), 7300, True),
    ],
)
def test_what_need_not_be_remembered(standing: Standing, now: float, forgettable: bool) -> None:
    assert standing.forgettable(RULE, now) is forgettable


SECONDS = st.floats(0, 1000, allow_nan=False)
RULES = st.builds(Rule, delay_s=SECONDS, clear_s=SECONDS, quiet_s=SECONDS)


@given(rule=RULES, looks=st.lists(st.tuples(st.floats(0.1, 500), st.booleans()), max_size=80))
def test_beginnings_and_ends_alternate_and_keep_their_distances(rule: Rule, looks: list[tuple[float, bool]]) -> None:
    at, course = 0.0, []
    for pause, wrong in looks:
        at += pause
        course.append((at, wrong))
    found = told(course, rule)
    assert [news for _, news in found] == [("begun", "over")[place % 2] for place in range(len(found))]
    begun = [when for when, news in found if news == "begun"]
    assert all(later - earlier >= rule.quiet_s for earlier, later in pairwise(begun))
    wrong_at = dict(course)
    assert all(wrong_at[when] == (news == "begun") for when, news in found)


@given(rule=RULES, standing=st.builds(Standing, told=st.none() | st.floats(0, 100)))
def test_what_stays_wrong_is_told_in_the_end_and_once(rule: Rule, standing: Standing) -> None:
    found = []
    for at in range(100, 4200, 50):
        standing, news = step(rule, standing, 100.0, float(at))
        found += [news] if news else []
    assert found == ["begun"]


@given(rule=RULES, standing=st.builds(Standing, told=st.floats(0, 100)), wrong=st.booleans())
def test_a_standing_that_is_forgotten_changes_nothing(rule: Rule, standing: Standing, wrong: bool) -> None:
    now = 5000.0
    assert standing.forgettable(rule, now)
    since = now if wrong else None
    assert step(rule, standing, since, now)[1] == step(rule, Standing(), since, now)[1]
