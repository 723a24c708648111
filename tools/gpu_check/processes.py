"""Which processes have a context on the GPU while a worker serves: the engine's alone, each costs some hundred MiB."""

import shutil
import subprocess
from pathlib import Path

from tools.bench.engine.ours import ours
from tools.bench.engine.sides import Shape
from worker.preparer.process import Preparer

QUERY = ("--query-compute-apps=pid", "--format=csv,noheader")
CONTEXT = 1024


class NotMeasured(Exception):
    """It cannot be found out here; the text says why."""


def on_the_gpu() -> list[str]:
    """The processes that the driver names, once for each card. Raises NotMeasured."""
    program = shutil.which("nvidia-smi")
    if program is None:
        raise NotMeasured("there is no nvidia-smi")
    asked = subprocess.run([program, *QUERY], capture_output=True, text=True, timeout=60, check=False)
    if asked.returncode:
        raise NotMeasured(f"nvidia-smi: {(asked.stderr or asked.stdout).strip()[-200:]}")
    return [line.strip() for line in asked.stdout.splitlines() if line.strip()]


async def added(model: Path) -> tuple[int, int]:
    """Contexts that an engine adds to the card, and that a preparer adds to it. Counted, not named: in a container the
    driver's numbers may be another system's."""
    before = len(on_the_gpu())
    async with ours(Shape(model, 1, CONTEXT, gpu=True)):
        engine = len(on_the_gpu())
        preparer = Preparer(str(model), CONTEXT, "qwen-xml")
        try:
            await preparer.start()
            both = len(on_the_gpu())
        finally:
            await preparer.close()
    return engine - before, both - engine
