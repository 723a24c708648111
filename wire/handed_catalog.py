"""The coordinator's catalog as workers are handed it: how it is written, and how it is read by whoever trusts it no
further than a stranger's word.

What it names is fetched by the worker's own rules: from the hub that its owner configured, by a file name that leads
nowhere else, and checked. Entries that this version cannot serve are left out, and named.
"""

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from wire.bounds import Bounds, excess
from wire.catalog import Catalog, ModelSpec
from wire.catalog_fields import ModelId
from wire.media_catalog import MediaSpec
from wire.scalars import Frozen

CATALOG = "catalog"  # a feature of Hello: the worker understands HandedCatalog
CATALOG_PATH = "/v1/worker/catalog"
MAX_CHARS = 384 * 1024  # in a frame each may become two, of a megabyte
BOUNDS = Bounds(containers=2**14, values=2**16)
MAX_MODELS, MAX_MEDIA = 256, 64  # as of a catalog's file

Spec = TypeVar("Spec", ModelSpec, MediaSpec)
_ID: TypeAdapter[str] = TypeAdapter(ModelId)


class Unusable(ValueError):
    """Nothing of it can be served; the text says why."""


class HandedCatalog(Frozen):
    """The coordinator's catalog, as JSON in a text: a worker reads each entry by itself. It is sent behind Welcome, and
    when it has changed, to workers whose Hello names the feature CATALOG and another catalog, or none. Its length is
    bounded at either end by MAX_CHARS."""

    type: Literal["catalog"] = "catalog"
    text: Annotated[str, Field(max_length=MAX_CHARS)]


@dataclass(frozen=True)
class Handed:
    """What a worker knows of it. `left_out`: ids of entries that this version cannot serve."""

    catalog: Catalog
    left_out: tuple[str, ...]


def write(catalog: Catalog) -> str:
    """The catalog as it is handed out. The same for two files that say the same."""
    return catalog.model_dump_json(exclude_defaults=True)


def fingerprint(text: str) -> str:
    """What a catalog of that text is called."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def read(text: str, packages: Container[str]) -> Handed:
    """What a coordinator has handed out. `packages`: the installed ones that an entry may name, as it could name any.

    Raises Unusable if nothing of it can be served."""
    if len(text) > MAX_CHARS or (too_much := excess(text.encode("utf-8", "replace"), BOUNDS)):
        raise Unusable(f"the coordinator's catalog is too large: {too_much if len(text) <= MAX_CHARS else len(text)}")
    try:
        value = json.loads(text)
        default = _ID.validate_python(value["default"])
        chats, pipelines = list(value["models"])[:MAX_MODELS], list(value.get("media", ()))[:MAX_MEDIA]
        models = tuple(_known(ModelSpec, chats, packages))
        media = tuple(_known(MediaSpec, pipelines, packages))
        catalog = Catalog(default=default, models=models, media=media)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Unusable("the coordinator's catalog has no model that this version can serve") from None
    served = {spec.id for spec in models} | {spec.id for spec in media}
    return Handed(catalog, tuple(name for name in _names([*chats, *pipelines]) if name not in served))


def _known(kind: type[Spec], entries: list[Any], packages: Container[str]) -> Iterator[Spec]:
    """The entries that this version understands in full, each id once."""
    seen = set[str]()
    for entry in entries:
        try:
            spec = kind.model_validate_json(json.dumps(entry), strict=True)
        except ValidationError:
            continue
        if spec.id not in seen and (spec.package is None or spec.package in packages):
            seen.add(spec.id)
            yield spec


def _names(entries: list[Any]) -> Iterator[str]:
    given = (entry.get("id") for entry in entries if isinstance(entry, dict))
    for name in dict.fromkeys(name for name in given if isinstance(name, str)):
        try:
            yield _ID.validate_python(name)
        except ValidationError:
            continue
