"""From configuration to what a pipeline runs on: its entry, what is offered of it, its folder, its place. This may
block."""

from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal

from program.settings import ConfigError
from wire.media import MediaOffer
from wire.media_catalog import MediaSpec
from wire.media_tools import Tool
from wire.messages import Issue
from worker.config import Config
from worker.issues import issue
from worker.known_models import known
from worker.machine.description import Machine
from worker.media_engine.modes import modes
from worker.media_engine.port import PipelineSpec
from worker.planning.media_plan import MediaPlan, plan_media
from worker.planning.model_setup import Unready, look
from worker.planning.plan import DoesNotFit
from worker.weights import folders
from worker.weights.download import HuggingFace, Report, WeightsError
from worker.weights.folders import Folder

NEEDED = ("torch", "diffusers", "transformers", "accelerate", "safetensors", "av")  # of the extra `media`
BFLOAT_FROM = (8, 0)  # CUDA's compute capability that computes in bfloat16


@dataclass(frozen=True)
class MediaAssembly:
    """A pipeline that can be served: its checked folder, the machine, and its place there."""

    spec: MediaSpec
    folder: Folder
    machine: Machine
    plan: MediaPlan
    problems: tuple[Issue, ...] = ()

    @property
    def pipeline(self) -> PipelineSpec:
        """How its engine is started."""
        return PipelineSpec(
            self.spec,
            str(self.folder.path),
            self.plan.device,
            _dtype(self.machine, self.plan.card),
            threads=self.machine.physical_cores,
        )

    def offer(self, wanted: tuple[Tool, ...] | None, speed: float) -> MediaOffer:
        """What Hello says of it."""
        return offer(self.spec, wanted, speed).model_copy(update={"sha256": self.folder.sha256})


def chats(config: Config) -> bool:
    """Return whether a chat's model is wanted too: --media alone serves media alone."""
    return config.media is None or config.model is not None or config.model_file is not None


def assemble_media(config: Config, report: Report) -> MediaAssembly:
    """Fetch the folder, look at the machine, and find the pipeline a place on it. Raises Unready, and where another try
    is of no use ConfigError, SupernetError (the catalog) or PlanError."""
    spec, made, machine, problems = planned(config)
    if missing := not_installed():
        raise Unready(missing, mistaken=True, machine=machine)
    try:
        folder = folders.ensure_folder(
            spec, config.models_dir, report, HuggingFace(endpoint=config.hub), config.models_cap_bytes
        )
    except WeightsError as error:
        raise Unready(issue(error.code, error.message, error.remedy), machine=machine) from error
    return MediaAssembly(spec, folder, machine, made, problems)


def preview_media(config: Config, report: Report) -> MediaPlan:
    """Return the plan that assemble_media would make, and say what is not here yet. Raises as it does."""
    spec, made, _, _ = planned(config)
    with suppress(WeightsError):  # a damaged file is fetched again
        if folders.present_folder(spec, config.models_dir, report) is not None:
            return made
    size = f"about {spec.size_bytes / 2**30:.1f} GiB" if spec.size_bytes else "how much is not known"
    return replace(made, notes=(*made.notes, f"its files are not here yet: {size} to download"))


# A pipeline has no context to ask less of, which is what the row of this problem says of chats.
SMALLER = "Close other programs, or choose a smaller one: --media ID --plan says what each takes."


def planned(config: Config) -> tuple[MediaSpec, MediaPlan, Machine, tuple[Issue, ...]]:
    """Return the entry and its place on this machine: nothing of it need be here for that. Raises as assemble_media
    does."""
    spec = entry(config)
    machine, problems = look(config)
    try:
        made = plan_media(spec, machine, config.reserve_mib * 2**20, wanted_tools(config, spec))
        return spec, made, machine, problems
    except DoesNotFit as error:
        raise Unready(issue("not_enough_memory", str(error), SMALLER), machine=machine) from error


def wanted_tools(config: Config, spec: MediaSpec) -> tuple[Tool, ...]:
    """Return the tools that the pipeline has and its owner wants."""
    return tuple(tool for tool in spec.tools if config.media_tools is None or tool in config.media_tools)


def not_installed() -> Issue | None:
    """Return the problem that what makes media is not installed, if it is not."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    return issue("media_not_installed", f"there is no {', '.join(missing)}") if missing else None


def _dtype(machine: Machine, card: int | None) -> Literal["float32", "bfloat16", "float16"]:
    if card is None:
        return "float32"
    known = {one.id: one.capability for one in machine.cards if one.id}
    capability = known.get(machine.devices[card].id)
    return "float16" if capability is not None and capability < BFLOAT_FROM else "bfloat16"


def entry(config: Config) -> MediaSpec:
    """Return the catalog entry of --media. Raises SupernetError (model_not_found) with those that there are, and
    ConfigError if what its owner lets it make is nothing that it can."""
    assert config.media is not None
    spec = known(config).get_media(config.media)
    if config.media_tools is not None and not set(config.media_tools) & set(spec.tools):
        wanted, can = ", ".join(config.media_tools), ", ".join(spec.tools)
        raise ConfigError(f"--media-tools {wanted}: {spec.id} makes none of these; it has {can}")
    return spec


def offer(spec: MediaSpec, wanted: tuple[Tool, ...] | None, speed: float = 0.0) -> MediaOffer:
    """Return what Hello says of the pipeline before it is loaded: what the catalog has, less what its owner does not
    want made here."""
    limits = spec.limits
    can = modes(spec)
    return MediaOffer(
        id=spec.id,
        modes=can if wanted is None else tuple(mode for mode in can if mode.partition(".")[0] in wanted),
        max_pixels=limits.pixels,
        max_frames=limits.frames,
        max_seconds=limits.seconds,
        max_images=limits.images,
        speed=speed,
    )
