"""scripts/gpu_check: device, correctness, speed and memory of this machine's GPU, with models made on the spot.

Needs no network. Prints a report in Markdown, each section as it ends; what fails is told there and the rest goes on.
The exit status is 1 if anything failed that has to hold.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tools.gpu_check.processes import NotMeasured
from tools.gpu_check.sections import SECTIONS, NoGpu, Wanted

PAIRS = 3

Section = Callable[[Wanted], Iterator[str]]


def report(sections: Sequence[tuple[str, Section]], wanted: Wanted) -> bool:
    """Run and print all of them; False: one failed. Without a GPU nothing else can be said, so that ends it."""
    good = True
    for place, (name, section) in enumerate(sections):
        began = time.monotonic()
        print(f"## {name}\n", flush=True)
        try:
            for line in section(wanted):
                print(line, flush=True)
        except NotMeasured as why:
            print(f"Not measured: {why}.", flush=True)
        except KeyboardInterrupt:
            left = ", ".join(name for name, _ in sections[place + 1 :]) or "nothing"
            print(f"**Stopped** before its end, by the time limit or by hand. Not measured: {left}.", flush=True)
            return False
        except Exception as error:  # noqa: BLE001 - whatever a section dies of, it must not cost what the others find
            traceback.print_exc()
            print(f"**Failed**: {error}", flush=True)
            good = False
            if isinstance(error, NoGpu):
                return False
        print(f"\n({time.monotonic() - began:.0f} s)\n", flush=True)
    return good


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/gpu_check", description=__doc__)
    made.add_argument("--tiny", action="store_true", help="tiny models everywhere: tries the script, measures nothing")
    made.add_argument("--cpu", action="store_true", help="on the CPU, where there is no GPU")
    made.add_argument("--peer", type=Path, help="llama-server (default: the one in LLAMA_CPP_LIB_PATH, if any)")
    made.add_argument("--pairs", type=int, default=PAIRS, help=f"runs of each side (default {PAIRS})")
    made.add_argument("--folder", type=Path, help="where 22 GB of models may lie meanwhile (default: a temporary one)")
    return made


def main() -> int:
    given = parser().parse_args()
    ready = Path(os.environ.get("LLAMA_CPP_LIB_PATH", "/nowhere")) / "llama-server"
    peer = given.peer or (ready if ready.exists() else None)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="gpu-check-") as folder:
        wanted = Wanted(given.tiny, given.cpu, peer.absolute() if peer else None, given.pairs, Path(folder))
        return 0 if report(SECTIONS, wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
