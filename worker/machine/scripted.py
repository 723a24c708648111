"""GPU readings from a file, for machines without a GPU: the other half of `--scripted`, beside the sensors of nvml.py.

The file holds a JSON list of objects with the fields of Reading; without a `device` it has the number of its place. It
is read again each time, so that whoever writes it plays the weather: a game that starts, a fan that fails.
"""

import json
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from worker.machine.description import Reading

READINGS: TypeAdapter[tuple[Reading, ...]] = TypeAdapter(tuple[Reading, ...])


class ScriptedSensors:
    """Sensors that read their values from a file. One that is missing, or is no script, reads as no GPU."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Reading, ...]:
        try:
            readings = READINGS.validate_python(json.loads(self._path.read_text()))
        except (OSError, ValueError, ValidationError):
            return ()
        return tuple(replace(each, device=each.device or str(number)) for number, each in enumerate(readings))
