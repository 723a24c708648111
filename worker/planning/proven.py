"""Whether llama.cpp computes right on this machine, and how it has to be loaded for that.

scripts/setup proves what it builds; but a library may come from elsewhere, or be left over from another CPU, card or
driver. A proof takes a second or two, so a good one is remembered in the state folder, until any of these changes.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wire.messages import Issue
from worker import state_dir
from worker.bindings.proof import NUMBERS, prove
from worker.issues import issue
from worker.machine.description import Machine

NAME = "proven.json"
ANOTHER_WAY = "Update its driver, then run scripts/setup again; CUDA_VISIBLE_DEVICES= (empty) serves from the CPU."


@dataclass(frozen=True)
class Proven:
    """How llama.cpp has to be loaded here, by its proof. `repacked`: as in EngineSpec. `problem`: an error if this
    llama.cpp computes wrong in every way, a warning if computing right costs speed."""

    repacked: bool = True
    problem: Issue | None = None


def on_this_machine(folder: Path, machine: Machine) -> Proven:
    """Prove the CPU and each GPU, or return the proof that `folder` remembers if everything is as it was.

    May take minutes where a driver has to compile for a new card.
    """
    basis = _basis(machine)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads((folder / NAME).read_bytes())
        if kept["basis"] == basis:
            return _settled(kept["fault"])
    cpu = prove()
    plain = cpu if cpu.result == "right" else prove(repacked=False)
    if plain.result != "right":
        code = "library_broken" if plain.result == "unloadable" else "engine_cannot_compute"
        return Proven(problem=issue(code, f"llama.cpp does not compute on this CPU: {cpu.fault}"))
    tried = {device: prove(device.address) for device in machine.devices}
    for device, gpu in tried.items():
        if gpu.result in ("wrong", "unloadable"):
            text = f"llama.cpp does not compute on {device.description or device.name} ({device.address}): {gpu.fault}"
            return Proven(problem=issue("engine_cannot_compute", text, ANOTHER_WAY))
    settled = cpu.result != "untried" and all(gpu.result == "right" for gpu in tried.values())
    if folder.is_dir() and settled:
        with contextlib.suppress(OSError):
            state_dir.write(folder / NAME, json.dumps({"basis": basis, "fault": cpu.fault}))
    return _settled(cpu.fault)


def forget(folder: Path) -> None:
    """Forget the proof, so that it is made again: the engine died here, whatever was proved before."""
    with contextlib.suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)


def _settled(fault: str) -> Proven:
    """Return the result of a proof. `fault`: what is wrong with rewritten weights, if anything."""
    if not fault:
        return Proven()
    text = f"llama.cpp does not compute with weights rewritten for this CPU: {fault}; they stay as they are in the file"
    return Proven(repacked=False, problem=issue("engine_slowed", f"{text}, and prompts are read more slowly"))


def _basis(machine: Machine) -> dict[str, Any]:
    """Return all that a proof depends on, as JSON values."""
    return {
        "library": _library(),
        "numbers": hashlib.sha256(NUMBERS.read_bytes()).hexdigest(),
        "cpu": [machine.hardware.cpu, _cpu_features(), platform.release()],
        "gpus": [
            [device.address, device.description, gpu.driver]
            for device, gpu in zip(machine.devices, machine.hardware.gpus, strict=True)
        ],
    }


def _library() -> list[list[Any]]:
    """Return name, size and time of every file of llama.cpp; its folder is found as llama_cpp finds it."""
    place = os.environ.get("LLAMA_CPP_LIB_PATH")
    if place is None:
        found = importlib.util.find_spec("llama_cpp")
        place = str(Path(found.origin).parent / "lib") if found is not None and found.origin else ""
    files = sorted(Path(place).glob("lib*"))
    return [[str(file), status.st_size, status.st_mtime_ns] for file in files for status in [file.stat()]]


def _cpu_features() -> str:
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ""
