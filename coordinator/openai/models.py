"""An entry of `GET /v1/models`: OpenAI's four keys, and what a caller needs to know before sending a request."""

from collections.abc import Sequence
from typing import Any

from wire.catalog import ModelSpec, Price

FEATURES = ("chat", "streaming", "tools", "json_schema", "logprobs")


def model_object(
    spec: ModelSpec,
    *,
    workers_online: int,
    slots: int,
    free: int,
    context_served: int | None,
    created: int,
    claims: Sequence[tuple[str, int]] = (),
) -> dict[str, Any]:
    """`context_length` is what a request can use now: the largest context of a worker that is online.

    `context_served` is that figure in tokens, None (or 0) while no worker serves the model; then the catalogue's own
    limit stands, as it always does in `max_context_length`. `created` is in Unix seconds. `claims`: what workers say of
    their weights; nobody can look into another's machine, and the word `claimed` says so.
    """
    context = min(context_served or spec.context, spec.context)
    return {
        "id": spec.id,
        "object": "model",
        "created": created,
        "owned_by": "supernet",
        "name": spec.name,
        "context_length": context,
        "max_context_length": spec.context,
        "max_output_tokens": min(spec.max_output, context),
        "features": [*FEATURES, "reasoning"] if spec.thinking else list(FEATURES),
        "presets": spec.presets.model_dump(exclude_none=True),
        "price": _price(spec.price),
        "licence": spec.licence,
        "workers_online": workers_online,
        "slots": slots,
        "free_slots": free,
        "weights": [{"sha256": sha256, "workers": workers, "claimed": True} for sha256, workers in claims],
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
