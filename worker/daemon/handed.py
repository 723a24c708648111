"""The coordinator has handed out its catalog: kept for the next start. This process goes on with what it has loaded."""

import logging

from program.settings import ConfigError
from wire.errors import SupernetError
from wire.handed_catalog import Unusable
from wire.messages import Issue
from worker import known_models
from worker.config import Config
from worker.planning.wanted import served

log = logging.getLogger("supernet.catalog")

Judged = list[tuple[str, Issue | None]]  # codes of problems, each with the problem, or None: there is none


def taken(config: Config, text: str) -> Judged:
    """Keep it, and say what the owner should know of what is served here: whether it is what stands there."""
    try:
        handed = known_models.read(text)
        known_models.keep(config, text)
    except (Unusable, OSError) as error:
        log.warning("the coordinator's catalog is not kept: %s", error)
        return []
    try:
        return list(known_models.contradictions(served(config), handed))
    except (ConfigError, SupernetError) as error:  # its owner is at work on --catalog
        log.warning("what is served is not held against the coordinator's catalog: %s", error)
        return []
