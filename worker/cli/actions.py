"""The actions --check, --plan and --benchmark. Each prints its result and returns the exit code."""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from program.settings import ConfigError
from worker.cli import checks, diagnose, fits, speed_table
from worker.config import Config
from worker.engine.port import EngineSpec
from worker.engine.process import ProcessEngine
from worker.exits import EXIT_OK, EXIT_STOPPED
from worker.machine.description import Machine
from worker.media_engine.process import ProcessMediaEngine
from worker.planning import benchmark, draft_loads, media_setup, media_speeds, model_setup, speed_curves
from worker.planning.benchmark_jobs import BenchmarkError
from worker.planning.draft_gain import Gain, gains
from worker.planning.wanted import wanted
from worker.weights.download import Report
from worker.weights.uses import announced

GIB = 2**30


def check(config: Config, as_json: bool) -> int:
    """Print what --check finds."""
    findings = diagnose.findings(config)
    print(checks.show(findings, "json" if as_json else "text"))
    return EXIT_OK if checks.passed(findings) else EXIT_STOPPED


def plan(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    """Print the plan; if none was named, what of the catalog fits. Without the model, what is known of the machine.
    Raises as model_setup.preview does."""
    if config.model is None and config.model_file is None and config.media is None:
        return fits.show(config, as_json)
    try:
        with progress as report:
            media = None if config.media is None else media_setup.preview_media(config, report)
            made = model_setup.preview(config, report, media) if media_setup.chats(config) else None
    except model_setup.Unready:
        with contextlib.suppress(model_setup.Unready):
            if not as_json:
                print(_free(model_setup.look(config)[0]))
        raise
    if as_json:
        chat = {} if made is None else made.to_dict()
        print(json.dumps(chat if media is None else {**chat, "media": media.to_dict()}))
    else:
        print("\n\n".join(one.explain() for one in (made, media) if one is not None))
    return EXIT_OK


def _free(machine: Machine) -> str:
    rows = [(gpu.name, gpu.free_bytes, gpu.memory_bytes) for gpu in machine.hardware.gpus]
    rows.append((f"memory, {machine.physical_cores} CPU cores", machine.available_bytes, machine.hardware.memory_bytes))
    free = "\n".join(f"  {name}: {now / GIB:.1f} of {whole / GIB:.1f} GiB free" for name, now, whole in rows)
    return f"no plan without the model; this machine has\n{free}"


def measure(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    """Measure the speed of the model or of the pipeline, print it, and keep it for the offer."""
    if config.media is not None and media_setup.chats(config):
        raise ConfigError("--benchmark measures one thing at a time: give --model or --media, and then the other")
    with announced(config.models_dir, wanted(config), f"a --benchmark, process {os.getpid()}"):
        if config.media is not None:
            return _measure_media(config, progress, as_json)
        return _measure_chat(config, progress, as_json)


def _measure_media(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    with progress as report:
        assembly = media_setup.assemble_media(config, report)
    print(assembly.plan.explain(), file=sys.stderr)
    make = media_speeds.sample(assembly.spec)
    if make is None:
        raise ConfigError(
            f"--benchmark: {assembly.spec.id} makes nothing without a file, so there is nothing to measure"
        )
    earlier = media_speeds.known(config.state_dir, assembly)

    async def run(into: str) -> float:
        engine = ProcessMediaEngine(assembly.pipeline)
        try:
            return await media_speeds.measure(engine, make, into, lambda text: print(text, file=sys.stderr))
        finally:
            await engine.close()

    try:
        with tempfile.TemporaryDirectory(prefix="supernet-") as into:
            speed = asyncio.run(run(into))
    except BenchmarkError as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
        return EXIT_STOPPED
    media_speeds.remember(config.state_dir, assembly, speed)
    if as_json:
        told = {"model": assembly.spec.id, "speed": speed, "made": make.model_dump(mode="json")}
        print(json.dumps({**told, "before": earlier or None}))
        return EXIT_OK
    unit = "steps of a second of music" if make.tool == "generate_music" else "steps of a megapixel"
    before = f"; before {earlier:.3f}" if earlier else ""
    print(f"{assembly.spec.id}: {speed:.3f} {unit} a second{before}")
    return EXIT_OK


@contextlib.asynccontextmanager
async def _engine(spec: EngineSpec) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(spec)
    try:
        yield engine
    finally:
        await engine.close()


def _measure_chat(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    """Measure at 1, 2, 4 ... streams, beside the run before."""
    with progress as report:
        assembly = model_setup.assemble(config, report)
    print(assembly.plan.explain(), file=sys.stderr)

    async def run() -> tuple[benchmark.Measured, tuple[Gain, ...]]:
        spec, say = assembly.plan.engine, partial(print, file=sys.stderr)
        async with _engine(spec) as engine:
            found = await benchmark.measure(engine, progress=say, guesses=spec.draft_rows > 0)
        if not spec.draft_rows:
            return found, ()
        say("once more without guesses ahead")
        async with _engine(replace(spec, draft_rows=0, rollback=0, head=False)) as engine:
            return found, gains(found.paces, await draft_loads.measure(engine, progress=say))

    try:
        found, drafts = asyncio.run(run())
    except BenchmarkError as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
        return EXIT_STOPPED
    basis = speed_curves.basis(assembly)
    earlier = speed_curves.before(config.state_dir, assembly.spec.id, basis["machine"])
    config.state_dir.mkdir(parents=True, exist_ok=True)
    made = speed_curves.Run(
        time=time.time(),
        model=assembly.spec.id,
        basis=basis,
        curve=found.curve,
        pictures=found.pictures,
        drafts=drafts,
    )
    speed_curves.remember(config.state_dir, made)
    speed_curves.remember_sight(config.state_dir, basis, found.image_ms)
    if as_json:
        shown = {"curve", "pictures", "drafts"}
        told = made.model_dump(mode="json", include={"model", *shown})
        then = None if earlier is None else earlier.model_dump(mode="json", include={"time", *shown})
        print(json.dumps({**told, "before": then}))
        return EXIT_OK
    print(speed_table.table(found.curve, () if earlier is None else earlier.curve))
    if drafts:
        print(f"\n{speed_table.drafts(drafts)}")
    if found.pictures:
        print(f"\n{speed_table.pictures(found.pictures, () if earlier is None else earlier.pictures)}")
    if earlier is not None:
        print(f"\nbefore: {time.strftime('%d %b %Y %H:%M', time.localtime(earlier.time))}", end="")
        print("".join(f"\n  since then {change}" for change in speed_curves.changes(earlier, basis)))
    return EXIT_OK
