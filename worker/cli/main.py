"""`supernet-worker`: serve, or do one of the actions of actions.py."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from program import logs
from program.arguments import Parser
from program.interrupts import terminated_is_interrupted
from program.settings import ConfigError
from worker import state_dir
from worker.cli import settings
from worker.cli.settings import Settings
from worker.config import WORDS, Config, worker_url
from worker.daemon.systemd import notify
from worker.exits import EXIT_CONFIG, EXIT_OK, EXIT_STOPPED
from worker.state_dir import StateError

if TYPE_CHECKING:  # what an action needs it imports itself: a flag should not wait for what it does not use
    from worker.weights.files import Progress, Report


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    made = Parser(
        prog="supernet-worker",
        description="Serve chat completions from this machine. Without an action it dials the coordinator and serves.",
        epilog="Each setting can stand in the environment, as SUPERNET_MAX_POWER_W=300 for --max-power-w 300, or in a"
        " file, as max_power_w = 300: --config FILE, ~/.config/supernet/worker.toml or /etc/supernet/worker.toml. A"
        " flag wins over the environment, and that over the file; --show-config says where each value comes from.",
    )
    action = made.add_mutually_exclusive_group()
    for name, one in _ACTIONS.items():
        how: dict[str, Any] = {"metavar": one.metavar} if one.metavar else {"action": "store_true"}
        action.add_argument(f"--{name.replace('_', '-')}", help=one.help, **how)
    action.add_argument("--version", action=_Version, nargs=0, help="show which this is, and leave")
    made.add_argument("--json", action="store_true", help="print the action's result as JSON")
    made.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML; see below")
    # For tests, and no business of an owner's: scripted answers without a model, from a JSON list of {when, say} or any
    # words, and with them GPU readings from a JSON file that may change at any time, and eyes to which any picture is
    # as good as another; and a pipeline for media that makes a colour, or a tone.
    made.add_argument("--scripted", nargs="?", const=WORDS, metavar="FILE", help=argparse.SUPPRESS)
    made.add_argument("--scripted-gpus", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    made.add_argument("--scripted-vision", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--scripted-media", action="store_true", help=argparse.SUPPRESS)
    settings.flags(made)
    return made


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"supernet-worker {version('supernet')}")
        parser.exit()


def configuration(args: argparse.Namespace, env: Mapping[str, str]) -> Settings:
    """Find the settings. Raises ConfigError."""
    if args.scripted_gpus is not None and args.scripted is None and not args.scripted_media:
        raise ConfigError("--scripted-gpus goes with --scripted: real models have real GPUs")
    if args.scripted_vision and args.scripted is None:
        raise ConfigError("--scripted-vision goes with --scripted: real models have eyes or not")
    return settings.find(args, env)


def main(argv: list[str] | None = None, env: Mapping[str, str] | None = None) -> int:
    """The whole program; returns the exit code: 0 done, 1 failed or stopped, 78 the configuration cannot work."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a letter that the locale lacks is no reason to end; stderr knows how
    made = parser()
    args = made.parse_args(argv)
    try:
        with terminated_is_interrupted():
            found = configuration(args, os.environ if env is None else env)
            logs.configure(found.config.log_json)
            code = _act(args, found)
            sys.stdout.flush()
            return code
    except (ConfigError, StateError) as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("supernet-worker: stopped by a signal", file=sys.stderr)
        return EXIT_OK if _asked(args) is None else EXIT_STOPPED  # to leave is all that a server is asked for
    except BrokenPipeError:  # the reader has what it wanted: | head, | grep -q
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor may the interpreter complain as it leaves
        return EXIT_STOPPED
    return EXIT_CONFIG


@dataclass(frozen=True)
class _Action:
    """`works`: it looks at the machine and its models, and `asks` the coordinator for its catalog. `metavar`: of what
    stands behind the flag."""

    help: str
    run: Callable[[argparse.Namespace, Settings], int]
    works: bool = False
    asks: bool = True
    metavar: str | None = None


def _status(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import daemon_client

    return daemon_client.status(found.config, args.json)


def _pause(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import daemon_client

    return daemon_client.pause(found.config, "pause" if args.pause else "resume", args.json)


def _health(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import daemon_client

    return daemon_client.health(found.config, args.json)


def _show_config(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import daemon_client

    return daemon_client.show_config(found, args.json)


def _plan(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import actions

    return actions.plan(found.config, _progress(), args.json)


def _check(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import actions

    return actions.check(found.config, args.json)


def _benchmark(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import actions

    return actions.measure(found.config, _progress(), args.json)


def _models(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import models

    return models.show(found.config, args.json)


def _models_remove(args: argparse.Namespace, found: Settings) -> int:
    from worker.cli import models

    return models.remove(found.config, args.models_remove, args.json)


_ACTIONS = {  # all that this program does besides serving
    "status": _Action("show the running daemon, live on a terminal", _status),
    "pause": _Action("the daemon finishes what runs and takes no more", _pause),
    "resume": _Action("it takes jobs again", _pause),
    "plan": _Action("say which models fit here, or how --model does, and leave", _plan, works=True),
    "check": _Action("look at driver, model, disk, hub, coordinator and key", _check, works=True),
    "benchmark": _Action("measure speed at 1, 2, 4 ... streams, and leave", _benchmark, works=True),
    "models": _Action("the models on this disk, their sizes and who uses them", _models, works=True, asks=False),
    "models_remove": _Action(
        "remove one of them that no worker uses, and leave", _models_remove, works=True, asks=False, metavar="ID"
    ),
    "show_config": _Action("every setting and where it comes from", _show_config),
    "health": _Action("leave with 0 if the daemon of --state-dir is registered", _health),
}


def _asked(args: argparse.Namespace) -> _Action | None:
    """The action that the command line names; None: serve."""
    return next((action for name, action in _ACTIONS.items() if getattr(args, name) not in (None, False)), None)


def _act(args: argparse.Namespace, found: Settings) -> int:
    from worker.daemon.control_socket import ControlError

    action = _asked(args) or _Action("", _serve, works=True)
    try:
        return _work(action, args, found) if action.works else action.run(args, found)
    except ControlError as error:
        print(f"supernet-worker: {error}", file=sys.stderr)
        return EXIT_STOPPED


def _work(action: _Action, args: argparse.Namespace, found: Settings) -> int:
    """What needs the hub's client, drivers and llama.cpp, which take long to import: the other actions do without."""
    from wire.errors import ErrorCode, SupernetError
    from worker.cli import handed
    from worker.planning.model_setup import Unready
    from worker.planning.plan import PlanError

    config, unasked = handed.with_catalog(found.config, ask=action.asks)
    try:
        return action.run(args, replace(found, config=config))
    except Unready as error:
        print(f"supernet-worker: {error.issue.code}: {error.issue.message}\n  -> {error.issue.remedy}", file=sys.stderr)
        return EXIT_CONFIG if error.mistaken else EXIT_STOPPED  # a hub may be back, a disk may be emptied
    except (PlanError, SupernetError) as error:
        unknown = isinstance(error, SupernetError) and error.code is ErrorCode.MODEL_NOT_FOUND
        hint = f"\n  -> {_another_model(config, unasked)}" if unknown else ""
        print(f"supernet-worker: {error}{hint}", file=sys.stderr)
        return EXIT_STOPPED if unknown and unasked else EXIT_CONFIG  # the coordinator may have it


def _another_model(config: Config, unasked: str) -> str:
    """What to do about a name that is not in the catalog. `unasked`: why the coordinator's is not known."""
    from worker.known_models import with_lost

    name = config.model or config.media or ""
    if with_lost(config) is not config:
        return f"The coordinator had {name} before: its operator may put it back, or take an id of the list."
    if unasked:
        return f"The coordinator could not be asked whether it has it: {unasked}"
    if config.catalog is None and config.handed is not None and name in config.handed.left_out:
        return f"The coordinator has {name}, but this version of the worker cannot serve it: a newer one may."
    what = "A repository of the hub is no name: take an id" if "/" in name else "Take an id"
    return (
        f"{what} of the list. Another model is an entry of a catalog of your own (--catalog FILE, written as"
        " models.yaml is), which the coordinator has to have as well (its --catalog)."
    )


def _serve(args: argparse.Namespace, found: Settings) -> int:
    import asyncio

    from worker.daemon.home import Home
    from worker.daemon.loadout import Scripts
    from worker.daemon.service import Service
    from worker.known_models import with_lost
    from worker.planning.wanted import wanted
    from worker.weights.uses import announced

    config = found.config
    if not config.coordinator:
        raise ConfigError("no coordinator: give --coordinator wss://host or SUPERNET_COORDINATOR")
    if not config.key:
        raise ConfigError("no key: give --key-file FILE or SUPERNET_KEY; the account's API key is the one")
    home, attended = Home(worker_url(config.coordinator), config.key), _attended()
    config = config if attended else with_lost(config)  # who is there reads what is wrong, and acts
    scripts = Scripts(args.scripted, args.scripted_vision, args.scripted_media)
    used = () if scripts.any else wanted(config)
    who = f"the worker of {config.state_dir}"
    with state_dir.hold(config.state_dir), announced(config.models_dir, used, who), _progress() as report:
        service = Service(config, home, report, scripts, args.scripted_gpus, attended)
        return asyncio.run(service.run())


def _attended() -> bool:
    """Does a person read what we say? A service's output goes to a log, and systemd numbers every start."""
    return sys.stderr.isatty() and "INVOCATION_ID" not in os.environ


@contextmanager
def _progress() -> "Iterator[Report]":
    """A bar on a terminal, log lines otherwise; the service manager is asked for patience while it goes on."""
    from worker.cli.console import Console

    console = Console(sys.stderr)

    def report(progress: "Progress") -> None:
        notify(f"EXTEND_TIMEOUT_USEC=120000000\nSTATUS={progress.phase} {progress.file}")
        console(progress)

    try:
        yield report
    finally:
        console.close()
