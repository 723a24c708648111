"""The bench of gossip at its smallest."""

from tools.bench.gossip import measure


def test_what_is_said_is_heard_and_told_with_its_spread() -> None:
    few, many = measure(requests=1, rounds=2), measure(requests=20, rounds=2)
    assert few.requests == 1 and many.bytes > few.bytes > 0
    for figure in (few, many):
        assert 0 < figure.least <= figure.heard <= figure.most and figure.others > 0
