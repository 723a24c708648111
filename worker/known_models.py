"""Which models this worker knows: those of its owner's catalog; without one, those that its coordinator has handed out;
before it has, those that came with the program.

What was handed out last is kept in the state folder, so that a start without a line serves the same.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from program.catalog import load_catalog
from program.settings import ConfigError
from wire import handed_catalog
from wire.catalog import Catalog, ModelSpec
from wire.handed_catalog import Handed
from wire.media_catalog import MediaSpec
from wire.messages import Issue
from worker import state_dir
from worker.config import Config, worker_url
from worker.issues import issue

KEPT = "catalog.json"  # in the state folder
MEANT = ("format", "repository", "revision", "package", "folder", "files", "projector", "shape", "pipeline", "allow")


def known(config: Config) -> Catalog:
    """The catalog that counts. Raises ConfigError, which names file and line."""
    if config.catalog is None and config.handed is not None:
        return config.handed.catalog
    return load_catalog(config.catalog)


def read(text: str) -> Handed:
    """What a coordinator has handed out. Raises Unusable. Of installed packages, which bring the file of a model, only
    those count that the program itself names: to look into any other would run its code."""
    return handed_catalog.read(text, _packages())


@cache  # to read the file takes 90 ms, and jobs may run
def _packages() -> frozenset[str]:
    own = load_catalog(None)
    chats, pipelines = ({spec.package for spec in specs if spec.package} for specs in (own.models, own.media))
    return frozenset(chats | pipelines)


def keep(config: Config, text: str) -> None:
    """Keep what the coordinator has handed out, and beside it the last that had what is to be served here, where this
    one has not. Raises OSError, and Unusable for what is no catalog."""
    assert config.coordinator is not None
    missing = _missing(config, read(text))
    before = next((old for old in _texts(config) if missing and missing <= _ids(_readable(old))), None)
    config.state_dir.mkdir(parents=True, exist_ok=True)
    found = {"coordinator": worker_url(config.coordinator), "text": text} | ({"before": before} if before else {})
    state_dir.write(config.state_dir / KEPT, json.dumps(found))


def kept(config: Config) -> Handed | None:
    """What this coordinator has handed out last; None: nothing that can be used."""
    return _readable(next(iter(_texts(config)), ""))


def with_lost(config: Config) -> Config:
    """The settings with what they name and the coordinator's catalog has no more, as it stood there last: its operator
    may have mistyped it, and where the model is loaded it serves again as soon as that is mended."""
    if config.catalog is not None or config.handed is None or not (missing := _missing(config, config.handed)):
        return config
    for old in map(_readable, _texts(config)):
        if old is not None and missing <= _ids(old):
            here = config.handed.catalog
            models = (*here.models, *(spec for spec in old.catalog.models if spec.id in missing))
            media = (*here.media, *(spec for spec in old.catalog.media if spec.id in missing))
            whole = here.model_copy(update={"models": models, "media": media})
            return replace(config, handed=replace(config.handed, catalog=whole))
    return config


def _texts(config: Config) -> list[str]:
    """What is kept of this coordinator: the catalog that it has handed out last, and one from before."""
    try:
        with (config.state_dir / KEPT).open(encoding="utf-8") as file:
            found = json.loads(file.read(16 * handed_catalog.MAX_CHARS))
        if config.coordinator is None or found["coordinator"] != worker_url(config.coordinator):
            return []
        return [text for name in ("text", "before") if isinstance(text := found.get(name), str)]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ConfigError):
        return []


def _readable(text: str) -> Handed | None:
    try:
        return read(text)
    except ValueError:
        return None


def _ids(handed: Handed | None) -> set[str]:
    if handed is None:
        return set()
    return {spec.id for spec in handed.catalog.models} | {spec.id for spec in handed.catalog.media}


def _missing(config: Config, handed: Handed) -> set[str]:
    """What the settings name and this catalog does not know; what only a newer worker can serve stands there."""
    return {name for name in (config.model, config.media) if name} - _ids(handed) - set(handed.left_out)


def contradictions(served: Iterable[ModelSpec | MediaSpec], handed: Handed) -> Iterator[tuple[str, Issue | None]]:
    """Each problem that a model can have with the coordinator's catalog, and whether one of those that are served has
    it: what is loaded stays loaded, and its owner is told what to do."""
    theirs = {spec.id: spec for spec in handed.catalog.models} | {spec.id: spec for spec in handed.catalog.media}
    gone, other = list[str](), list[str]()
    for spec in served:
        if (entry := theirs.get(spec.id)) is not None:
            differing = [name for name in MEANT if getattr(spec, name, None) != getattr(entry, name, None)]
            other += [f"{spec.id} has another {', '.join(differing)} there"] * bool(differing)
        elif spec.id in handed.left_out:
            other.append(f"{spec.id} stands there as this version cannot serve it")
        else:
            gone.append(f"{spec.id} is not in the coordinator's catalog: no jobs of it come")
    yield "not_in_catalog", issue("not_in_catalog", "; ".join(gone)) if gone else None
    changed = f"the coordinator's catalog is not the one of this process: {'; '.join(other)}"
    yield "catalog_changed", issue("catalog_changed", changed) if other else None
