"""Which models of the catalog this machine can serve, and how: each as its plan has it where its files are here, else
about, as its entry in the catalog says. Nothing is fetched and no hub is asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from program.fits import Card, Fit, Place, Room, download_bytes, fit
from program.gguf import GgufError, Header
from wire.catalog import ModelSpec
from wire.media_catalog import MediaSpec
from worker.config import Config
from worker.known_models import known
from worker.machine.description import Machine
from worker.machine.gpu_problems import emptied
from worker.planning.explain import Plan
from worker.planning.footprint import Eyes
from worker.planning.headers import header_of
from worker.planning.layout import free
from worker.planning.media_plan import BACKENDS
from worker.planning.model_setup import look, wishes
from worker.planning.plan import DoesNotFit, plan
from worker.weights import download, identity, projector
from worker.weights.download import Progress, Weights, WeightsError
from worker.weights.store import Store

Spec = ModelSpec | MediaSpec


@dataclass(frozen=True)
class Fitting:
    """One model on this machine. `fit` None: its entry does not say how large it is, and its files are not here.
    `counted`: from the header of its files, not from the catalog's round figures. `download`: bytes that are still to
    be fetched, None: only the hub knows."""

    spec: Spec
    fit: Fit | None
    counted: bool
    download: int | None


@dataclass(frozen=True)
class Fittings:
    """`freed`: the GPUs are in use, and everything is counted as if they were not. `default`: what is served if no
    model is named."""

    machine: Machine
    freed: bool
    models: tuple[Fitting, ...]
    default: str


def fittings(config: Config) -> Fittings:
    """Every model and pipeline of the catalog on this machine, in the catalog's order. Raises Unready when the machine
    has GPUs that cannot be used, ConfigError for a catalog, and PlanError for settings that no model can have."""
    catalog, (machine, _) = known(config), look(config)
    freed = emptied(machine)
    machine = freed or machine
    rows = [*_chats(config, catalog.models, machine), *_media(config, catalog.media, machine)]
    return Fittings(machine, freed is not None, tuple(rows), catalog.default)


def room(machine: Machine, reserve_bytes: int, backends: tuple[str, ...] | None = None) -> Room:
    """What the machine has to give. `backends`: only cards of these."""
    cards = tuple(
        Card(gpu.memory_bytes, max(0, free(machine, index, reserve_bytes)), gpu.shared)
        for index, gpu in enumerate(machine.hardware.gpus)
        if backends is None or machine.devices[index].backend in backends
    )
    return Room(cards, machine.available_bytes)


def _chats(config: Config, specs: tuple[ModelSpec, ...], machine: Machine) -> Iterator[Fitting]:
    space = room(machine, wishes(config).reserve_bytes)
    for spec in specs:
        here = _here(config, spec)
        about = fit(spec, space)
        sees = config.vision == "on" or (config.vision == "auto" and (about is None or about.sees))
        if here is None:
            yield Fitting(spec, about, False, download_bytes(spec, sees))
            continue
        header, files, eyes = here
        try:
            found = _of_plan(plan(header, str(files.path), spec, machine, wishes(config), eyes))
        except DoesNotFit:
            least = fit(spec, Room((), 0))
            found = least or Fit("none", 0, 0, 0, 0)
        missing = spec.sizes.projector if spec.sizes and sees and eyes is None else 0
        yield Fitting(spec, found, True, missing)


def _of_plan(made: Plan) -> Fit:
    engine = made.engine
    whole = engine.gpu_layers == -1 and not engine.cpu_expert_layers
    place: Place = "cpu" if not engine.gpu_layers else "gpu" if whole else "split"
    sees = engine.projector is not None
    return Fit(place, engine.slots, engine.context, made.total("gpu"), made.total("ram"), sees)


def _media(config: Config, specs: tuple[MediaSpec, ...], machine: Machine) -> Iterator[Fitting]:
    """A pipeline's plan knows no more of it than the catalog says."""
    space = room(machine, wishes(config).reserve_bytes, BACKENDS)
    for spec in specs:
        yield Fitting(spec, fit(spec, space), False, download_bytes(spec, False))


def _here(config: Config, spec: ModelSpec) -> tuple[Header, Weights, Eyes | None] | None:
    """The header of its files, if they are here and of it. Their hash is looked at when they are served: of all models
    of a disk that would take minutes."""
    try:
        if spec.package is not None:
            files: Weights | None = download.ensure(spec, config.models_dir, _quiet)
        else:
            files = _stored(config, spec) if spec.repository is not None else None
        if files is None:
            return None
        header = header_of(files)
        if identity.wrong_shape(spec, header):
            return None
    except (WeightsError, GgufError, OSError):
        return None
    eyes = None
    if spec.projector is not None and config.vision != "off":
        seen = _stored(config, projector.entry(spec, files.commit))
        eyes = Eyes(str(seen.path), seen.path.stat().st_size) if seen else None
    return header, files, eyes


def _stored(config: Config, spec: ModelSpec) -> Weights | None:
    store = Store(spec, config.models_dir.resolve(), _quiet)
    pin = store.read_pin()
    if pin is None or not all(store.place(pin, file).is_file() for file in pin.files):
        return None
    return store.weights(pin)


def _quiet(_: Progress) -> None:
    """A table is not worth a bar."""
