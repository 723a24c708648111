from worker.planning.encodes import Encodes


def test_of_many_times_the_middle_the_least_and_the_most_are_told() -> None:
    found = Encodes.of(256, [30.0, 10.0, 11.0, 500.0])
    assert (found.tokens, found.ms, found.least_ms, found.most_ms) == (256, 20.5, 10.0, 500.0)
