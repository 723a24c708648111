import asyncio
from pathlib import Path

import pytest

from tools.bench import cluster
from tools.bench.cluster import Cost
from tools.chaos.client import Answer
from tools.chaos.cluster.load import Stream


def answer(*, whole: bool = True) -> Answer:
    """Three tokens, 20 ms apart, each 5 ms on the way; the question was there after 4 ms."""
    times = [1.1, 1.12, 1.14]
    pieces = [f"{n}:1:w0:1.004:{at - 0.005:.6f} " for n, at in enumerate(times)]
    return Answer(1.0, 200, times=times, pieces=pieces, finish="length" if whole else None)


def test_what_a_run_cost_is_told_for_a_request() -> None:
    streams = [Stream(n, "", [answer()]) for n in range(4)]
    cost = Cost.of(streams, 0.1)
    assert cost.processor == pytest.approx(25)
    assert (cost.first, cost.per_token, cost.on_the_way) == pytest.approx((9, 20, 5))


def test_a_run_with_an_answer_that_is_not_whole_measures_nothing() -> None:
    with pytest.raises(SystemExit, match="1 answers are not whole"):
        Cost.of([Stream(1, "", [answer(whole=False)])], 0.1)


@pytest.mark.process
def test_one_process_stands_beside_another_commits(tmp_path: Path) -> None:
    rows = asyncio.run(cluster.before_and_after(tmp_path, "HEAD", 1, 24))
    assert [(each.unit, each.runs) for each in rows] == [("ms", 1), ("ms", 1)]
    assert all(each.ours > 0 and each.peer for each in rows)
