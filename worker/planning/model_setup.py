"""From configuration to what the daemon runs on: files, header, machine, plan. Everything here may block."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from program import gguf
from program.gguf import GgufError
from program.settings import ConfigError
from wire.blobs import VISION
from wire.catalog import ModelSpec
from wire.messages import Issue
from wire.offers import ModelOffer, SpeedPoint
from worker.bindings import probe
from worker.config import Config
from worker.engine.devices import Build
from worker.issues import issue
from worker.known_models import known
from worker.machine import hardware
from worker.machine.description import Machine
from worker.machine.gpu_problems import WAITS, emptied, gpu_problems, hides_all, in_use
from worker.planning import eyes, proven
from worker.planning.explain import Plan
from worker.planning.eyes import NoSight, Projector
from worker.planning.footprint import Eyes
from worker.planning.headers import BEGINNING_BYTES, ahead, header_ahead, header_of
from worker.planning.media_plan import MediaPlan, beside, check_both
from worker.planning.plan import BLIND, DoesNotFit, Wishes, plan
from worker.planning.proven import Proven
from worker.weights import download, identity
from worker.weights.download import WeightsError


class Unready(Exception):
    """The model cannot be served now; `issue` says why and what to do, `machine` where, if that was looked at. Worth
    another try later, but if `mistaken` only once the owner has put another file where --model-file points."""

    def __init__(self, issue: Issue, mistaken: bool = False, machine: Machine | None = None) -> None:
        super().__init__(issue.message)
        self.issue, self.mistaken, self.machine = issue, mistaken, machine


@dataclass(frozen=True)
class Assembly:
    """A model that can be served: its checked files, the machine, and the plan that lays the one out on the other."""

    spec: ModelSpec
    weights: download.Weights
    machine: Machine
    plan: Plan
    problems: tuple[Issue, ...] = ()  # it is served all the same, but not as it could be
    projector: download.Weights | None = None  # the file of its eyes, if it is to see

    def offer(self, speed: tuple[SpeedPoint, ...], image_ms: float | None) -> ModelOffer:
        """What Hello says of the model. `speed`: the curve that was measured, or none; `image_ms`: what it took to see
        when it was loaded last, None: it is not known to see."""
        engine = self.plan.engine
        thinks, sees = self.spec.thinking, image_ms is not None and self.projector is not None
        return ModelOffer(
            id=self.spec.id,
            sha256=self.weights.sha256[0],
            context=engine.context,
            slots=engine.slots,
            features=(*(["thinking"] if thinks else []), *([VISION] if sees else [])),
            speed=speed,
            image_ms=image_ms if sees else None,
        )


def entry(config: Config) -> ModelSpec:
    """Return the catalog entry to serve. Raises ConfigError or SupernetError (model_not_found)."""
    catalog = known(config)
    return catalog.get(config.model or catalog.default)


def chosen(config: Config) -> ModelSpec:
    """Return the catalog entry to fetch or check. Raises ConfigError too when its files or the model are not named."""
    if config.model_file is not None and config.model is None:
        names = ", ".join(spec.id for spec in known(config).models)
        text = f"--model-file {config.model_file}: say which model it is with --model; the catalog has {names}"
        raise ConfigError(f"{text}. A file of your own needs an entry of its own there (docs/run-a-worker.md).")
    spec = entry(config)
    if config.model_file is None and spec.repository is None and spec.package is None:
        raise ConfigError(f"{spec.id} is a file of its owner's, which nobody can fetch: name it with --model-file")
    eyes.check(config, spec)
    return spec


def assemble(config: Config, report: download.Report, media: MediaPlan | None = None) -> Assembly:
    """Fetch or find the files, look at the machine, and lay the model out on it, beside `media`.

    Raises Unready, and where another try is of no use ConfigError, SupernetError (the catalog) or PlanError.
    """
    spec = chosen(config)
    with _unready(config, spec):
        if config.model_file:
            files = download.local(config.model_file, config.models_dir, report)
        else:
            if spec.package is None and download.present(spec, config.models_dir, report) is None:
                # what a GPU or a build lacks is said before hours of download, not after
                _prove(config, look(config)[0])
            hub = download.HuggingFace(endpoint=config.hub)
            files = download.ensure(spec, config.models_dir, report, hub, config.models_cap_bytes)
        header = header_of(files)
        doubts = identify(config, spec, files, header)
        ground = _ground(config, spec, files.path, header, media)
        made, problems, projector, _ = ground.lay_out(files.commit, report, fetching=True)
        seen = None
        if projector is not None:
            try:
                seen = projector.fetch()
            except NoSight as none:
                made, problems = ground.plan(None, f"{BLIND} {none}"), (none.issue,)
        return Assembly(spec, files, ground.machine, made, (*ground.problems, *doubts, *problems), seen)


def preview(config: Config, report: download.Report, media: MediaPlan | None = None) -> Plan:
    """Return the plan that `assemble` would make; the hub gives the headers of files that are not here. Raises as
    `assemble` does."""
    spec = chosen(config)
    if config.model_file or spec.package is not None:
        return assemble(config, report, media).plan
    with _unready(config, spec):
        if files := download.present(spec, config.models_dir, report):
            header = header_of(files)
            identify(config, spec, files, header)
            made, _, _, missing = _ground(config, spec, files.path, header, media).lay_out(files.commit, report)
            what = "the model's projector"
        else:
            there, header = ahead(config, spec, report), header_ahead(config, spec, report, BEGINNING_BYTES)
            _refuse(config, spec, there.path, identity.wrong_shape(spec, header))
            made, _, _, more = _ground(config, spec, there.path, header, media).lay_out(None, report)
            what, missing = "the model", there.missing + more
    note = f"{what} is not here yet: {missing / 2**30:.1f} GiB are to be downloaded"
    return replace(made, notes=(*made.notes, note)) if missing else made


def identify(
    config: Config, spec: ModelSpec, files: download.Weights, header: gguf.Header, keep: bool = True
) -> tuple[Issue, ...]:
    """Hold the files against the catalog, and the owner's own against the hub too; what is left in doubt.

    `keep`: what the hub says is kept for the next time. Raises WeightsError (not_the_model) with what is different, and
    GgufError."""
    wrong, doubts = identity.wrong_shape(spec, header), tuple[Issue, ...]()
    if config.model_file is not None:
        hub = download.HuggingFace(endpoint=config.hub)
        different, confirmed = download.compared(spec, files, config.models_dir, hub, keep)
        wrong += different
        if not confirmed:
            text = f"{files.path} is taken for {spec.id} by its name: the hub could not be asked for the sha256"
            doubts = (issue("unconfirmed_file", text),)
    _refuse(config, spec, files.path, wrong)
    return doubts


def _refuse(config: Config, spec: ModelSpec, path: Path, wrong: tuple[str, ...]) -> None:
    if wrong:
        fetched = "Correct its `shape` in the catalog, or pin there the revision that it was made for."
        remedy = "" if config.model_file else fetched
        raise WeightsError("not_the_model", f"{path} is not {spec.id}: {'; '.join(wrong)}", remedy)


@contextlib.contextmanager
def _unready(config: Config, spec: ModelSpec) -> Iterator[None]:
    """Turn every error that keeps the model from being served now into Unready."""
    named = config.model_file is not None
    try:
        yield
    except WeightsError as error:
        found = issue(error.code, error.message, error.remedy)
        mistaken = named and error.code in ("not_found", "damaged_file", "not_the_model")
        raise Unready(found, mistaken) from error
    except GgufError as error:
        name = config.model_file or spec.id
        raise Unready(issue("damaged_file", f"{name} cannot be read: {error}"), named) from error
    except DoesNotFit as error:
        raise Unready(issue("not_enough_memory", str(error))) from error


@dataclass(frozen=True)
class _Ground:
    """A model, and the machine to lay it out on. `problems`: of the machine; `media`: what it is beside."""

    config: Config
    spec: ModelSpec
    path: Path
    header: gguf.Header
    machine: Machine
    repacked: bool
    problems: tuple[Issue, ...]
    media: MediaPlan | None

    def lay_out(
        self, commit: str | None, report: download.Report, fetching: bool = False
    ) -> tuple[Plan, tuple[Issue, ...], Projector | None, int]:
        """Return the plan, why the model is to serve without its projector if that is a problem, the projector if it
        is in the plan, and the bytes of it that are to be fetched. `commit`: the one that the model's files are of.
        `fetching`: what is not here is looked at when it has come."""
        if (unwanted := eyes.unwanted(self.config, self.spec, self.machine)) is not None:
            return self.plan(None, unwanted), (), None, 0
        try:
            projector = Projector(self.config, self.spec, self.header, commit, report)
            found, missing = projector.look(closely=not fetching)
        except NoSight as none:
            return self.plan(None, f"{BLIND} {none}"), (none.issue,), None, 0
        made = self.plan(found)
        if made.engine.projector is not None:
            return made, (), projector, missing
        on_gpu = bool(made.engine.devices)  # on the CPU alone that is nobody's trouble
        return made, (issue("no_vision", f"{self.spec.id} serves {made.blind}"),) if on_gpu else (), None, 0

    def plan(self, found: Eyes | None, blind: str = "") -> Plan:
        """Raises Unready when the GPUs would have room, were they not in use."""
        made = self._on(beside(self.media, self.machine), found)
        if not made.engine.devices and (gpus := emptied(self.machine)):
            if self._on(gpus, None).engine.devices:
                raise Unready(in_use(self.machine), machine=self.machine)
        return replace(made, engine=replace(made.engine, repacked=self.repacked), blind=blind or made.blind)

    def _on(self, machine: Machine, found: Eyes | None) -> Plan:
        """Raises DoesNotFit, also where it would be laid out worse than without the media."""
        try:
            made = plan(self.header, str(self.path), self.spec, machine, wishes(self.config), found)
        except DoesNotFit:
            if self.media is None:
                raise
            made = None
        if self.media is not None and machine is not self.machine:
            check_both(self.media, made, plan(self.header, "", self.spec, self.machine, wishes(self.config)))
        assert made is not None
        return made


def _ground(
    config: Config, spec: ModelSpec, path: Path, header: gguf.Header, media: MediaPlan | None = None
) -> _Ground:
    """Look at the machine. Raises Unready."""
    machine, problems = look(config)
    proved = _prove(config, machine)
    problems = problems if proved.problem is None else (*problems, proved.problem)
    return _Ground(config, spec, path, header, machine, proved.repacked, problems, media)


def _prove(config: Config, machine: Machine) -> Proven:
    """Prove that llama.cpp computes right on this machine. Raises Unready when it does not."""
    proved = proven.on_this_machine(config.state_dir, machine)
    if proved.problem is not None and proved.problem.severity == "error":
        raise Unready(proved.problem, machine=machine)
    return proved


def installed(config: Config) -> Build:
    """Return what the installed llama.cpp can do. An owner may hide every GPU: CUDA obeys that by itself, other
    backends do not."""
    build = probe.ask()
    return replace(build, devices=()) if hides_all(config.visible_gpus) else build


def look(config: Config) -> tuple[Machine, tuple[Issue, ...]]:
    """The machine, and why not all of its GPUs are used.

    Raises Unready when none of them is now, though llama.cpp was built for them: the CPU in their place would look like
    a healthy worker, at a fiftieth of the speed, and stay one when the driver is back.
    """
    build = installed(config)
    machine = hardware.detect(build)
    problems = gpu_problems(machine, build, config.visible_gpus)
    for problem in problems:
        if problem.code in WAITS and not machine.devices:
            raise Unready(problem, machine=machine)
    return machine, problems


def wishes(config: Config) -> Wishes:
    """The settings that the plan has to respect."""
    return Wishes(
        slots=config.slots,
        context=config.context,
        threads=config.threads,
        longest_stall_ms=config.longest_stall_ms,
        reserve_bytes=config.reserve_mib * 2**20,
        see=config.vision == "on",
        drafts=config.drafts == "auto",
    )
