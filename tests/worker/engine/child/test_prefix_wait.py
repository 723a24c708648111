"""Who waits for whom, on jobs that nothing computes."""

from collections.abc import Sequence

import pytest

from wire.chat import Sampling
from worker.engine.child.job import Job
from worker.engine.child.prefix_wait import LEAST_SAVED, PATIENCE_STEPS, Lead, find_lead
from worker.engine.port import Submit

SYSTEM = tuple(range(1000))


def job(name: str, prompt: Sequence[int], computed: int = 0, checkpoints_at: tuple[int, ...] = ()) -> Job:
    made = Job(Submit(name, tuple(prompt), 8, Sampling(temperature=0), seed=1), 8, 1, 0.0)
    made.computed, made.checkpoints_at = computed, checkpoints_at
    return made


def asking(name: str, number: int) -> Job:
    return job(name, (*SYSTEM, *[2000 + number] * 30))


def test_a_prompt_waits_for_the_one_that_computes_its_beginning() -> None:
    first, second = asking("a", 1), asking("b", 2)
    lead = find_lead(second, [first], reusable=0, cuttable=True)
    assert lead == Lead(first, 1000)
    for computed in range(0, 1000, 128):
        first.computed = computed
        assert lead.worth_waiting()
    first.computed = 1024
    assert not lead.worth_waiting()


def test_what_is_in_the_cache_already_is_not_waited_for() -> None:
    first, second = asking("a", 1), asking("b", 2)
    assert find_lead(second, [first], reusable=1000 - LEAST_SAVED, cuttable=True)
    assert not find_lead(second, [first], reusable=1001 - LEAST_SAVED, cuttable=True)
    first.computed = 1000
    assert not find_lead(second, [first], reusable=0, cuttable=True)


def test_a_short_common_beginning_is_not_waited_for() -> None:
    first = job("a", (*SYSTEM[: LEAST_SAVED - 1], 5000))
    assert not find_lead(asking("b", 2), [first], reusable=0, cuttable=True)


def test_of_several_the_one_with_the_longest_common_beginning_is_followed() -> None:
    short, long, late = job("a", SYSTEM[:500]), asking("b", 1), asking("c", 1)
    lead = find_lead(asking("d", 1), [short, long, late], reusable=0, cuttable=True)
    assert lead and lead.job is long and lead.until == 1029, "of equals the older one; one token is left to compute"


@pytest.mark.parametrize(("checkpoints_at", "until"), [((900, 1025), 900), ((1010,), 0), ((), 0)])
def test_a_hybrid_is_followed_to_where_its_state_is_saved(checkpoints_at: tuple[int, ...], until: int) -> None:
    lead = find_lead(
        asking("b", 2), [job("a", (*SYSTEM, *[1] * 50), checkpoints_at=checkpoints_at)], reusable=0, cuttable=False
    )
    assert (lead.until if lead else 0) == until


def test_one_that_stands_still_is_not_waited_for_any_longer() -> None:
    first = asking("a", 1)
    lead = find_lead(asking("b", 2), [first], reusable=0, cuttable=True)
    assert lead
    first.computed = 128
    waited = 0
    while lead.worth_waiting():
        waited += 1
    assert waited == PATIENCE_STEPS
    paused = asking("c", 1)
    paused.paused = True
    assert not find_lead(asking("d", 2), [paused], reusable=0, cuttable=True)
    assert not Lead(paused, 1000).worth_waiting()


def test_one_that_ended_is_gone() -> None:
    first = asking("a", 1)
    assert Lead(first, 1000).gone([asking("a", 1)])
    assert not Lead(first, 1000).gone([first])
