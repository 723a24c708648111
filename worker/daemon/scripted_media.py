"""A pipeline that makes small files by a script, under the name of the one that the owner chose: for tests, demos and
load runs."""

from program.settings import ConfigError
from worker.config import Config
from worker.daemon.media_driver import Media
from worker.media_engine.scripted import ScriptedMediaEngine
from worker.planning.media_setup import entry, offer

STEP_S = 0.05  # as a fast card takes for a small picture


def scripted_media(config: Config) -> Media:
    """Raises ConfigError without --media, or SupernetError for a name that the catalog does not have."""
    if config.media is None:
        raise ConfigError("--scripted-media: name the pipeline with --media")
    offered = offer(entry(config), config.media_tools)
    engine = ScriptedMediaEngine(
        offered.modes,
        max_pixels=offered.max_pixels,
        max_frames=offered.max_frames,
        max_seconds=offered.max_seconds,
        max_images=offered.max_images,
        pace_s=STEP_S,
    )
    return Media(offered, engine)
