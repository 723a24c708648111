"""What the owner asks the running daemon: how are you, pause, resume; and what the settings are.

These are typed by hand, and --health runs every few seconds in a container, so nothing here may import what it takes to
serve: the hub's client, llama.cpp and the drivers are most of the time that a command needs to start.
Each prints its result and returns the exit code.
"""

import json
import sys
import time
from pathlib import Path

from pydantic import ValidationError

from worker import control, screen, state
from worker.config import Config
from worker.control import ControlError
from worker.exits import EXIT_OK, EXIT_STOPPED
from worker.settings import Found, shown, table
from worker.status import Problem, Status

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


def last_problem(folder: Path) -> Problem | None:
    """Why the daemon that ran last gave up, if it did."""
    try:
        return Problem.model_validate_json((folder / state.LAST_PROBLEM).read_bytes())
    except (OSError, ValidationError):
        return None


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
