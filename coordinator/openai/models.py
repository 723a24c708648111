"""An entry of `GET /v1/models`: OpenAI's four keys, and what a caller needs to know before sending a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coordinator.openai.images import DETAILS
from wire import pictures
from wire.catalog import ModelSpec, Price

FEATURES = ("chat", "streaming", "tools", "json_schema", "logprobs")


@dataclass(frozen=True)
class Served:
    """What the network has for a model now. `context`: tokens of the largest slot, 0 while no worker serves it;
    `seeing` of the workers show it pictures, and `seeing_free` of the free slots are theirs."""

    workers: int
    slots: int
    free: int
    context: int
    seeing: int
    seeing_free: int


def model_object(
    spec: ModelSpec, now: Served, *, created: int, claims: Sequence[tuple[str, int]] = ()
) -> dict[str, Any]:
    """The object of one model, as `GET /v1/models` lists it.

    `context_length` in it is what a request can use now, the largest context of a worker that is online; while none
    serves the model the catalog's own limit stands, as it always does in `max_context_length`. `created` is in Unix
    seconds. `claims`: (sha256 of the weights, workers that say they have them); no coordinator can verify them, and the
    key `claimed` says so.
    """
    context = min(now.context or spec.context, spec.context)
    sees = spec.projector is not None
    return {
        "id": spec.id,
        "object": "model",
        "created": created,
        "owned_by": "supernet",
        "name": spec.name,
        "context_length": context,
        "max_context_length": spec.context,
        "max_output_tokens": min(spec.max_output, context),
        "features": [*FEATURES, *(["reasoning"] if spec.thinking else []), *(["vision"] if sees else [])],
        **_modalities(sees),
        "vision": _vision(now) if sees else None,
        "presets": spec.presets.model_dump(exclude_none=True),
        "price": _price(spec.price),
        "licence": spec.licence,
        "workers_online": now.workers,
        "slots": now.slots,
        "free_slots": now.free,
        "weights": [{"sha256": sha256, "workers": workers, "claimed": True} for sha256, workers in claims],
    }


def _modalities(sees: bool) -> dict[str, Any]:
    """What goes in and comes out. Some clients look for it here, others in `architecture`, as OpenRouter has it."""
    takes = ["text", "image"] if sees else ["text"]
    both = {"input_modalities": takes, "output_modalities": ["text"]}
    return {**both, "architecture": {"modality": f"{'+'.join(takes)}->text", **both}}


def _vision(now: Served) -> dict[str, Any]:
    """Which pictures a request may have, the most tokens that one is by its `detail`, and who can see it now."""
    return {
        "workers_online": now.seeing,
        "free_slots": now.seeing_free,
        "formats": list(pictures.MEDIA_TYPES),
        "max_images": pictures.MAX_PICTURES,
        "max_image_bytes": pictures.MAX_BYTES,
        "max_total_bytes": pictures.MAX_BYTES_TOGETHER,
        "max_side": pictures.MAX_SIDE,
        "max_pixels": pictures.MAX_PIXELS,
        "max_total_pixels": pictures.MAX_PIXELS_TOGETHER,
        "max_aspect": pictures.MAX_ASPECT,
        "tokens_per_image": {
            "least": pictures.LEAST_TOKENS + pictures.MARK_TOKENS,
            **{detail: most + pictures.MARK_TOKENS for detail, most in DETAILS.items()},
        },
    }


def _price(price: Price) -> dict[str, Any]:
    """Per token in whole nano-dollars, and per million tokens in dollars as exact decimal text."""
    return {
        "currency": "USD",
        "prompt_nano_per_token": price.prompt,
        "completion_nano_per_token": price.completion,
        "prompt_per_million": _dollars(price.prompt),
        "completion_per_million": _dollars(price.completion),
    }


def _dollars(nano: int) -> str:
    """300 nano-dollars a token are 0.30 dollars a million; at least two decimals, a third only where it is needed."""
    whole, thousandths = divmod(nano, 1000)
    text = f"{whole}.{thousandths:03d}"
    return text[:-1] if text.endswith("0") else text
