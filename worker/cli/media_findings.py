"""What --check looks at of a pipeline for media: is it installed, is it here, does it fit."""

from typing import NamedTuple

from wire.messages import Issue
from worker.config import Config
from worker.issues import issue
from worker.machine.description import Machine
from worker.planning.media_plan import MediaPlan, plan_media
from worker.planning.media_setup import SMALLER, entry, not_installed, wanted_tools
from worker.planning.plan import DoesNotFit, PlanError
from worker.telemetry.status import Status
from worker.weights import folders
from worker.weights.download import Progress, WeightsError


class Pipeline(NamedTuple):
    """What is known of the pipeline, if one is wanted: `needed_bytes` of it are to be fetched, 0 if nobody can say."""

    missing: bool = False
    needed_bytes: int = 0
    hub: Issue | str = ""
    found: Issue | str | None = None


def look(config: Config, machine: Machine, daemon: Status | str) -> Pipeline:
    """Raises ConfigError or SupernetError (no such pipeline in the catalog)."""
    if config.media is None:
        return Pipeline()
    spec = entry(config)
    if isinstance(daemon, Status) and any(one.id == spec.id and one.status == "ready" for one in daemon.media):
        return Pipeline(found="the running daemon serves it")
    if missing := not_installed():
        return Pipeline(found=missing)
    try:
        made = plan_media(spec, machine, config.reserve_mib * 2**20, wanted_tools(config, spec))
    except DoesNotFit as error:
        return Pipeline(found=issue("not_enough_memory", str(error), SMALLER))
    except PlanError as error:
        return Pipeline(found=issue("impossible_wish", str(error)))
    try:
        here = folders.present_folder(spec, config.models_dir, _quiet)
    except WeightsError as error:
        return Pipeline(found=issue(error.code, error.message, error.remedy))
    if here is None:
        hub = f"{spec.repository} is fetched at the first start"
        return Pipeline(True, spec.size_bytes or 0, hub, f"{spec.id} is not here yet; it fits: {_where(made)}")
    return Pipeline(found=f"{spec.id} fits: {_where(made)}, {', '.join(made.tools)}")


def _where(made: MediaPlan) -> str:
    return made.gpu or "in main memory, slow"


def _quiet(_: Progress) -> None:
    """--check prints its findings alone."""
