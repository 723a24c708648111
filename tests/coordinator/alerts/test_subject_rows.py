"""What is wrong, written by every replica and judged by one."""

import pytest

from coordinator.alerts import subject_rows
from coordinator.alerts.judge import KEPT_S, SILENT_S, judge
from coordinator.alerts.kinds import kinds
from coordinator.alerts.subject_rows import interesting, remember, see, sweep
from coordinator.alerts.subjects import Key, Sighting, Subject
from coordinator.store.database import Database

NOW = 1_000_000_000
WORKER, PROBLEM = Key("acc_1", "worker_down", "w"), Key("acc_1", "worker_problem", "w/disk_full")


def test_workers_that_are_there_are_not_read(database: Database) -> None:
    with database.transaction() as connection:
        see(connection, [Sighting(WORKER, "attic"), Sighting(PROBLEM, "attic\nfull")], NOW)
        assert [one.key for one in interesting(connection, NOW)] == [PROBLEM]
        silent = interesting(connection, NOW + int(SILENT_S * 1000) + 1)
        assert [(one.key, one.seen_s) for one in silent] == [(WORKER, NOW / 1000)]


def test_one_that_is_missed_and_seen_again(database: Database) -> None:
    with database.transaction() as connection:
        see(connection, [Sighting(WORKER, "attic")], NOW)
        see(connection, [Sighting(WORKER, "attic", away=True)], NOW + 5)
        (one,) = interesting(connection, NOW + 5)
        assert (one.away, one.parted, one.seen_s) == (True, False, (NOW + 5) / 1000)
        see(connection, [Sighting(WORKER, "attic two")], NOW + 9)
        assert interesting(connection, NOW + 9) == []
        see(connection, [Sighting(WORKER, "attic", parted=True)], NOW + 10)
        assert interesting(connection, NOW + 10) == []


def test_absence_of_what_was_never_seen_makes_no_row(database: Database) -> None:
    with database.transaction() as connection:
        see(connection, [Sighting(WORKER, "attic", away=True)], NOW)
        assert interesting(connection, NOW) == []


def test_what_was_judged_is_remembered_to_the_millisecond(database: Database) -> None:
    known = kinds(0.0)
    with database.transaction() as connection:
        see(connection, [Sighting(PROBLEM, "attic\nfull")], NOW)
        (judged,) = judge(interesting(connection, NOW), known, 0.0, NOW / 1000, {})
        assert judged.news == "begun"
        remember(connection, [judged], NOW)
        (again,) = judge(interesting(connection, NOW), known, 0.0, NOW / 1000, {})
        assert (again.news, again.subject) == (None, judged.subject)
        later = NOW + 90_000_000
        there = {WORKER: Subject(WORKER, "attic", later / 1000 + 100)}
        gone = judge(interesting(connection, later), known, 0.0, later / 1000, there)
        remember(connection, gone, later)
        over = judge(interesting(connection, later + 200_000), known, 0.0, later / 1000 + 200, there)
        assert [one.news for one in over] == ["over"]
        remember(connection, over, later)
        assert interesting(connection, later + 200_000) == []


def test_a_stranger_fills_only_so_many_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_rows, "MOST_SUBJECTS", 3)
    other = Key("acc_2", "worker_problem", "x/y")
    with database.transaction() as connection:
        for number in range(9):
            see(connection, [Sighting(PROBLEM._replace(subject=f"w/{number}"), "w\nx")], NOW)
        see(connection, [Sighting(PROBLEM._replace(subject="w/0"), "w\nnew"), Sighting(other, "x\ny")], NOW + 7)
        found = {one.key: one.words for one in interesting(connection, NOW + 7)}
        assert len(found) == 4 and found[other] == "x\ny"
        assert found[PROBLEM._replace(subject="w/0")] == "w\nnew", "what is known goes on"


def test_what_is_old_is_swept(database: Database) -> None:
    with database.transaction() as connection:
        see(connection, [Sighting(WORKER, "attic"), Sighting(PROBLEM, "attic\nfull")], NOW)
        sweep(connection, NOW)
        assert len(interesting(connection, NOW + int(SILENT_S * 1000))) == 1
        sweep(connection, NOW + int(KEPT_S * 1000))
        assert interesting(connection, NOW + int(SILENT_S * 1000)) == []
