"""The projector of a model, its eyes: the catalog entry that it would have, and whether a file is one. Pure."""

from program.gguf import Header
from wire.catalog import ModelSpec


def entry(spec: ModelSpec, commit: str | None) -> ModelSpec:
    """Return an entry of one file, so that the projector, which `spec` has, is pinned, fetched, checked and kept as the
    files of a model are. `commit`: the one that the model's files are of."""
    changes = {"files": (spec.projector,), "projector": None, "shape": None, "revision": commit or spec.revision}
    return spec.model_copy(update=changes)


def wrong_projector(header: Header, model: Header) -> tuple[str, ...]:
    """Return why a file with this header is not the projector of the model, in words. Raises GgufError for a model
    without its sizes."""
    if header.metadata.get("general.architecture") != "clip":
        return (f"architecture {header.metadata.get('general.architecture')} instead of clip: it is no projector",)
    if header.metadata.get("clip.has_vision_encoder") is not True:
        return ("it has no encoder of pictures",)
    width, wanted = header.metadata.get("clip.vision.projection_dim"), model.number("embedding_length")
    if width != wanted:
        return (f"it makes vectors of {width} numbers, and the model reads {wanted}: it belongs to another model",)
    return ()
