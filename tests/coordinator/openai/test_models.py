"""Entries of /v1/models."""

from typing import Any

import pytest
from openai.types import Model

from coordinator.openai.models import Served, model_object
from wire.catalog import File, ModelSpec, Preset, Presets, Price

SPEC = ModelSpec(
    id="m",
    name="Model M",
    format="qwen-json",
    repository="owner/name",
    files=(File(name="a.gguf"),),
    context=65536,
    max_output=32768,
    thinking=True,
    presets=Presets(plain_general=Preset(temperature=0.7, top_p=0.8, top_k=20)),
    price=Price(prompt=300, completion=1234),
    licence="Apache-2.0",
)


def entry(spec: ModelSpec = SPEC, context: int = 40960) -> dict[str, Any]:
    now = Served(workers=2, slots=8, free=3, context=context, seeing=1, seeing_free=2)
    return model_object(spec, now, created=1_700_000_000, claims=[("ab", 2)])


def test_an_entry_says_what_a_caller_needs() -> None:
    assert entry() == {
        "id": "m",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "supernet",
        "name": "Model M",
        "context_length": 40960,
        "max_context_length": 65536,
        "max_output_tokens": 32768,
        "features": ["chat", "streaming", "tools", "json_schema", "logprobs", "reasoning"],
        "input_modalities": ["text"],
        "output_modalities": ["text"],
        "architecture": {"modality": "text->text", "input_modalities": ["text"], "output_modalities": ["text"]},
        "vision": None,
        "presets": {
            "plain_general": {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.0, "presence_penalty": 0.0}
        },
        "price": {
            "currency": "USD",
            "prompt_nano_per_token": 300,
            "completion_nano_per_token": 1234,
            "prompt_per_million": "0.30",
            "completion_per_million": "1.234",
        },
        "licence": "Apache-2.0",
        "workers_online": 2,
        "slots": 8,
        "free_slots": 3,
        "weights": [{"sha256": "ab", "workers": 2, "claimed": True}],
    }


def test_a_model_that_sees_says_so_in_the_words_of_others_and_which_pictures_it_takes() -> None:
    told = entry(SPEC.model_copy(update={"projector": File(name="mmproj.gguf")}))
    assert "vision" in told["features"]
    assert told["input_modalities"] == told["architecture"]["input_modalities"] == ["text", "image"]
    assert told["output_modalities"] == ["text"] and told["architecture"]["modality"] == "text+image->text"
    assert told["vision"] == {
        "workers_online": 1,
        "free_slots": 2,
        "formats": ["image/jpeg", "image/png", "image/webp", "image/gif"],
        "max_images": 20,
        "max_image_bytes": 10 * 2**20,
        "max_total_bytes": 12 * 2**20,
        "max_side": 16_384,
        "max_pixels": 32_000_000,
        "max_total_pixels": 64_000_000,
        "max_aspect": 50,
        "tokens_per_image": {"least": 66, "low": 258, "high": 1026, "auto": 1026, "original": 1026},
    }


def test_openais_own_type_reads_it() -> None:
    assert Model.model_validate(entry()).owned_by == "supernet"


def test_the_context_is_what_can_be_used_now() -> None:
    assert entry(context=0)["context_length"] == 65536
    assert entry(context=8192)["context_length"] == 8192
    assert entry(context=8192)["max_output_tokens"] == 8192
    assert entry(context=10**9)["context_length"] == 65536


def test_a_model_that_cannot_think_does_not_say_so() -> None:
    assert "reasoning" not in entry(SPEC.model_copy(update={"thinking": False}))["features"]


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0.00"), (1, "0.001"), (300, "0.30"), (900, "0.90"), (1000, "1.00"), (12345, "12.345")]
)
def test_prices_are_exact_text(nano: int, text: str) -> None:
    spec = SPEC.model_copy(update={"price": Price(prompt=nano, completion=0)})
    assert entry(spec)["price"]["prompt_per_million"] == text
