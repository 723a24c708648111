"""Log lines on stderr, for a person or as JSON. Prompts, answers and keys are never logged, so nothing is masked.

A line about a job carries its id in a field of its own: `extra={"job": ...}` at the call.
"""

import json
import logging
import sys
import time

FIELDS = ("event", "worker", "job", "attempt", "model", "issue")  # of a record's `extra`; no other reaches a line
_worker: dict[str, str] = {}


class JsonLines(logging.Formatter):
    """One JSON object per line: time (UTC), level, logger, message, those of FIELDS that the record has, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_worker,
            **{name: value for name in FIELDS if (value := getattr(record, name, None)) not in (None, "")},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def name_worker(worker: str) -> None:
    """From now on every JSON line says that this process is the worker of that id."""
    _worker["worker"] = worker


def configure(as_json: bool) -> None:
    """Send all of this process's log lines to stderr: our own from INFO, those of libraries from WARNING."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if as_json else plain)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("supernet").setLevel(logging.INFO)
