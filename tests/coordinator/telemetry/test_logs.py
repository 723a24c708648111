import json
import logging
from collections.abc import Iterator

import pytest

from coordinator.telemetry.logs import JsonLines, configure


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def test_a_json_line_has_ids_in_fields_of_their_own_and_nothing_that_was_not_meant_for_it() -> None:
    given = {"msg": "moved", "levelname": "INFO", "worker": "acc_1/w-1", "job": "j.0", "event": "", "prompt": "secret"}
    line = json.loads(JsonLines().format(logging.makeLogRecord(given)))
    assert (line["worker"], line["job"], line["message"]) == ("acc_1/w-1", "j.0", "moved")
    assert "secret" not in str(line) and "event" not in line


def test_good_news_of_libraries_is_no_line_and_their_faults_are(capsys: pytest.CaptureFixture[str]) -> None:
    configure(False)
    logging.getLogger("alembic.runtime.plugins").info("setup plugin alembic.autogenerate.schemas")
    logging.getLogger("uvicorn.error").info("connection open")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("supernet.server").info("draining")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "WARNING uvicorn Invalid HTTP request received.",
        "INFO supernet.server draining",
    ]
