"""The records of models, as the SDKs type them."""

from coordinator.sogni.models import model_info
from tools.compat.fields import catalog


def test_a_record_has_the_bounds_and_defaults_of_the_model() -> None:
    spec = catalog().get("one")
    told = model_info(spec, 3, 2048)
    assert (told["workers"], told["maxContextLength"]) == (3, 2048)
    assert told["maxOutputTokens"] == {"min": 1, "max": 2048, "default": 2048}
    assert told["temperature"] == {"min": 0, "max": 2, "decimals": 2, "default": 0.9}
    assert told["defaultsThinkingCoding"]["temperature"] == 0.6
    assert told["defaultsNonThinking"]["top_p"] == 0.8
    assert told["defaultsNonThinkingReasoning"] == told["defaultsNonThinking"]
    for name, bounds in told.items():
        if isinstance(bounds, dict) and "min" in bounds:
            assert bounds["min"] <= bounds["default"] <= bounds["max"], name


def test_a_model_that_cannot_think_has_no_presets_for_it() -> None:
    spec = catalog().get("one").model_copy(update={"thinking": False})
    told = model_info(spec, 1, 0)
    assert told["maxContextLength"] == spec.context
    assert not [name for name in told if name.startswith("defaultsThinking")]
    assert told["temperature"]["default"] == 0.7
