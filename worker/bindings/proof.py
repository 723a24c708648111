"""Does the installed build of llama.cpp come to the right numbers on this machine?

`python -m worker.bindings.proof` tries the CPU and each GPU, and says in a line what is wrong with them. Exit status: 0
the CPU computes (a GPU may not), 4 it does not, 3 the library cannot be loaded.

A build can be wrong in two ways: the compiler made wrong code of right sources (GCC 11 and 12 do of ggml's AMX), or it
was made for another CPU or card. Either shows in a batch of many rows at first, and may end the process; so each proof
is a process of its own.
"""

import math
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from worker.bindings import probe
from worker.engine.devices import usable
from worker.subprocesses.exit_status import describe

NUMBERS = Path(__file__).with_name("proof.npz")

# Activations are rounded to 8 bits before each product: 0.034 on AVX-512, with and without rewritten weights. With one
# tensor of zeros it is 0.36 or more, with 16 rows of one left out 0.15.
MOST_OFF = 0.1
TIMEOUT_S = 120.0  # it takes 1 s on a core of its own
GPU_TIMEOUT_S = 1800.0  # a driver may have to compile the kernels for a card that is newer than the build

COMPUTES, UNLOADABLE, WRONG = 0, 3, 4  # exit status, not 1: with that Python ends a proof that broke down itself
FAILED = 2  # the child's of an exception: no process died, but no numbers came either

_TELLING = ("Error: ", " error: ", "GGML_ASSERT")
_FULL = ("out of memory", "failed to allocate", "unable to allocate")


@dataclass(frozen=True)
class Proof:
    """How a proof went; `fault` in words, empty for "right". "untried": what was in the way may be gone the
    next time (the GPU's memory is in use, the kernel ended it for want of memory, the CPU had no time for it).
    "unloadable": it ended before llama.cpp was asked for a number."""

    result: Literal["right", "wrong", "untried", "unloadable"]
    fault: str = ""


def prove(device: str | None = None, repacked: bool = True) -> Proof:
    """Prove llama.cpp on the CPU alone, or with all layers on one device (Device.address). Never raises.

    `repacked` as EngineSpec has it.
    """
    options = ([] if repacked else ["--plain"]) + ([] if device is None else ["--device", device])
    timeout_s = TIMEOUT_S if device is None else GPU_TIMEOUT_S
    try:
        ended = probe.run("worker.bindings.proof_child", *options, timeout_s=timeout_s)
    except OSError as error:
        return Proof("unloadable", str(error))
    except subprocess.TimeoutExpired:
        return Proof("untried" if device is None else "wrong", f"it came to no end within {timeout_s:.0f} s")
    return _judge(ended.returncode, ended.stdout, _last_words(ended.stderr.decode(errors="replace")), device)


def _judge(status: int, out: bytes, words: str, device: str | None) -> Proof:
    if device is not None and status != COMPUTES and any(word in words for word in _FULL):
        return Proof("untried", words)
    if status < 0:
        result: Literal["wrong", "untried"] = "untried" if status == -signal.SIGKILL else "wrong"
        return Proof(result, f"it {describe(status)}" + (f": {words}" if any(map(words.count, _TELLING)) else ""))
    if status:
        return Proof("wrong" if status == FAILED else "unloadable", words)
    off = float(out)
    if math.isnan(off):
        return Proof("wrong", "what it computes is not a number")
    return Proof("right") if off < MOST_OFF else Proof("wrong", f"its numbers are {off:.0%} off")


def _last_words(text: str) -> str:
    """The line that says why: ggml prints a list of functions behind it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in (*_TELLING, *_FULL))]
    return (telling or lines or [""])[-1][:300]


def main() -> None:
    cpu = prove()
    if cpu.result != "right":
        print(cpu.fault)
        sys.exit(UNLOADABLE if cpu.result == "unloadable" else WRONG)
    for device in usable(probe.ask().devices):
        tried = prove(device.address)
        if tried.result != "right":
            print(f"{device.description or device.name} is {tried.result}: {tried.fault}")


if __name__ == "__main__":
    main()
