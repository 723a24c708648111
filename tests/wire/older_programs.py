"""What the programs of fd8f3b6 said in a run, and what they understand: made by `python -m tools.record_frames`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

COMMIT = "fd8f3b6"
FOLDER = Path(__file__).with_name("recorded")
Json = Any


def recorded(direction: str) -> list[str]:
    """Frames of the older programs, as they were sent."""
    return (FOLDER / f"{direction}.jsonl").read_text(encoding="utf-8").rstrip("\n").split("\n")


def kinds(direction: str) -> set[str]:
    """The kinds of frame that the older program understands. One of another kind may go only to a program that names
    it among the features of its hello, as `earnings` does."""
    return set(schema()[direction]["discriminator"]["mapping"])


def misunderstood(direction: str, frame: Json) -> list[str]:
    """What the older program would find wrong with a frame."""
    return [str(error) for error in reader(direction).iter_errors(frame)]


@cache
def schema() -> Json:
    return json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))


@cache
def reader(direction: str) -> Any:
    return jsonschema_rs.validator_for(schema()[direction])
