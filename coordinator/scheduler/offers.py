"""What of a worker's offers the network takes: what its catalog knows, each once, and no more than it says.

The catalog may change while a worker is connected; then its Hello is looked at again.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from wire.catalog import Catalog, ModelSpec
from wire.media import MediaOffer
from wire.media_catalog import MediaSpec
from wire.messages import Hello
from wire.offers import ModelOffer

SHA256 = re.compile(r"[0-9a-f]{64}")


Outgoing = Mapping[str, ModelSpec | MediaSpec]  # removed from the catalog, while jobs of them have not ended
NONE: Outgoing = MappingProxyType({})


def taken(hello: Hello, catalog: Catalog, outgoing: Outgoing = NONE) -> tuple[Hello, tuple[str, ...]]:
    """The Hello with the offers that are taken, and what the worker is told of the others, a sentence each.

    A claim about weights is shown to clients later, so it counts only if it is a sha256 in hex.
    """
    known = {name: spec for name, spec in outgoing.items() if isinstance(spec, ModelSpec)}
    known |= {spec.id: spec for spec in catalog.models}
    media = {name: spec for name, spec in outgoing.items() if isinstance(spec, MediaSpec)}
    media |= {spec.id: spec for spec in catalog.media}
    models: dict[str, ModelOffer] = {}
    pipelines: dict[str, MediaOffer] = {}
    told = [
        f"{name} is no longer in this network's catalog: no new jobs of it come"
        for name in _offered(hello)
        if name in outgoing
    ]
    for offer in hello.models:
        spec, claim = known.get(offer.id), _claim(offer.sha256)
        if spec is None:
            told.append(f"model {offer.id} is not in this network's catalog: it is left out")
        elif offer.id in models:
            told.append(f"model {offer.id} is offered twice: it is left out")
        elif claim and (sha256 := spec.files[0].sha256) not in (None, claim):
            what = f"has the sha256 {sha256} in this network's catalog, and yours has {claim}"
            told.append(f"model {offer.id} {what}: it is left out")
        else:
            most = min(offer.context, spec.context)
            models[offer.id] = offer.model_copy(update={"context": most, "sha256": claim})
    for pipeline in hello.media:
        entry = media.get(pipeline.id)
        if entry is None:
            told.append(f"media model {pipeline.id} is not in this network's catalog: it is left out")
        elif pipeline.id in pipelines or pipeline.id in models:
            told.append(f"media model {pipeline.id} is offered twice: it is left out")
        else:
            pipelines[pipeline.id] = _within(pipeline, entry)
    kept = {"models": tuple(models.values()), "media": tuple(pipelines.values())}
    return hello.model_copy(update=kept), tuple(told)


def _offered(hello: Hello) -> Iterator[str]:
    yield from (offer.id for offer in hello.models)
    yield from (offer.id for offer in hello.media)


def _within(offer: MediaOffer, spec: MediaSpec) -> MediaOffer:
    """The offer without modes of tools that the entry does not serve, and no larger than it may be."""
    return offer.model_copy(
        update={
            "sha256": _claim(offer.sha256),
            "modes": tuple(_served(offer.modes, spec)),
            "max_pixels": min(offer.max_pixels, spec.limits.pixels),
            "max_frames": min(offer.max_frames, spec.limits.frames),
            "max_seconds": min(offer.max_seconds, spec.limits.seconds),
            "max_images": min(offer.max_images, spec.limits.images),
        }
    )


def _served(modes: tuple[str, ...], spec: MediaSpec) -> Iterator[str]:
    for mode in dict.fromkeys(modes):
        if mode.partition(".")[0] in spec.tools:
            yield mode


def _claim(sha256: str) -> str:
    return sha256 if SHA256.fullmatch(sha256) else ""
