"""What the owner is told of problems, and since when they last."""

import logging

import pytest

from worker.daemon.problem_log import ProblemLog
from worker.issues import issue, over
from worker.telemetry.status import Problem


def test_a_problem_is_one_line_with_its_remedy_and_its_end_is_another(caplog: pytest.LogCaptureFixture) -> None:
    told = ProblemLog()
    with caplog.at_level(logging.INFO, logger="supernet.problems"):
        told.tell(issue("disk_full", "no space", "free some"))
        told.tell(over("disk_full", "there is space"))
    assert [record.getMessage() for record in caplog.records] == [
        "disk_full: no space -> free some",
        "disk_full is over: there is space",
    ]
    assert caplog.records[0].levelno == logging.ERROR


def test_the_last_one_that_mattered_is_kept_when_it_is_over_and_a_remark_is_not() -> None:
    told = ProblemLog()
    told.tell(issue("disk_full", "no space"))
    told.tell(over("disk_full", "there is space"))
    told.tell(issue("paused", "by its owner"))
    assert told.last is not None and told.last.issue.code == "disk_full"


def test_a_problem_that_goes_on_is_as_old_as_it_was() -> None:
    told = ProblemLog()
    told.last = Problem(since=5.0, issue=issue("disk_full", "no space"))
    told.goes_on("not_found")
    told.goes_on("disk_full")
    told.tell(issue("disk_full", "still no space"))
    assert told.last.since == 5.0
    (shown,) = told.dated([issue("disk_full", "still no space")], now=100.0)
    assert shown.since == 5.0
    (unknown,) = told.dated([issue("paused", "")], now=100.0)
    assert unknown.since == 100.0
