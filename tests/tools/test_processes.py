"""What the demo waits for, and what it says when that does not come."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools import demo, processes
from tools.demo_client import DemoError
from tools.processes import LONGEST_S, STUCK_S, WORK_BYTES, Patience, Process, ProcessError, Work, until

ROOT = Path(__file__).parents[2]


def test_a_slow_machine_is_waited_for_as_long_as_it_works() -> None:
    patience = Patience(0.0)
    for minute in range(1, 60):  # 2 s of processor time a minute, where `key create` takes 1.5 s
        assert not patience.out(60.0 * minute, Work(seconds=2.0 * minute))
    for minute in range(60, 120):  # a download: hardly any
        assert not patience.out(60.0 * minute, Work(120.0 + 0.01 * minute, minute * WORK_BYTES))


def test_what_does_nothing_is_not_waited_for_and_nothing_for_ever() -> None:
    assert not Patience(0.0).out(STUCK_S, Work(0.5, 1000))
    assert "done nothing for 60 s" in Patience(0.0).out(STUCK_S + 1, Work(0.5, 1000))
    assert "longer than" in Patience(0.0).out(LONGEST_S + 1, Work(1e6))


def child(folder: Path, code: str) -> Process:
    log, out = folder / "child.log", folder / "child.out"
    with log.open("wb") as err:
        popen = subprocess.Popen([sys.executable, "-c", code], stderr=err, start_new_session=True)
    return Process("child", popen, log, out)


def test_a_process_that_ends_early_and_one_that_is_stuck_say_their_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    ended = child(tmp_path, "import sys; sys.exit('no disk')")
    with pytest.raises(ProcessError, match=r"child ended with status 1; the child's last words:\n  \| no disk"):
        until("starting it", lambda: None, [ended], told.append)
    monkeypatch.setattr(processes, "STUCK_S", 0.0)
    monkeypatch.setattr(processes, "WORK_S", 1e9)
    monkeypatch.setattr(processes, "TELL_S", 0.0)
    stuck = child(tmp_path, "import sys, time; print('waiting', file=sys.stderr, flush=True); time.sleep(600)")
    try:
        with pytest.raises(ProcessError, match="starting it: it has done nothing"):
            until("starting it", lambda: None, [stuck], told.append)
        assert told and all(text.startswith("still starting it") for text in told)
    finally:
        stuck.stop()


def test_the_work_of_a_process_is_seen(tmp_path: Path) -> None:
    burning = child(tmp_path, "while True: pass")
    try:
        before = burning.work()
        assert until("burning", lambda: burning.work().seconds > before.seconds or None, [burning], print)
    finally:
        burning.stop()
    assert burning.work() == Work()  # gone, and no error


def test_a_demo_whose_first_step_gets_stuck_says_so_and_shows_no_traceback(tmp_path: Path) -> None:
    sleeper = tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\necho on my way >&2\nexec sleep 600\n")
    sleeper.chmod(0o755)
    code = (
        "import sys; from tools import demo, processes; processes.STUCK_S = 0.5; processes.WORK_S = 1e9;"
        f"sys.executable = {str(sleeper)!r}; sys.argv = ['demo', '--once']; sys.exit(demo.main())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "demo: making a key: it has done nothing" in done.stderr and "on my way" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error", [DemoError("the answer broke off: 2 engines ended"), ValueError("no JSON"), KeyError("choices")]
)
def test_a_demo_whose_answer_fails_shows_the_workers_last_words(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alive: Any = SimpleNamespace(check=lambda: None)
    worker: Any = SimpleNamespace(last_words=lambda: "the worker's last words:\n  | signal 11")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(demo.Demo, "start", lambda self: (None, alive, [worker]))
    monkeypatch.setattr(demo.Demo, "ask", fail)
    monkeypatch.setattr(demo, "Signals", lambda: None)
    monkeypatch.setattr("sys.argv", ["demo", "--once"])
    assert demo.main() == 1
    said = capsys.readouterr().err
    assert str(error) in said and "signal 11" in said
