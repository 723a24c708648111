import ast
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from program import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def test_a_json_line_has_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    logging.getLogger("supernet.x").info("served %d", 3)
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["message"]) == ("info", "supernet.x", "served 3")
    assert line["time"].endswith("Z")


def test_a_json_line_names_worker_and_job_and_nothing_that_was_not_meant_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_worker", {})
    logs.configure(as_json=True)
    logs.name_worker("w-1")
    logging.getLogger("supernet.x").info("done", extra={"job": "j", "attempt": 2, "event": "", "prompt": "secret"})
    line = json.loads(capsys.readouterr().err)
    assert (line["worker"], line["job"], line["attempt"]) == ("w-1", "j", 2)
    assert "secret" not in str(line) and not {"model", "event"} & line.keys()


def test_an_exception_is_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=True)
    try:
        raise OSError("no space")
    except OSError:
        logging.getLogger("supernet.x").error("failed", exc_info=sys.exc_info())
    assert "OSError: no space" in json.loads(capsys.readouterr().err)["exception"]


def test_libraries_only_warn(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(as_json=False)
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("supernet.x").info("ours")
    assert "chatter" not in (said := capsys.readouterr().err) and "ours" in said


def test_every_logger_of_ours_is_heard() -> None:
    """The loggers of the weights were named after their modules, so how far a download was never reached a log."""
    root = Path(__file__).parents[2]
    loggers = [
        (path, call.args[0])
        for side in ("program", "worker", "coordinator")
        for path in (root / side).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "getLogger"
        if call.args and path != root / "program" / "logs.py"
    ]
    assert len(loggers) > 20
    for path, name in loggers:
        assert isinstance(name, ast.Constant) and isinstance(name.value, str), f"{path}: write the name out"
        assert name.value.startswith(("supernet.", "uvicorn.")), f"{path}: {name.value} is heard from WARNING on"
