"""What `supernet-worker --something` does besides serving and asking the daemon (daemon_client.py): look, plan,
measure.

Each prints its result and returns the exit code.
"""

import asyncio
import contextlib
import json
import sys
import time
from contextlib import AbstractContextManager

from wire.messages import SpeedPoint
from worker.cli import checks, diagnose, plot
from worker.config import Config
from worker.engine.process import ProcessEngine
from worker.exits import EXIT_OK, EXIT_STOPPED
from worker.machine.description import Machine
from worker.planning import benchmark, model_setup, speed_curves
from worker.planning.benchmark import BenchmarkError
from worker.weights.download import Report

GIB = 2**30


def look(config: Config, as_json: bool) -> int:
    findings = diagnose.findings(config)
    print(checks.show(findings, "json" if as_json else "text"))
    return EXIT_OK if checks.passed(findings) else EXIT_STOPPED


def plan(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    """What is known of the machine is said without the model too. Raises as assemble.preview does."""
    try:
        with progress as report:
            made = model_setup.preview(config, report)
    except model_setup.Unready:
        with contextlib.suppress(model_setup.Unready):
            if not as_json:
                print(_free(model_setup.look(config)[0]))
        raise
    print(json.dumps(made.to_dict()) if as_json else made.explain())
    return EXIT_OK


def _free(machine: Machine) -> str:
    rows = [(gpu.name, gpu.free_bytes, gpu.memory_bytes) for gpu in machine.hardware.gpus]
    rows.append((f"memory, {machine.physical_cores} CPU cores", machine.available_bytes, machine.hardware.memory_bytes))
    free = "\n".join(f"  {name}: {now / GIB:.1f} of {whole / GIB:.1f} GiB free" for name, now, whole in rows)
    return f"no plan without the model; this machine has\n{free}"


def measure(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    with progress as report:
        assembly = model_setup.assemble(config, report)
    print(assembly.plan.explain(), file=sys.stderr)

    async def run() -> list[SpeedPoint]:
        engine = ProcessEngine(assembly.plan.engine)
        try:
            return await benchmark.measure(engine, progress=lambda text: print(text, file=sys.stderr))
        finally:
            await engine.close()

    try:
        points = asyncio.run(run())
    except BenchmarkError as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
        return EXIT_STOPPED
    basis = speed_curves.basis(assembly)
    earlier = speed_curves.before(config.state_dir, assembly.spec.id, basis["machine"])
    config.state_dir.mkdir(parents=True, exist_ok=True)
    made = speed_curves.Run(time=time.time(), model=assembly.spec.id, basis=basis, curve=tuple(points))
    speed_curves.remember(config.state_dir, made)
    if as_json:
        then = None if earlier is None else earlier.model_dump(mode="json", include={"time", "curve"})
        curve = [point.model_dump() for point in points]
        print(json.dumps({"model": assembly.spec.id, "curve": curve, "before": then}))
        return EXIT_OK
    print(benchmark.table(points))
    print("\n" + plot.curve(points, () if earlier is None else earlier.curve))
    if earlier is not None:
        print(f"\nbefore: {time.strftime('%d %b %Y %H:%M', time.localtime(earlier.time))}", end="")
        print("".join(f"\n  since then {change}" for change in speed_curves.changes(earlier, basis)))
    return EXIT_OK
