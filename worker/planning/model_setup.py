"""From configuration to what the daemon runs on: files, header, machine, plan. Everything here may block."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wire.catalog import ModelSpec
from wire.messages import Issue, ModelOffer, SpeedPoint
from worker.bindings import probe
from worker.config import Config, ConfigError, read_catalogue
from worker.engine.devices import Build
from worker.issues import issue
from worker.machine import hardware
from worker.machine.description import Machine
from worker.machine.gpu_problems import ON_THE_CPU, WAITS, gpu_problems, hides_all
from worker.planning import proven
from worker.planning.explain import Plan
from worker.planning.plan import DoesNotFit, Wishes, plan
from worker.planning.proven import Proven
from worker.weights import download, gguf, identity
from worker.weights.download import WeightsError
from worker.weights.gguf import GgufError

BEGINNING_BYTES = 16 * 2**20  # of each file, to find its header in: that of Qwen3.6 takes 11 MB, most of it vocabulary


class Unready(Exception):
    """The model cannot be served now; `issue` says why and what to do, `machine` where, if that was looked at. Worth
    another try later, but if `mistaken` only once the owner has put another file where --model-file points."""

    def __init__(self, issue: Issue, mistaken: bool = False, machine: Machine | None = None) -> None:
        super().__init__(issue.message)
        self.issue, self.mistaken, self.machine = issue, mistaken, machine


@dataclass(frozen=True)
class Assembly:
    """A model that is here and fits."""

    spec: ModelSpec
    weights: download.Weights
    machine: Machine
    plan: Plan
    problems: tuple[Issue, ...] = ()  # it is served all the same, but not as it could be

    def offer(self, speed: tuple[SpeedPoint, ...]) -> ModelOffer:
        engine = self.plan.engine
        return ModelOffer(
            id=self.spec.id,
            sha256=self.weights.sha256[0],
            context=engine.context,
            slots=engine.slots,
            features=("thinking",) if self.spec.thinking else (),
            speed=speed,
        )


def entry(config: Config) -> ModelSpec:
    """The catalogue entry to serve. Raises ConfigError or SupernetError (model_not_found)."""
    catalogue = read_catalogue(config.catalogue)
    return catalogue.get(config.model or catalogue.default)


def chosen(config: Config) -> ModelSpec:
    """The entry, for whoever needs its files. Raises ConfigError too when nobody says which files or which model."""
    if config.model_file is not None and config.model is None:
        known = ", ".join(spec.id for spec in read_catalogue(config.catalogue).models)
        text = f"--model-file {config.model_file}: say which model it is with --model; the catalogue has {known}"
        raise ConfigError(f"{text}. A file of your own needs an entry of its own there (docs/run-a-worker.md).")
    spec = entry(config)
    if config.model_file is None and spec.repository is None and spec.package is None:
        raise ConfigError(f"{spec.id} is a file of its owner's, which nobody can fetch: name it with --model-file")
    return spec


def assemble(config: Config, report: download.Report) -> Assembly:
    """Fetch or find the files, look at the machine, and lay the model out on it.

    Raises Unready, and where another try is of no use ConfigError, SupernetError (the catalogue) or PlanError.
    """
    spec = chosen(config)
    with _unready(config, spec):
        if config.model_file:
            files = download.local(config.model_file, config.models_dir, report)
        else:
            if spec.package is None and download.present(spec, config.models_dir, report) is None:
                # what a GPU or a build lacks is said before hours of download, not after
                _prove(config, look(config)[0])
            files = download.ensure(spec, config.models_dir, report, download.Hub(endpoint=config.hub))
        header = header_of(files)
        doubts = identify(config, spec, files, header)
        machine, laid_out, problems = _lay_out(config, spec, files.path, header)
        return Assembly(spec, files, machine, laid_out, problems + doubts)


def preview(config: Config, report: download.Report) -> Plan:
    """The plan that `assemble` would make. Of a model that is not here the hub gives the headers. Raises as it does."""
    spec = chosen(config)
    if config.model_file or spec.package is not None:
        return assemble(config, report).plan
    with _unready(config, spec):
        if files := download.present(spec, config.models_dir, report):
            header = header_of(files)
            identify(config, spec, files, header)
            return _lay_out(config, spec, files.path, header)[1]
        path, missing, header = _header_on_hub(config, spec, report)
        _refuse(config, spec, path, identity.wrong_shape(spec, header))
        made = _lay_out(config, spec, path, header)[1]
    note = f"the model is not here yet: {missing / 2**30:.1f} GiB are to be downloaded"
    return replace(made, notes=(*made.notes, note))


def _header_on_hub(config: Config, spec: ModelSpec, report: download.Report) -> tuple[Path, int, gguf.Header]:
    """Where the model would be, how many bytes of it are not here, and its header."""
    most, hub = BEGINNING_BYTES, download.Hub(endpoint=config.hub)
    while True:
        path, missing, parts = download.beginnings(spec, config.models_dir, report, most, hub)
        try:
            return path, missing, gguf.join(gguf.read(data, size) for data, size in parts)
        except gguf.TruncatedError:
            if most >= gguf.MAX_HEADER:
                raise
            most = min(4 * most, gguf.MAX_HEADER)


def identify(
    config: Config, spec: ModelSpec, files: download.Weights, header: gguf.Header, keep: bool = True
) -> tuple[Issue, ...]:
    """Hold the files against the catalogue, and the owner's own against the hub too; what is left in doubt.

    `keep`: what the hub says is kept for the next time. Raises WeightsError (not_the_model) with what is different, and
    GgufError."""
    wrong, doubts = identity.wrong_shape(spec, header), tuple[Issue, ...]()
    if config.model_file is not None:
        hub = download.Hub(endpoint=config.hub)
        expected = download.declared(spec, config.models_dir, hub, keep)
        pairs = zip(files.parts, files.sha256, strict=True)
        found = [identity.Found(path.name, path.stat().st_size, sha256) for path, sha256 in pairs]
        if identity.wrong_files(expected, found):  # what is kept from before may have been said wrong
            anew = download.declared(spec, config.models_dir, hub, keep, anew=True)
            expected = anew if identity.confirmed(anew) else expected
        wrong += identity.wrong_files(expected, found)
        if not identity.confirmed(expected):
            text = f"{files.path} is taken for {spec.id} by its name: the hub could not be asked for the sha256"
            doubts = (issue("unconfirmed_file", text),)
    _refuse(config, spec, files.path, wrong)
    return doubts


def _refuse(config: Config, spec: ModelSpec, path: Path, wrong: tuple[str, ...]) -> None:
    if wrong:
        fetched = "Correct its `shape` in the catalogue, or pin there the revision that it was made for."
        remedy = "" if config.model_file else fetched
        raise WeightsError("not_the_model", f"{path} is not {spec.id}: {'; '.join(wrong)}", remedy)


@contextlib.contextmanager
def _unready(config: Config, spec: ModelSpec) -> Iterator[None]:
    """Whatever keeps the model from being served now, as Unready."""
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


def _lay_out(
    config: Config, spec: ModelSpec, path: Path, header: gguf.Header
) -> tuple[Machine, Plan, tuple[Issue, ...]]:
    machine, problems = look(config)
    proved = _prove(config, machine)
    made = plan(header, str(path), spec, machine, wishes(config))
    if not made.engine.devices and (gpus := _emptied(machine)):
        if plan(header, str(path), spec, gpus, wishes(config)).engine.devices:
            raise Unready(_in_use(machine), machine=machine)
    made = replace(made, engine=replace(made.engine, repacked=proved.repacked))
    return machine, made, problems if proved.problem is None else (*problems, proved.problem)


def _prove(config: Config, machine: Machine) -> Proven:
    """Raises Unready when llama.cpp comes to no right numbers here."""
    proved = proven.on_this_machine(config.state_dir, machine)
    if proved.problem is not None and proved.problem.severity == "error":
        raise Unready(proved.problem, machine=machine)
    return proved


def _emptied(machine: Machine) -> Machine | None:
    """With GPUs that nobody else uses; None: somebody else uses less than half of each, and will for good."""
    gpus = machine.hardware.gpus
    if all(gpu.free_bytes >= gpu.memory_bytes // 2 for gpu in gpus):
        return None
    freed = tuple(gpu.model_copy(update={"free_bytes": gpu.memory_bytes}) for gpu in gpus)
    return replace(machine, hardware=machine.hardware.model_copy(update={"gpus": freed}))


def _in_use(machine: Machine) -> Issue:
    """Worth waiting for: a worker that is laid out on the CPU stays there when the GPU is free again."""
    gpus = ", ".join(
        f"{gpu.name}: {gpu.free_bytes / 2**30:.1f} of {gpu.memory_bytes / 2**30:.1f} GiB free"
        for gpu in machine.hardware.gpus
    )
    remedy = f"Close what else uses the GPU (`nvidia-smi` lists it). {ON_THE_CPU}"
    return issue("not_enough_memory", f"other programs use the GPU ({gpus}), and no part of the model fits", remedy)


def installed(config: Config) -> Build:
    """The llama.cpp that is installed. Its owner may hide every GPU; CUDA obeys by itself, other backends do not."""
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
    return Wishes(
        slots=config.slots,
        context=config.context,
        threads=config.threads,
        longest_stall_ms=config.longest_stall_ms,
        reserve_bytes=config.reserve_mib * 2**20,
    )


def header_of(files: download.Weights) -> gguf.Header:
    """Raises GgufError."""
    return gguf.join(_read(part) for part in files.parts)


def _read(path: Path) -> gguf.Header:
    with path.open("rb") as stream:
        return gguf.read(stream, path.stat().st_size)
