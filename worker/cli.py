"""`supernet-worker`: serve, or one of --plan, --check, --benchmark, --health."""

import argparse
import asyncio
import json
import logging
import os
import platform
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wire.errors import SupernetError
from wire.messages import Hardware, ModelOffer, SpeedPoint
from worker import assemble, benchmark, check, state
from worker.assemble import Assembly
from worker.benchmark import BenchmarkError
from worker.config import (
    ENVIRONMENT,
    Config,
    ConfigError,
    default_models_dir,
    default_state_dir,
    environment,
    read_key,
    worker_url,
)
from worker.daemon import EXIT_CONFIG, EXIT_OK, EXIT_STOPPED, Daemon, Identity, Model
from worker.engine import script
from worker.engine.process import ProcessEngine
from worker.engine.scripted import Script, ScriptedEngine
from worker.gguf_header import GgufError
from worker.logs import configure
from worker.notify import notify
from worker.plan import PlanError
from worker.preparer import Preparer
from worker.scripted_preparer import ScriptedPreparer
from worker.state import StateError
from worker.weights import Console, Progress, Report, WeightsError

log = logging.getLogger("supernet.worker")

WORDS = "-"  # --scripted without a file
SCRIPTED_PACE_S = 0.02  # 50 tokens a second for each job, as a mid-range GPU gives


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="supernet-worker",
        description="Serve chat completions from this machine. Without an action it dials the coordinator and serves.",
        epilog="Each setting can stand in the environment instead: " + ", ".join(ENVIRONMENT),
    )
    action = made.add_mutually_exclusive_group()
    action.add_argument("--plan", action="store_true", help="say what fits on this machine and why, and leave")
    action.add_argument("--check", action="store_true", help="look at driver, GPU, disk, hub, coordinator and key")
    action.add_argument("--benchmark", action="store_true", help="measure speed at 1, 2, 4 ... streams, and leave")
    action.add_argument("--health", action="store_true", help="leave with 0 if the daemon of --state-dir is registered")
    action.add_argument("--version", action="version", version=f"supernet-worker {version('supernet')}")
    made.add_argument("--json", action="store_true", help="print the action's result as JSON")
    scripted = "serve scripted answers without a model (tests): from a JSON list of {when, say}, or any words"
    made.add_argument("--scripted", nargs="?", const=WORDS, metavar="FILE", help=scripted)
    put = made.add_argument_group("settings").add_argument
    put("--coordinator", metavar="URL", help="wss://host or ws://host:port")
    put("--key", help="the account's key; --key-file keeps it out of the process list")
    put("--key-file", type=Path, metavar="FILE")
    put("--model", metavar="ID", help="an id of models.yaml; the catalogue's default if not given")
    put("--model-file", type=Path, metavar="FILE", help="a GGUF file of this machine instead of a download")
    put("--catalogue", type=Path, metavar="FILE", help="another models.yaml")
    put("--models-dir", type=Path, metavar="DIR", help="where downloaded weights are kept")
    put("--state-dir", type=Path, metavar="DIR", help="this worker's identity; one for each worker of a machine")
    put("--name", help="what the operator sees this worker as; the host's name if not given")
    put("--slots", type=_positive, metavar="N", help="jobs at once; planned from the memory if not given")
    put("--context", type=_positive, metavar="TOKENS", help="context of one job; planned if not given")
    put("--threads", type=_positive, metavar="N", help="CPU threads of the engine; planned if not given")
    stall = "most milliseconds between two tokens of an answer while another prompt is read beside it (500)"
    put("--longest-stall-ms", type=_positive, metavar="MS", help=stall)
    put("--reserve-mib", type=_natural, metavar="MIB", help="GPU memory left for your own use (512)")
    put("--drain-s", type=_natural, metavar="SECONDS", help="how long running jobs may take to finish on SIGTERM (120)")
    put("--log-json", action="store_true", default=None, help="log lines as JSON")
    return made


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _natural(text: str) -> int:
    if int(text) < 0:
        raise ValueError
    return int(text)


def configuration(made: argparse.ArgumentParser, args: argparse.Namespace, env: Mapping[str, str]) -> Config:
    """Flags over environment over defaults. Raises ConfigError; a variable goes through its flag's own parser."""
    found: dict[str, Any] = {"models_dir": default_models_dir(env), "state_dir": default_state_dir(env)}
    found |= {"name": platform.node(), "visible_gpus": env.get("CUDA_VISIBLE_DEVICES")}
    if env.get("HF_ENDPOINT"):
        found["hub"] = env["HF_ENDPOINT"].rstrip("/")
    actions = {act.dest: act for act in made._actions}
    for name, text in environment(env).items():
        kind = actions[name].type
        try:
            found[name] = kind(text) if callable(kind) else text
        except ValueError:
            variable = next(v for v, flag in ENVIRONMENT.items() if flag == name)
            raise ConfigError(
                f"{variable}={text!r} cannot be used: see --help for --{name.replace('_', '-')}"
            ) from None
    if "log_json" in found:
        found["log_json"] = found["log_json"].lower() in ("1", "true", "yes")
    found |= {name: value for name, value in vars(args).items() if value is not None and name in actions}
    found["key"] = read_key(found.get("key"), found.pop("key_file", None))
    known = {field.name for field in fields(Config)}
    return Config(**{name: value for name, value in found.items() if name in known})


def main(argv: list[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """The whole program; returns the exit code: 0 done, 1 failed, 78 the configuration cannot work."""
    made = parser()
    args = made.parse_args(argv)
    try:
        config = configuration(made, args, os.environ if env is None else env)
        configure(config.log_json)
        return _act(args, config)
    except (ConfigError, StateError) as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
    except WeightsError as error:
        print(f"supernet-worker: {error.message}\n  {error.remedy}", file=sys.stderr)
        return EXIT_STOPPED  # a hub may be back, a disk may be emptied: worth another start
    except (PlanError, GgufError, SupernetError) as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return EXIT_STOPPED
    return EXIT_CONFIG


def _act(args: argparse.Namespace, config: Config) -> int:
    if args.health:
        return _health(config, args.json)
    if args.check:
        return _check(config, args.json)
    if args.plan:
        plan = _assembled(config).plan
        print(json.dumps(plan.to_dict()) if args.json else plan.explain())
        return EXIT_OK
    if args.benchmark:
        return _benchmark(config, args.json)
    return _serve(config, args.scripted)


def _health(config: Config, as_json: bool) -> int:
    status = state.read_status(config.state_dir, time.time())
    if as_json:
        print(json.dumps(status))
    else:
        print("not running" if status is None else f"{status['coordinator']}, {status['jobs']} jobs")
    return EXIT_OK if status is not None and status["coordinator"] == "registered" else EXIT_STOPPED


def _check(config: Config, as_json: bool) -> int:
    findings = assemble.findings(config)
    print(check.show(findings, "json" if as_json else "text"))
    return EXIT_OK if check.passed(findings) else EXIT_STOPPED


def _benchmark(config: Config, as_json: bool) -> int:
    assembly = _assembled(config)
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
    config.state_dir.mkdir(parents=True, exist_ok=True)
    assemble.remember_speed(assembly, config.state_dir, points)
    curve = [point.model_dump() for point in points]
    print(json.dumps({"model": assembly.spec.id, "curve": curve}) if as_json else benchmark.table(points))
    return EXIT_OK


# ---- serving -----------------------------------------------------------------------------------------------------


def _serve(config: Config, scripted: str | None) -> int:
    if not config.coordinator:
        raise ConfigError("no coordinator: give --coordinator wss://host or SUPERNET_COORDINATOR")
    if not config.key:
        raise ConfigError("no key: give --key-file FILE or SUPERNET_KEY; the account's API key is the one")
    address = (worker_url(config.coordinator), config.key)
    with state.hold(config.state_dir):
        if scripted:
            return asyncio.run(_run(config, address, scripted))
        assembly = _assembled(config)
        log.info("%s", assembly.plan.explain())
        return asyncio.run(_run(config, address, assembly))


async def _run(config: Config, address: tuple[str, str], source: Assembly | str) -> int:
    """`source`: what was assembled, or the file of a script."""
    assembly = source if isinstance(source, Assembly) else None
    model = _real(config, source) if isinstance(source, Assembly) else _scripted(config, source)
    who = Identity(
        worker=state.worker_id(config.state_dir),
        instance=uuid.uuid4().hex,
        version=version("supernet"),
        name=config.name,
        hardware=assembly.machine.hardware if assembly else Hardware(),
    )
    return await Daemon(who, (model,), address, config.state_dir, config.drain_s).run()


def _real(config: Config, assembly: Assembly) -> Model:
    engine = assembly.plan.engine
    offer = assembly.offer(assemble.known_speed(assembly, config.state_dir))
    preparer = Preparer(engine.path, engine.context, assembly.spec.format)
    return Model(offer, ProcessEngine(engine), preparer)


def _scripted(config: Config, file: str) -> Model:
    spec = assemble.chosen(config)
    slots, context = config.slots or 4, config.context or 8192
    offer = ModelOffer(id=spec.id, context=context, slots=slots, features=("scripted",))
    if file == WORDS:
        return Model(offer, ScriptedEngine(slots, context, pace_s=SCRIPTED_PACE_S), ScriptedPreparer(context))
    engine = ScriptedEngine(slots, context, script=_script(Path(file)))
    opens_thought = spec.thinking and spec.format == "qwen-xml"
    return Model(offer, engine, ScriptedPreparer(context, spec.format, opens_thought))


def _script(file: Path) -> Script:
    try:
        return script.read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--scripted {file}: {error}") from error


@contextmanager
def _progress() -> Iterator[Report]:
    """A bar on a terminal, log lines otherwise; the service manager is asked for patience while it goes on."""
    console = Console(sys.stderr)

    def report(progress: Progress) -> None:
        notify(f"EXTEND_TIMEOUT_USEC=120000000\nSTATUS={progress.phase} {progress.file}")
        console(progress)

    try:
        yield report
    finally:
        console.close()


def _assembled(config: Config) -> Assembly:
    with _progress() as report:
        return assemble.assemble(config, report)
