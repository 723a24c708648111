from wire.messages import Welcome
from worker.issues import issue, over
from worker.session.effects import Send, Tell
from worker.session.line import Line
from worker.session.problems import Problems

HOT = issue("too_hot", "85 degrees")


def test_a_problem_is_told_to_both_sides_when_it_comes_and_when_it_is_over() -> None:
    line = Line()
    line.up(Welcome(session="s"))
    problems = Problems(line)
    assert problems.add(HOT) == [Tell(HOT), Send(HOT)]
    assert problems.add(HOT) == [], "nothing is new"
    worse = issue("too_hot", "90 degrees")
    assert problems.add(worse) == [Tell(worse), Send(worse)]
    cool = over("too_hot", "70 degrees")
    assert problems.solve("too_hot", "70 degrees") == [Tell(cool), Send(cool)]
    assert problems.solve("too_hot", "70 degrees") == [] and not problems.active


def test_a_coordinator_that_was_away_is_told_of_what_is_not_over() -> None:
    line = Line()
    problems = Problems(line)
    assert problems.add(HOT) == [Tell(HOT)], "the owner is there"
    line.up(Welcome(session="s"))
    assert problems.again() == [Send(HOT)]
