"""What the owner asks the running daemon: how are you, pause, resume; and what the settings are.

These are typed by hand, and --health runs every few seconds in a container, so nothing here may import what it takes to
serve: the hub's client, llama.cpp, the drivers. Only the page for people reads a status as a Status, whose library
takes four times as long to import as all the rest; elsewhere it stays JSON, as it comes from the daemon.
Each prints its result and returns the exit code.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from worker import state_dir
from worker.cli.settings import Settings, shown, table
from worker.config import Config
from worker.daemon import control_socket
from worker.daemon.control_socket import ControlError
from worker.exits import EXIT_OK, EXIT_STOPPED

REFRESH_S = 1.0
REGISTERED = "registered"  # a Status' `coordinator` when all is well
HOME_AND_CLEAR = "\x1b[H\x1b[J"
ALTERNATE, BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # a page of its own, without the cursor


def asked(config: Config, word: str) -> dict[str, Any] | None:
    """Ask the running daemon; return its Status as JSON, or None if none runs. Raises ControlError."""
    said = control_socket.ask(config.state_dir, word)
    if said is not None and not {"coordinator", "jobs", "paused"} <= said.keys():
        raise _other_version(config)
    return said


def _other_version(config: Config) -> ControlError:
    return ControlError(f"the daemon of {config.state_dir} is of another version: restart it")


def _page(config: Config, said: dict[str, Any]) -> str:
    """The running daemon's status as a page for a terminal. Raises ControlError."""
    from pydantic import ValidationError

    from worker.cli import screen
    from worker.telemetry.status import Status

    try:
        return screen.page(Status.model_validate(said))
    except ValidationError:
        raise _other_version(config) from None


def status(config: Config, as_json: bool) -> int:
    """Print the status: on a terminal again and again until interrupted, otherwise, and as JSON, once."""
    found = asked(config, "status")
    if found is None:
        return _not_running(config, as_json)
    if as_json or not sys.stdout.isatty():
        print(json.dumps(found) if as_json else _page(config, found))
        return EXIT_OK
    try:
        print(ALTERNATE, end="")
        while found is not None:
            print(HOME_AND_CLEAR + _page(config, found), flush=True)
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
        print(json.dumps({"running": False, "last_problem": last}))
        return EXIT_STOPPED
    print(f"not running (--state-dir {config.state_dir})")
    if last is not None:
        print(f"it gave up: {last['issue']['code']}: {last['issue']['message']}\n  -> {last['issue']['remedy']}")
    return EXIT_STOPPED


def last_problem(folder: Path) -> dict[str, Any] | None:
    """Return why the daemon that ran last gave up, if it did: a Problem as JSON."""
    try:
        said = json.loads((folder / state_dir.LAST_PROBLEM).read_bytes())
        return said if {"code", "message", "remedy"} <= said["issue"].keys() else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def pause(config: Config, word: str, as_json: bool) -> int:
    """Pause the worker or let it go on. `word`: pause or resume."""
    found = asked(config, word)
    if found is None:
        return _not_running(config, as_json)
    running = f"{found['jobs']} jobs still run" if found["jobs"] else "nothing runs"
    text = f"paused, also after a restart: {running}" if found["paused"] else "resumed"
    print(json.dumps(found) if as_json else text)
    return EXIT_OK


def health(config: Config, as_json: bool) -> int:
    """Print in a line whether the daemon is registered at its coordinator; the exit code says it too."""
    found = asked(config, "status")
    if found is None:
        return _not_running(config, as_json)
    print(json.dumps(found) if as_json else f"{found['coordinator']}, {found['jobs']} jobs")
    return EXIT_OK if found["coordinator"] == REGISTERED else EXIT_STOPPED


def show_config(found: Settings, as_json: bool) -> int:
    print(json.dumps(shown(found)) if as_json else table(found))
    return EXIT_OK
