import asyncio
import random
from pathlib import Path

import pytest

from tools.bench.fairness import GREEDY, SMALL, WEIGHTED, measure, question
from wire.chat import ChatRequest, Message
from worker.preparer.scripted import ScriptedPreparer

pytestmark = pytest.mark.process


def test_a_short_run_answers_whatever_the_small_account_asks_and_its_shares_make_a_whole(tmp_path: Path) -> None:
    rows = asyncio.run(measure(tmp_path, runs=1, seconds=4))
    waits, shares = rows[: len(GREEDY)], rows[len(GREEDY) :]
    assert [(each.unit, each.runs) for each in waits] == [("s", 1)] * len(GREEDY)
    assert all(each.ours > 0 and each.peer for each in waits)
    assert len(shares) == len(WEIGHTED) and all(each.ours > 0 for each in shares)
    assert sum(each.ours for each in shares) == pytest.approx(1, abs=0.01)
    assert sum(each.peer or 0 for each in shares) == pytest.approx(1, abs=0.01)


def test_a_prompt_has_as_many_tokens_as_are_counted_and_no_two_begin_alike() -> None:
    first, second = (question(SMALL, random.Random(1))["messages"][0]["content"] for _ in range(2))
    assert first.split()[0] != second.split()[0]
    request = ChatRequest(messages=(Message(role="user", content=first),), max_tokens=1)
    assert len(asyncio.run(ScriptedPreparer(4096).prepare(request, ())).prompt) == SMALL.prompt
