"""Speed curves that were measured on this machine, kept in the state folder: for Hello, and to compare with. And what
the model took to see a picture when it was loaded last.

Either counts for Hello only while everything that it depends on is the same: the files, their layout, the hardware, and
the versions of this program and of llama.cpp.
"""

import contextlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from wire.offers import SpeedPoint
from worker import state_dir
from worker.planning.benchmark import EDITION
from worker.planning.draft_gain import Gain
from worker.planning.encodes import Encodes
from worker.planning.model_setup import Assembly

NAME = "measured.json"
SIGHT = "sight.json"
MOST_RUNS = 50


class Run(BaseModel):
    """The result of one --benchmark. `time` in seconds of the epoch; `basis`: what the curve depends on."""

    model_config = ConfigDict(frozen=True)

    time: float
    model: str
    basis: dict[str, Any]
    curve: tuple[SpeedPoint, ...]
    pictures: tuple[Encodes, ...] = ()
    drafts: tuple[Gain, ...] = ()


RUNS: TypeAdapter[tuple[Run, ...]] = TypeAdapter(tuple[Run, ...])


def basis(assembly: Assembly) -> dict[str, Any]:
    """Return all that a curve depends on, as JSON values, so that what was kept compares equal."""
    hardware = assembly.machine.hardware
    layout = assembly.plan.to_dict()["engine"] | {"sha256": list(assembly.weights.sha256)}
    layout["projector"] = list(assembly.projector.sha256) if assembly.projector else None
    del layout["path"]
    machine = {
        "cpu": hardware.cpu,
        "cores": hardware.cpu_cores,
        "gpus": [gpu.model_dump(exclude={"free_bytes"}) for gpu in hardware.gpus],
    }
    versions: dict[str, Any] = {package: _version(package) for package in ("supernet", "llama-cpp-python")}
    versions["benchmark"] = EDITION
    found: dict[str, Any] = json.loads(json.dumps({"layout": layout, "machine": machine, "versions": versions}))
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def read(folder: Path) -> tuple[Run, ...]:
    """Return all runs that are kept, oldest first; a file that cannot be read counts as none."""
    try:
        return RUNS.validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return ()


def remember(folder: Path, run: Run) -> None:
    kept = (*read(folder), run)[-MOST_RUNS:]
    state_dir.write(folder / NAME, RUNS.dump_json(kept, indent=1).decode())


def known(folder: Path, now: dict[str, Any]) -> tuple[SpeedPoint, ...]:
    """Return the newest curve that still counts, of the basis `now`; empty if there is none."""
    return next((run.curve for run in reversed(read(folder)) if run.basis == now), ())


def remember_sight(folder: Path, basis: dict[str, Any], image_ms: float | None) -> None:
    """Keep what an encode took at load, of the last model that was loaded here; None: it sees nothing. A disk that is
    full costs the memory of it alone."""
    with contextlib.suppress(OSError):
        state_dir.write(folder / SIGHT, json.dumps({"basis": basis, "image_ms": image_ms}))


def sight(folder: Path, now: dict[str, Any]) -> float | None:
    """Return what was kept, if it still counts."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((folder / SIGHT).read_bytes())
        if kept["basis"] == now and kept["image_ms"] is not None:
            return max(0.0, float(kept["image_ms"]))
    return None


def before(folder: Path, model: str, machine: dict[str, Any]) -> Run | None:
    """Return the last run of this model on this machine, in any layout and version, to compare a new one with."""
    runs = (run for run in reversed(read(folder)) if run.model == model and run.basis.get("machine") == machine)
    return next(runs, None)


def changes(earlier: Run, now: dict[str, Any]) -> list[str]:
    """Return what else is different from the earlier run, in words."""
    words = []
    for part in ("layout", "versions"):
        then, present = earlier.basis.get(part, {}), now[part]
        for name in sorted({*then, *present}):
            if then.get(name) != present.get(name):
                words.append(f"{name} {then.get(name)} -> {present.get(name)}")
    return words
