"""What --plan and --benchmark print. --check is in test_inspection.py."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.test_inspection import config as config  # the fixture
from worker import actions
from worker.config import Config
from worker.exits import EXIT_OK
from worker.model_files import Progress


def ignore(_: Progress) -> None:
    """Shown elsewhere."""


def test_a_benchmark_is_plotted_kept_and_compared_with_the_one_before(
    config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = replace(config, model_file=tiny_qwen3, slots=1, context=512)
    assert actions.measure(measured, nullcontext(ignore), False) == EXIT_OK
    first = capsys.readouterr().out
    assert "decode, all streams together" in first and "█" in first and "before" not in first
    assert actions.measure(replace(measured, context=256), nullcontext(ignore), False) == EXIT_OK
    second = capsys.readouterr().out
    assert "   before" in second and "since then context 512 -> 256" in second
    assert actions.measure(measured, nullcontext(ignore), True) == EXIT_OK
    value = json.loads(capsys.readouterr().out)
    assert value["model"] == "tiny" and value["before"]["curve"][0]["streams"] == value["curve"][0]["streams"] == 1


def test_a_plan_is_printed(config: Config, tiny_qwen3: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert actions.plan(replace(config, model_file=tiny_qwen3), nullcontext(ignore), True) == EXIT_OK
    assert json.loads(capsys.readouterr().out)["engine"]["slots"] == 2
