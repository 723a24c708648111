"""Log lines on stderr, for a person or as JSON, in the shape of a worker's. Prompts and keys are never logged."""

import json
import logging
import sys
import time

_FIELDS = ("event", "worker", "job")  # of a record's `extra`; no other reaches a line


class JsonLines(logging.Formatter):
    """Times in UTC, and ids in fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name in _FIELDS if (value := getattr(record, name, None))},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    handler.setFormatter(JsonLines() if as_json else plain)
    handler.addFilter(_renamed)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Of libraries only what is wrong: uvicorn and Alembic have a line for every step that goes well.
    root.setLevel(logging.WARNING)
    logging.getLogger("supernet").setLevel(logging.INFO)


def _renamed(record: logging.LogRecord) -> bool:
    """Everything that uvicorn's server says comes from `uvicorn.error`, which reads like a fault."""
    record.name = "uvicorn" if record.name == "uvicorn.error" else record.name
    return True
