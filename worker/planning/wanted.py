"""What of a store this worker's settings mean: the entries of the catalog that it serves."""

from collections.abc import Iterator

from wire.catalog import ModelSpec
from wire.media_catalog import MediaSpec
from worker.config import Config
from worker.planning import media_setup, model_setup
from worker.weights.entries import Entry, of_media, of_model


def served(config: Config) -> Iterator[ModelSpec | MediaSpec]:
    """What the settings say to serve. Raises as `wanted` does."""
    if media_setup.chats(config):
        yield model_setup.entry(config)
    if config.media is not None:
        yield media_setup.entry(config)


def wanted(config: Config) -> tuple[Entry, ...]:
    """Nothing of files that the owner names or a package brings. Raises ConfigError or SupernetError, as
    model_setup.chosen and media_setup.entry do."""
    found: list[Entry | None] = []
    if media_setup.chats(config) and config.model_file is None:
        found.append(of_model(model_setup.chosen(config)))
    if config.media is not None:
        found.append(of_media(media_setup.entry(config)))
    return tuple(entry for entry in found if entry is not None)
