"""The catalog as it is now, and what another one changes in it. The operator's file is read again on a signal."""

from collections.abc import Iterator
from dataclasses import dataclass

from wire.catalog import Catalog, ModelSpec
from wire.media_catalog import MediaSpec


@dataclass
class CurrentCatalog:
    """For all who ask more than once. Whoever reads a request takes `now` once: it may be another a moment later."""

    now: Catalog


def specs(catalog: Catalog) -> dict[str, ModelSpec | MediaSpec]:
    """Every entry by its id, those that chat first."""
    every: list[ModelSpec | MediaSpec] = [*catalog.models, *catalog.media]
    return {spec.id: spec for spec in every}


def prices(catalog: Catalog) -> dict[str, tuple[int, int]]:
    """Nano-dollars per token of prompt and completion; of media the second is the price of a unit (media/price.py)."""
    chat = {spec.id: (spec.price.prompt, spec.price.completion) for spec in catalog.models}
    return chat | {spec.id: (0, spec.price) for spec in catalog.media}


def difference(before: Catalog, after: Catalog) -> str:
    """What has changed, for the operator's log."""
    return "; ".join(_differences(before, after)) or "the order of the models"


def _differences(before: Catalog, after: Catalog) -> Iterator[str]:
    old, new = specs(before), specs(after)
    if added := [name for name in new if name not in old]:
        yield f"added {', '.join(added)}"
    changed = [f"{name} ({_fields(old[name], new[name])})" for name in new if name in old and old[name] != new[name]]
    if changed:
        yield f"changed {', '.join(changed)}"
    if removed := [name for name in old if name not in new]:
        yield f"removed {', '.join(removed)}"
    if before.default != after.default:
        yield f"the default is {after.default}"


def _fields(one: ModelSpec | MediaSpec, other: ModelSpec | MediaSpec) -> str:
    if type(one) is not type(other):
        return "what it makes"
    return ", ".join(name for name in type(one).model_fields if getattr(one, name) != getattr(other, name))
