import json
import logging
import sys

import pytest

from worker.daemon import logs


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
    logging.getLogger("supernet.x").info("done", extra={"job": "j", "attempt": 2, "prompt": "secret"})
    line = json.loads(capsys.readouterr().err)
    assert (line["worker"], line["job"], line["attempt"]) == ("w-1", "j", 2)
    assert "secret" not in str(line) and "model" not in line


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
