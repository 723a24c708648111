"""What one daemon serves: the chat's model, the pipeline for media, or both, each with what runs it. This may block."""

from dataclasses import dataclass
from functools import partial

from wire.messages import Issue
from worker.config import Config
from worker.daemon.media_driver import Media
from worker.daemon.scripted_model import scripted_model
from worker.daemon.session_driver import Model
from worker.engine.devices import Device
from worker.engine.process import ProcessEngine
from worker.machine.description import Machine
from worker.machine.nvml import Own
from worker.media_engine.process import ProcessMediaEngine
from worker.planning import media_setup, media_speeds, model_setup, speed_curves
from worker.planning.media_setup import MediaAssembly
from worker.planning.model_setup import Assembly
from worker.preparer.process import Preparer
from worker.weights.download import Report


@dataclass(frozen=True)
class Scripts:
    """What is played from a script instead of by a model: `chat`, a script's file or WORDS; `sees`: it takes pictures;
    `media`: the pipeline too."""

    chat: str | None = None
    sees: bool = False
    media: bool = False

    @property
    def any(self) -> bool:
        return self.chat is not None or self.media


NONE = Scripts()


@dataclass(frozen=True)
class Loadout:
    """`machine`: None, it was not looked at; `used`: the GPUs that something is on, `own` its processes there."""

    models: tuple[Model, ...] = ()
    media: tuple[Media, ...] = ()
    machine: Machine | None = None
    used: tuple[Device, ...] = ()
    own: Own = frozenset
    problems: tuple[Issue, ...] = ()


def scripted(config: Config, scripts: Scripts) -> Loadout:
    """Raises ConfigError, or SupernetError for a name that the catalog does not have."""
    models = () if scripts.chat is None else (scripted_model(config, scripts.chat, scripts.sees),)
    if not scripts.media:
        return Loadout(models)
    from worker.daemon.scripted_media import scripted_media  # it writes films, by a library of the extra `media`

    return Loadout(models, (scripted_media(config),))


def load(config: Config, report: Report) -> Loadout:
    """Fetch and lay out what the owner wants served. Raises as model_setup.assemble does."""
    media = None if config.media is None else media_setup.assemble_media(config, report)
    chat = None
    if media_setup.chats(config):
        chat = _chat(config, model_setup.assemble(config, report, None if media is None else media.plan))
    return _both(chat, None if media is None else _pipeline(config, media))


def _both(chat: Loadout | None, media: Loadout | None) -> Loadout:
    parts = [part for part in (chat, media) if part is not None]
    return Loadout(
        models=tuple(model for part in parts for model in part.models),
        media=tuple(one for part in parts for one in part.media),
        machine=parts[0].machine,
        used=tuple(dict.fromkeys(gpu for part in parts for gpu in part.used)),
        own=lambda: frozenset().union(*(part.own() for part in parts)),
        problems=tuple(dict.fromkeys(problem for part in parts for problem in part.problems)),
    )


def _pipeline(config: Config, assembly: MediaAssembly) -> Loadout:
    engine = ProcessMediaEngine(assembly.pipeline)
    offer = assembly.offer(config.media_tools, media_speeds.known(config.state_dir, assembly))
    card = assembly.plan.card
    used = () if card is None else (assembly.machine.devices[card],)
    own = partial(_pid, engine)
    return Loadout((), (Media(offer, engine),), assembly.machine, used, own, assembly.problems)


def _pid(engine: ProcessMediaEngine) -> frozenset[int]:
    return frozenset() if engine.pid is None else frozenset({engine.pid})


def _chat(config: Config, assembly: Assembly) -> Loadout:
    engine = ProcessEngine(assembly.plan.engine)
    folder, basis = config.state_dir, speed_curves.basis(assembly)
    offer = assembly.offer(speed_curves.known(folder, basis), speed_curves.sight(folder, basis))
    looked = partial(speed_curves.remember_sight, folder, basis)
    preparer = Preparer(assembly.plan.engine.path, assembly.plan.engine.context, assembly.spec.format)
    used = tuple(gpu for gpu in assembly.machine.devices if gpu.address in assembly.plan.engine.devices)
    model = Model(offer, engine, preparer, looked)
    return Loadout((model,), (), assembly.machine, used, partial(own_pids, engine, preparer), assembly.problems)


def own_pids(engine: ProcessEngine, preparer: Preparer) -> frozenset[int]:
    """Return this worker's processes on the GPU; none while no engine runs: whatever is there is somebody else's."""
    return frozenset(pid for pid in (engine.pid, preparer.pid) if pid) if engine.pid else frozenset()
