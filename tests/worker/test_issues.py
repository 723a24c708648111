"""The table of problems. That each is provoked for real and shown everywhere is in test_every_issue.py."""

import re
from pathlib import Path

import pytest

from wire.messages import Issue
from worker import issues
from worker.cli import main

ROOT = Path(__file__).parents[2]


def test_every_row_makes_a_frame_with_a_sentence_that_says_what_to_do() -> None:
    for code, row in issues.ISSUES.items():
        made = issues.issue(code, "what happened")
        assert isinstance(made, Issue) and made.active and made.severity == row.severity
        assert len(made.remedy) > 10 and not issues.over(code, "done").active


def test_a_flag_that_a_remedy_names_exists() -> None:
    known = main.parser().format_help()
    for row in issues.ISSUES.values():
        for flag in re.findall(r"--[a-z-]+", row.remedy):
            assert flag in known, row.remedy


def test_every_code_that_the_worker_raises_has_a_row() -> None:
    raised: set[str] = set()
    for path in (ROOT / "worker").rglob("*.py"):
        raised |= set(re.findall(r'(?:issue|WeightsError|Fatal)\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert {"disk_full", "gated_repository", "key_refused", "damaged_file"} <= raised <= set(issues.ISSUES)


def test_a_code_without_a_row_is_a_bug() -> None:
    with pytest.raises(KeyError):
        issues.issue("unheard_of", "")


@pytest.mark.parametrize(
    ("driver", "cuda", "fine"),
    [("535.183.01", 12, True), ("525.60", 12, True), ("470.82", 12, False), ("575.10", 13, False), ("", 12, True)],
)
def test_a_driver_is_measured_against_the_cuda_of_this_build(driver: str, cuda: int, fine: bool) -> None:
    problem = issues.driver_issue(driver, cuda)
    assert (problem is None) == fine
    assert problem is None or (driver in problem.message and f"CUDA {cuda}" in problem.message)


def test_a_build_whose_cuda_is_not_known_blames_no_driver() -> None:
    assert issues.driver_issue("300.1", 0) is None
