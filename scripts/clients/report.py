"""docs/compatibility.md out of the last runs (docs/compatibility.json) and the survey of request fields."""

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
DATA = DOCS / "compatibility.json"

MARKS = {True: "yes", False: "FAILED", None: "-"}  # None: the client has no such thing

Runs = dict[str, dict[str, Any]]


def load() -> Runs:
    runs: Runs = json.loads(DATA.read_text()) if DATA.exists() else {}
    return runs


def save(runs: Runs) -> None:
    DOCS.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n")
