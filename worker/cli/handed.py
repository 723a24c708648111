"""The coordinator is asked for its catalog before anything is planned or fetched: the model that the settings name may
stand there alone."""

import logging
from dataclasses import replace

from wire.handed_catalog import CATALOG_PATH, Unusable
from worker import known_models
from worker.cli.checks import http_get
from worker.config import Config, api_url

log = logging.getLogger("supernet.catalog")


def with_catalog(config: Config, *, ask: bool) -> tuple[Config, str]:
    """The settings with the coordinator's catalog: as it is now, if it is to be asked and answers, else as it was last;
    and why it is not known how it is now. An owner's own (--catalog) is the only one that counts."""
    if config.catalog is not None or config.coordinator is None:
        return config, ""
    why = _asked(config) if ask and config.key else ""
    if not isinstance(why, str):
        return why, ""
    return replace(config, handed=known_models.kept(config)), why


def _asked(config: Config) -> Config | str:
    """The settings with it, or why not. A coordinator of an earlier version hands out none."""
    answer = http_get(f"{api_url(config.coordinator or '')}{CATALOG_PATH}", {"Authorization": f"Bearer {config.key}"})
    if answer.status == 404:
        return ""
    if answer.status != 200:
        return answer.text or f"HTTP {answer.status}"
    try:
        handed = known_models.read(answer.text)
    except Unusable as error:
        log.warning("%s", error)
        return ""
    try:
        known_models.keep(config, answer.text)
    except OSError as error:
        log.debug("the coordinator's catalog is not kept: %s", error)  # --plan of a user who may not write there
    return replace(config, handed=handed)
