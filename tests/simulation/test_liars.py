"""A liar beside one honest worker, and four beside eight: how many of a hundred jobs end well, and when liars rest.

What cannot be held (a league that served well first) has its figure in docs/security.md, and its bound here.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest

from coordinator.dispatch import deadlines, prompt_claims, rests, silence, testimony
from coordinator.scheduler import candidates
from coordinator.scheduler.owners import Owner
from coordinator.scheduler.quarantine import Quarantine
from tests.thoroughness import at_most
from tools.liars import COMPANIES, HONEST, KINDS, Company
from tools.simulation.liars import BURST, JOBS, burst, harm

SEEDS = int(os.environ.get("SUPERNET_LIARS", "60"))  # 300 take six minutes on two cores
EVERYDAY = 3
BURSTS = 200
CHANCE = 4 / 12 * 3 / 11 * 2 / 10  # that three owners drawn by lot among twelve are of a league of four
FIRST = (0, 1)  # jobs that a liar serves well before it lies
SLEEPERS = 10  # and who waits longer: it is proven by then

ALWAYS = [pytest.param(range(EVERYDAY), id="few"), pytest.param(range(SEEDS), id="all", marks=pytest.mark.search)]


@pytest.mark.parametrize("seeds", ALWAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_beside_one_honest_worker_95_of_100_jobs_end_well_and_a_liar_rests_after_five(kind: str, seeds: range) -> None:
    for seed in seeds:
        assert harm(seed, kind, "one", FIRST[seed % 2]).violations == [], seed


@pytest.mark.parametrize("seeds", ALWAYS)
@pytest.mark.parametrize("company", COMPANIES)
def test_with_a_third_of_twelve_workers_lying_90_of_100_jobs_end_well(company: Company, seeds: range) -> None:
    """Each seed another kind of lie. Before, four owners in league left 7 of 100 jobs where they refused, and 21 where
    their engines died."""
    for seed in seeds:
        assert harm(seed, KINDS[seed % len(KINDS)], company, FIRST[seed % 2]).violations == [], seed


@pytest.mark.search
@pytest.mark.parametrize(("company", "well"), [("one", 95), ("one owner", 90), ("league", 85), ("new accounts", 85)])
def test_who_serves_well_at_first_and_then_lies(company: Company, well: int) -> None:
    for seed in range(SEEDS // 2):
        assert harm(seed, KINDS[seed % len(KINDS)], company, SLEEPERS).well >= well, seed


@pytest.mark.parametrize("first", FIRST)
def test_of_jobs_that_come_together_a_league_spoils_no_more_than_chance_would_give_it(first: int) -> None:
    """Nobody has proven itself yet, and its workers are asked first: they claim to be the fastest. Before, it spoilt
    twice as many as chance would: whoever refuses is free at once, and was asked about the next job."""
    worlds = at_most(BURSTS)
    assert sum(burst(seed, first) for seed in range(worlds)) <= CHANCE * BURST * worlds


@pytest.mark.parametrize("company", ["one", "league"])
def test_without_lies_all_jobs_end_well(company: Company) -> None:
    """Else the other figures would say nothing: these workers boast like the liars, and serve."""
    for seed in range(5):
        assert harm(seed, HONEST, company).well == JOBS


# ---- planted weaknesses --------------------------------------------------------------------------------------------

Plant = Callable[[pytest.MonkeyPatch], None]


def witnesses_are_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    def witness(worker: Any, job: Any) -> None:
        job.witnesses[worker.key] = worker.key
        job.avoid.add(worker.incarnation)

    def asked(fleet: Any, kinds: Any, job: Any, rules: Any, now: float) -> Any:
        opened = (worker for kind in kinds for worker in kind.open.values())
        others = [worker for worker in opened if worker.incarnation not in job.avoid]
        return [worker for worker in others if candidates._open(fleet, worker, job.spec.model, now)]

    monkeypatch.setattr(testimony, "_witness", witness)
    monkeypatch.setattr(candidates, "_first_asked", asked)


def one_owners_word_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testimony, "OWNERS", 1)


def the_fastest_is_asked_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_second_try", lambda workers, job: workers)


def nobody_is_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testimony, "contradict", lambda state, worker, job, now: None)


def verdicts_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Owner, "awaits_verdicts", False)


def the_first_token_has_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_is_mute", lambda state, worker, lease, now: False)


def a_trickle_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_is_slow", lambda *_: False)


def a_new_id_has_no_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quarantine, "inherit", lambda self, worker: None)


def silent_tokens_are_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "take_back", lambda job, lease: None)


def silence_is_never_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "is_too_long", lambda job, lease: False)
    monkeypatch.setattr(silence, "is_empty", lambda job, lease: False)


def claims_of_prompts_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_claims, "clamped", lambda usage, most: usage)


def refusals_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Owner, "has_handed_back", lambda self, offered_at, now: False)


def nobody_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rests, "rest", lambda *_: False)


# Each where it shows; the number is the seed that found it last.
PLANTS: list[tuple[Plant, str, Company, int]] = [
    (witnesses_are_ids, "crashes", "one owner", 0),
    (one_owners_word_is_enough, "refuses", "one", 0),
    (the_fastest_is_asked_next, "refuses", "league", 0),
    (nobody_is_contradicted, "refuses", "one", 0),
    (verdicts_are_not_waited_for, "silent", "one", 30),
    (the_first_token_has_no_deadline, "mute", "one", 0),
    (a_trickle_is_no_fault, "trickles", "one", 3),
    (a_new_id_has_no_past, "refuses", "new ids", 10),
    (silent_tokens_are_billed, "silent", "one", 0),
    (silence_is_never_too_long, "silent", "one", 0),
    (claims_of_prompts_are_believed, "overclaims", "one", 0),
    (refusals_are_not_counted, "busy", "one", 0),
    (refusals_are_not_counted, "hands_back", "one", 0),
    (nobody_rests, "babbles", "one", 0),
]


def test_a_burst_shows_whose_words_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts_are_not_waited_for(monkeypatch)
    assert sum(burst(seed) for seed in range(at_most(BURSTS))) > CHANCE * BURST * at_most(BURSTS)


@pytest.mark.parametrize(
    ("plant", "kind", "company", "found"), PLANTS, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_planted_weakness_is_found(
    plant: Plant, kind: str, company: Company, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the seed that found it last; where that shows nothing any more, by the search of all."""
    plant(monkeypatch)
    assert any(harm(seed, kind, company, FIRST[seed % 2]).violations for seed in (found, *range(SEEDS)))
