"""A model whose answers are played from a script, with its own engine and preparer: for tests, demos and load runs."""

from pathlib import Path

from program.settings import ConfigError
from wire.blobs import VISION
from wire.offers import ModelOffer
from worker.config import WORDS, Config
from worker.daemon.session_driver import Model
from worker.engine import script
from worker.engine.scripted import Script, ScriptedEngine
from worker.planning import model_setup
from worker.preparer.scripted import ScriptedPreparer

PACE_S = 0.02  # 50 tokens a second for each job, as a mid-range GPU gives
IMAGE_MS = 150.0  # for a picture of 1,024 tokens, as such a one takes


def scripted_model(config: Config, file: str, vision: bool = False) -> Model:
    """A model that answers from a script, offered under the name of the one that `config` names.

    `file`: a script's, or WORDS. `vision`: it takes pictures, which are read as for any model and change nothing in its
    answers. Raises ConfigError.
    """
    spec = model_setup.entry(config)
    slots, context = config.slots or 4, config.context or 8192
    features = ("scripted", VISION) if vision else ("scripted",)
    image_ms = IMAGE_MS if vision else None
    offer = ModelOffer(id=spec.id, context=context, slots=slots, features=features)
    if file == WORDS:
        return Model(offer, ScriptedEngine(slots, context, pace_s=PACE_S, image_ms=image_ms), ScriptedPreparer(context))
    engine = ScriptedEngine(slots, context, script=_read(Path(file)), image_ms=image_ms)
    opens_thought = spec.thinking and spec.format == "qwen-xml"
    return Model(offer, engine, ScriptedPreparer(context, spec.format, opens_thought))


def _read(file: Path) -> Script:
    try:
        return script.read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--scripted {file}: {error}") from error
