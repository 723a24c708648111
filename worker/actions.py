"""What `supernet-worker --something` does besides serving: ask the daemon, look, plan, measure.

Each prints its result and returns the exit code.
"""

import asyncio
import json
import sys
import time
from contextlib import AbstractContextManager

from pydantic import ValidationError

from wire.messages import SpeedPoint
from worker import assemble, benchmark, check, control, inspection, measured, plot, screen
from worker.benchmark import BenchmarkError
from worker.config import Config
from worker.control import ControlError
from worker.daemon import EXIT_OK, EXIT_STOPPED
from worker.engine.process import ProcessEngine
from worker.serve import last_problem
from worker.settings import Found, shown, table
from worker.status import Status
from worker.weights import Report

REFRESH_S = 1.0
HOME_AND_CLEAR = "\x1b[H\x1b[J"
ALTERNATE, BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # a page of its own, without the cursor


def asked(config: Config, word: str) -> Status | None:
    """What the running daemon answers; None: none runs. Raises ControlError."""
    said = control.ask(config.state_dir, word)
    try:
        return None if said is None else Status.model_validate(said)
    except ValidationError:
        raise ControlError(f"the daemon of {config.state_dir} is of another version: restart it") from None


def status(config: Config, as_json: bool) -> int:
    """On a terminal it stays and refreshes until it is interrupted; otherwise, and as JSON, once."""
    found = asked(config, "status")
    if found is None:
        return _not_running(config, as_json)
    if as_json or not sys.stdout.isatty():
        print(found.model_dump_json() if as_json else screen.page(found))
        return EXIT_OK
    try:
        print(ALTERNATE, end="")
        while found is not None:
            print(HOME_AND_CLEAR + screen.page(found), flush=True)
            time.sleep(REFRESH_S)
            found = asked(config, "status")
    except KeyboardInterrupt:
        return EXIT_OK
    finally:
        print(BACK, end="", flush=True)
    return _not_running(config, as_json)


def _not_running(config: Config, as_json: bool) -> int:
    last = last_problem(config.state_dir)
    if as_json:
        print(json.dumps({"running": False, "last_problem": None if last is None else last.model_dump(mode="json")}))
        return EXIT_STOPPED
    print(f"not running (--state-dir {config.state_dir})")
    if last is not None:
        print(f"it gave up: {last.issue.code}: {last.issue.message}\n  -> {last.issue.remedy}")
    return EXIT_STOPPED


def pause(config: Config, word: str, as_json: bool) -> int:
    """`word`: pause or resume."""
    found = asked(config, word)
    if found is None:
        return _not_running(config, as_json)
    running = f"{found.jobs} jobs still run" if found.jobs else "nothing runs"
    text = f"paused, also after a restart: {running}" if found.paused else "resumed"
    print(found.model_dump_json() if as_json else text)
    return EXIT_OK


def health(config: Config, as_json: bool) -> int:
    found = asked(config, "status")
    if found is None:
        return _not_running(config, as_json)
    print(found.model_dump_json() if as_json else f"{found.coordinator}, {found.jobs} jobs")
    return EXIT_OK if found.registered else EXIT_STOPPED


def show_config(found: Found, as_json: bool) -> int:
    print(json.dumps(shown(found)) if as_json else table(found))
    return EXIT_OK


def look(config: Config, as_json: bool) -> int:
    findings = inspection.findings(config)
    print(check.show(findings, "json" if as_json else "text"))
    return EXIT_OK if check.passed(findings) else EXIT_STOPPED


def plan(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    with progress as report:
        made = assemble.assemble(config, report).plan
    print(json.dumps(made.to_dict()) if as_json else made.explain())
    return EXIT_OK


def measure(config: Config, progress: AbstractContextManager[Report], as_json: bool) -> int:
    with progress as report:
        assembly = assemble.assemble(config, report)
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
    basis = measured.basis(assembly)
    earlier = measured.before(config.state_dir, assembly.spec.id, basis["machine"])
    config.state_dir.mkdir(parents=True, exist_ok=True)
    made = measured.Run(time=time.time(), model=assembly.spec.id, basis=basis, curve=tuple(points))
    measured.remember(config.state_dir, made)
    if as_json:
        then = None if earlier is None else earlier.model_dump(mode="json", include={"time", "curve"})
        curve = [point.model_dump() for point in points]
        print(json.dumps({"model": assembly.spec.id, "curve": curve, "before": then}))
        return EXIT_OK
    print(benchmark.table(points))
    print("\n" + plot.curve(points, () if earlier is None else earlier.curve))
    if earlier is not None:
        print(f"\nbefore: {time.strftime('%d %b %Y %H:%M', time.localtime(earlier.time))}", end="")
        print("".join(f"\n  since then {change}" for change in measured.changes(earlier, basis)))
    return EXIT_OK
