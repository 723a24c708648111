"""Speed curves that were measured on this machine, kept in the state folder: for Hello, and to compare with.

A curve counts for Hello only while everything that it depends on is the same: the file, its layout, the hardware, and
the versions of this program and of llama.cpp.
"""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from wire.messages import SpeedPoint
from worker import state_dir
from worker.planning.benchmark import EDITION
from worker.planning.model_setup import Assembly

NAME = "measured.json"
MOST_RUNS = 50


class Run(BaseModel):
    """One --benchmark. `time` in seconds of the epoch; `basis`: what the curve depends on."""

    model_config = ConfigDict(frozen=True)

    time: float
    model: str
    basis: dict[str, Any]
    curve: tuple[SpeedPoint, ...]


RUNS: TypeAdapter[tuple[Run, ...]] = TypeAdapter(tuple[Run, ...])


def basis(assembly: Assembly) -> dict[str, Any]:
    """As JSON values, so that what was kept compares equal."""
    hardware = assembly.machine.hardware
    layout = assembly.plan.to_dict()["engine"] | {"sha256": list(assembly.weights.sha256)}
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
    """All that is kept, oldest first; what cannot be read was never measured."""
    try:
        return RUNS.validate_json((folder / NAME).read_bytes())
    except (OSError, ValidationError):
        return ()


def remember(folder: Path, run: Run) -> None:
    kept = (*read(folder), run)[-MOST_RUNS:]
    state_dir.write(folder / NAME, RUNS.dump_json(kept, indent=1).decode())


def known(folder: Path, assembly: Assembly) -> tuple[SpeedPoint, ...]:
    """The newest curve that still counts; empty if there is none."""
    now = basis(assembly)
    return next((run.curve for run in reversed(read(folder)) if run.basis == now), ())


def before(folder: Path, model: str, machine: dict[str, Any]) -> Run | None:
    """The last run of this model on this machine, in whatever layout and version: what a new one is compared with."""
    runs = (run for run in reversed(read(folder)) if run.model == model and run.basis.get("machine") == machine)
    return next(runs, None)


def changes(earlier: Run, now: dict[str, Any]) -> list[str]:
    """What else is different from the earlier run, in words."""
    words = []
    for part in ("layout", "versions"):
        then, present = earlier.basis.get(part, {}), now[part]
        for name in sorted({*then, *present}):
            if then.get(name) != present.get(name):
                words.append(f"{name} {then.get(name)} -> {present.get(name)}")
    return words
