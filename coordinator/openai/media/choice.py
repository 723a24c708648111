"""Which pipeline makes what a request asks for: the one that it names, or the first that a worker has ready."""

from coordinator.media.ready import Ready
from coordinator.openai.chat_request import MAX_MODEL_CHARS
from coordinator.openai.fields import Fields
from wire.catalog import Catalog
from wire.errors import ErrorCode, SupernetError, invalid
from wire.media_catalog import MediaSpec
from wire.media_tools import Tool

RETRY_S = 30.0


def read_media_model(fields: Fields, catalog: Catalog, tool: Tool, ready: Ready, mode: str = "") -> MediaSpec:
    """The pipeline of the field `model`; without it the first of the catalog of which a worker serves the mode of the
    tool, which is called as the tool is unless it is given.

    Raises SupernetError: model_not_found; invalid_request for one that is for something else; no_worker.
    """
    name = fields.text("model", low=1, high=MAX_MODEL_CHARS)
    able = [spec for spec in catalog.media if tool in spec.tools]
    if name is None:
        if spec := next((spec for spec in able if _has(ready, spec, mode or tool)), None):
            return spec
        raise _no_worker(mode or tool, able)
    known = ", ".join(spec.id for spec in able) or "none"
    if any(spec.id == name for spec in catalog.models):
        raise invalid("model", f"The model '{name}' writes text. Models for this: {known}.")
    spec = catalog.get_media(name)
    if tool not in spec.tools:
        raise invalid("model", f"The model '{name}' is for {', '.join(spec.tools)}. Models for this: {known}.")
    return spec


def _no_worker(mode: str, able: list[MediaSpec]) -> SupernetError:
    if not able:
        message = f"Nothing in this network's catalog serves {mode}."
    else:
        message = (
            f"No worker that serves {mode} is ready: try again later, or start one with `supernet-worker --media "
            f"{able[0].id}`."
        )
    return SupernetError(ErrorCode.NO_WORKER, message, param="model", retry_after_s=RETRY_S)


def _has(ready: Ready, spec: MediaSpec, mode: str) -> bool:
    return any(mode in offer.modes for offer in ready.offers.get(spec.id, ()))
