"""The conformance kit: our own worker passes every check, and for every check there is a worker that fails it."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.tools.conformance.bad_worker import BadWorker
from tools.conformance.__main__ import Outcome, main, run
from tools.conformance.checks import CHECKS
from tools.conformance.coordinator import listening

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
PACE = 0.2  # of the kit's patience: the workers here are quick


async def outcomes(fault: str, names: list[str]) -> list[Outcome]:
    async with listening(pace=PACE) as kit:
        worker = asyncio.create_task(BadWorker(kit.url, fault).run())
        try:
            return await run(kit, names)
        finally:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker


async def test_a_worker_that_keeps_the_protocol_passes_every_check() -> None:
    failed = [outcome for outcome in await outcomes("", list(CHECKS)) if not outcome.passed]
    assert not failed


@pytest.mark.parametrize("name", CHECKS)
async def test_a_worker_with_a_planted_fault_fails_its_check(name: str) -> None:
    (outcome,) = await outcomes(name, [name])
    assert not outcome.passed and outcome.problem, name


def test_our_worker_passes_every_check(tmp_path: Path) -> None:
    worker = ["-m", "worker", "--scripted", "-", "--slots", "2", "--state-dir", str(tmp_path)]
    worker += ["--model", "smollm2-135m-instruct-gguf-q41"]
    command = [sys.executable, "-m", "tools.conformance", "--json", "--", sys.executable, *worker]
    env = {name: value for name, value in os.environ.items() if not name.startswith("SUPERNET_")}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["check"] for line in lines] == list(CHECKS)
    assert all(line["passed"] for line in lines), [line for line in lines if not line["passed"]]
    assert done.returncode == 0


async def test_a_worker_that_never_dials_fails_with_a_word_for_it() -> None:
    async with listening(pace=0.01) as kit:
        (outcome,) = await run(kit, ["hello"])
    assert not outcome.passed and "no dial within" in outcome.problem


def test_a_command_that_is_not_there_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--", "no-such-worker", "{url}"])
    assert ended.value.code == 2 and "no-such-worker" in capsys.readouterr().err
