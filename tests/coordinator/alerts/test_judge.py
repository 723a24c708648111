"""What is wrong, by what was seen and missed."""

from dataclasses import replace

import pytest

from coordinator.alerts.judge import KEPT_S, SILENT_S, STALE_S, Judged, judge
from coordinator.alerts.kinds import kinds
from coordinator.alerts.subjects import Key, Subject
from program.alerts import Standing

NOW = 1_000_000.0
KINDS = kinds(300.0)
WORKER = Subject(Key("acc_1", "worker_down", "w"), "attic", NOW)
PROBLEM = Subject(Key("acc_1", "worker_problem", "w/disk_full"), "attic\nfull", NOW)
TOLD = Standing(since=NOW - 900, told=NOW - 600, open=True)


def of(subject: Subject, steady: float = 0.0, now: float = NOW, worker: Subject | None = WORKER) -> Judged:
    """`worker`: as it is known, None: it is not."""
    seen = {} if worker is None else {worker.key: replace(worker, seen_s=now - (NOW - worker.seen_s))}
    (one,) = judge([subject], KINDS, steady, now, seen)
    return one


@pytest.mark.parametrize(
    ("subject", "news"),
    [
        (WORKER, None),
        (replace(WORKER, away=True, seen_s=NOW - 299), None),
        (replace(WORKER, away=True, seen_s=NOW - 300), "begun"),
        (replace(WORKER, seen_s=NOW - 300), "begun"),  # its replica is dead, and no other one has it
        (replace(WORKER, parted=True, seen_s=NOW - 9000), None),
        (replace(WORKER, away=True, seen_s=NOW - 900, standing=TOLD), None),
        (replace(WORKER, parted=True, seen_s=NOW, standing=TOLD), None),
        (PROBLEM, None),
        (replace(PROBLEM, standing=Standing(since=NOW - 300)), "begun"),
        (replace(PROBLEM, seen_s=NOW - STALE_S, standing=replace(TOLD, gone=NOW - 120)), "over"),
    ],
)
def test_what_is_told(subject: Subject, news: str | None) -> None:
    assert of(subject).news == news


def test_a_worker_that_is_seen_again_is_over_after_a_moment() -> None:
    one = of(replace(WORKER, standing=TOLD))
    assert one.news is None and one.subject is not None
    assert of(one.subject, now=NOW + 30).news == "over"


def test_who_had_no_chance_to_be_seen_is_not_missed() -> None:
    """All coordinators were away for an hour; the workers dial again within minutes."""
    gone = replace(WORKER, seen_s=NOW - 3600, standing=Standing(since=NOW - 3600))
    assert of(gone, steady=NOW - 299).news is None
    assert of(gone, steady=NOW - 300).news == "begun"


def test_what_was_told_before_is_still_told_after_a_pause() -> None:
    gone = replace(WORKER, away=True, seen_s=NOW - 3600, standing=TOLD)
    assert of(gone, steady=NOW).news is None
    assert of(gone, steady=NOW).subject == gone


def test_what_need_not_be_remembered_is_forgotten() -> None:
    assert of(replace(WORKER, parted=True, seen_s=NOW - KEPT_S)).subject is None
    assert of(replace(WORKER, away=True, seen_s=NOW - KEPT_S, standing=TOLD)).subject is None
    assert of(replace(PROBLEM, seen_s=NOW - STALE_S)).subject is None
    assert of(replace(PROBLEM, seen_s=NOW - STALE_S, standing=Standing(told=NOW - 60))).subject is not None


@pytest.mark.parametrize(
    "worker",
    [
        replace(WORKER, away=True, seen_s=NOW - 60),
        replace(WORKER, seen_s=NOW - SILENT_S),  # its replica is dead
        None,
    ],
)
def test_what_a_worker_said_is_not_over_because_it_is_down(worker: Subject | None) -> None:
    said = replace(PROBLEM, seen_s=NOW - STALE_S, standing=replace(TOLD, gone=NOW - 120))
    held = of(said, worker=worker)
    assert (held.news, held.subject) == (None, said)
    assert of(said).news == "over", "it is back, and says so no more"
    assert of(replace(said, seen_s=NOW), worker=worker).news is None, "and it is still so"
    assert of(replace(said, seen_s=NOW - KEPT_S), worker=worker).subject is None, "it never came back"


@pytest.mark.parametrize("standing", [TOLD, Standing(since=NOW - 200)])
def test_what_is_not_told_yet_or_of_a_worker_that_was_taken_away_is_settled(standing: Standing) -> None:
    said = replace(PROBLEM, seen_s=NOW - STALE_S, standing=standing)
    for worker in (replace(WORKER, parted=True), *(() if standing.open else (replace(WORKER, away=True),))):
        one = of(said, worker=worker)
        assert one.news is None and one.subject is not None
        assert (one.subject.standing.since, one.subject.standing.open) == (None, False)
        assert of(replace(one.subject, seen_s=NOW + 900), now=NOW + 900).news is None, "it begins anew"


def test_a_kind_of_a_newer_version_is_left_alone() -> None:
    assert judge([Subject(Key("acc_1", "spend_cap", "k"), "", NOW)], KINDS, 0.0, NOW, {}) == []


def test_silence_is_longer_than_signs_of_life_are_apart() -> None:
    from coordinator.alerts.alerts import AGAIN_S, LOOK_S, MONEY_S

    assert 2 * AGAIN_S + LOOK_S < SILENT_S and STALE_S > 2 * (MONEY_S + LOOK_S)
