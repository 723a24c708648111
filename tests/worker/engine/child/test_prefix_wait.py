"""Who waits for whom, on jobs that nothing computes."""

from collections.abc import Sequence

import pytest

from wire.chat import Sampling
from worker.engine.child.job import Job
from worker.engine.child.prefix_wait import PATIENCE, WORTH, Lead, find
from worker.engine.port import Submit

SYSTEM = tuple(range(1000))


def job(name: str, prompt: Sequence[int], fed: int = 0, cuts: tuple[int, ...] = ()) -> Job:
    made = Job(Submit(name, tuple(prompt), 8, Sampling(temperature=0), seed=1), 8, 1, 0.0)
    made.fed, made.cuts = fed, cuts
    return made


def asking(name: str, number: int) -> Job:
    return job(name, (*SYSTEM, *[2000 + number] * 30))


def test_a_prompt_waits_for_the_one_that_computes_its_beginning() -> None:
    first, second = asking("a", 1), asking("b", 2)
    lead = find(second, [first], known=0, cuttable=True)
    assert lead == Lead(first, 1000)
    for fed in range(0, 1000, 128):
        first.fed = fed
        assert lead.worth()
    first.fed = 1024
    assert not lead.worth()


def test_what_is_in_the_cache_already_is_not_waited_for() -> None:
    first, second = asking("a", 1), asking("b", 2)
    assert find(second, [first], known=1000 - WORTH, cuttable=True)
    assert not find(second, [first], known=1001 - WORTH, cuttable=True)
    first.fed = 1000
    assert not find(second, [first], known=0, cuttable=True)


def test_a_short_common_beginning_is_not_waited_for() -> None:
    first = job("a", (*SYSTEM[: WORTH - 1], 5000))
    assert not find(asking("b", 2), [first], known=0, cuttable=True)


def test_of_several_the_one_with_the_longest_common_beginning_is_followed() -> None:
    short, long, late = job("a", SYSTEM[:500]), asking("b", 1), asking("c", 1)
    lead = find(asking("d", 1), [short, long, late], known=0, cuttable=True)
    assert lead and lead.job is long and lead.until == 1029, "of equals the older one; one token is left to compute"


@pytest.mark.parametrize(("cuts", "until"), [((900, 1025), 900), ((1010,), 0), ((), 0)])
def test_a_hybrid_is_followed_to_where_its_state_is_saved(cuts: tuple[int, ...], until: int) -> None:
    lead = find(asking("b", 2), [job("a", (*SYSTEM, *[1] * 50), cuts=cuts)], known=0, cuttable=False)
    assert (lead.until if lead else 0) == until


def test_one_that_stands_still_is_not_waited_for_any_longer() -> None:
    first = asking("a", 1)
    lead = find(asking("b", 2), [first], known=0, cuttable=True)
    assert lead
    first.fed = 128
    waited = 0
    while lead.worth():
        waited += 1
    assert waited == PATIENCE
    paused = asking("c", 1)
    paused.paused = True
    assert not find(asking("d", 2), [paused], known=0, cuttable=True)
    assert not Lead(paused, 1000).worth()


def test_one_that_ended_is_gone() -> None:
    first = asking("a", 1)
    assert Lead(first, 1000).gone([asking("a", 1)])
    assert not Lead(first, 1000).gone([first])
