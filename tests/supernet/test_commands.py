"""What a console command does before its program runs. tests/packaging/test_wheel.py starts the installed ones."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import supernet
from supernet import commands
from supernet.commands import EXIT_CONFIG
from worker.exits import EXIT_CONFIG as OF_THE_WORKER

ROOT = Path(supernet.__file__).parents[1]


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    return sys.path


@pytest.mark.parametrize("program", ["worker", "coordinator"])
def test_without_its_extra_a_command_says_in_a_line_what_to_install(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def find(name: str) -> ModuleSpec | None:
        asked.append(name)
        return None

    monkeypatch.setattr(commands, "find_spec", find)
    assert getattr(commands, program)() == EXIT_CONFIG == OF_THE_WORKER
    said = capsys.readouterr()
    assert said.err.startswith(f"supernet-{program}: ") and said.err.count("\n") == 1 and not said.out
    assert f"pip install 'supernet[{program}]'" in said.err
    assert len(asked) == 1


@pytest.mark.parametrize("program", ["worker", "coordinator"])
def test_ctrl_c_before_the_program_is_there_is_told_in_a_line(
    program: str, path: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "import_module", interrupted)
    assert getattr(commands, program)() == 130
    assert capsys.readouterr().err == f"supernet-{program}: stopped by a signal\n"


@pytest.mark.parametrize("program", ["worker", "coordinator"])
def test_a_command_runs_its_program_with_our_folder_first_on_the_path(
    program: str, path: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "--version"])
    try:
        status = getattr(commands, program)()
    except SystemExit as ended:  # argparse's own --version
        status = ended.code
    assert not status and "0." in capsys.readouterr().out
    assert path[0] == str(Path(supernet.__file__).parent)


@pytest.mark.parametrize("program", ["worker", "coordinator"])
def test_ctrl_c_while_a_program_is_still_imported_is_a_line(program: str) -> None:
    """As `python -m worker`, where it was a traceback."""
    script = (
        "import runpy, sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == '{program}.cli':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        f"runpy.run_module('{program}', run_name='__main__', alter_sys=True)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (130, f"supernet-{program}: stopped by a signal\n")
