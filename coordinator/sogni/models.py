"""`swarmLLMModels`: which models answer now, and the bounds and defaults of what may be asked of each."""

from coordinator.openai.json_body import Json
from wire.catalog import ModelSpec, Preset, TaskProfile
from wire.chat import MAX_TOP_K, MIN_REPETITION_PENALTY

# Their name of a preset -> thinking, and the profile.
_PRESETS: dict[str, tuple[bool, TaskProfile]] = {
    "defaultsThinking": (True, "general"),
    "defaultsThinkingCoding": (True, "coding"),
    "defaultsNonThinking": (False, "general"),
    "defaultsNonThinkingReasoning": (False, "reasoning"),
}


def model_info(spec: ModelSpec, workers: int, context: int) -> Json:
    """The record of one model. `context`: tokens of the largest slot that is online."""
    context = min(context or spec.context, spec.context)
    most = min(spec.max_output, context)
    plain = spec.presets.choose("general", spec.thinking) or Preset(temperature=1.0, top_p=1.0, top_k=0)
    return {
        "workers": workers,
        "maxContextLength": context,
        "maxOutputTokens": {"min": 1, "max": most, "default": most},
        "temperature": _bounds(0, 2, plain.temperature, 2),
        "top_p": _bounds(0, 1, plain.top_p, 2),
        "top_k": _bounds(0, MAX_TOP_K, plain.top_k, 0),
        "min_p": _bounds(0, 1, plain.min_p, 2),
        "repetition_penalty": _bounds(MIN_REPETITION_PENALTY, 2, 1, 2),
        "frequency_penalty": _bounds(-2, 2, 0, 2),
        "presence_penalty": _bounds(-2, 2, plain.presence_penalty, 2),
        **{
            name: preset.model_dump()
            for name, (thinking, profile) in _PRESETS.items()
            if (spec.thinking or not thinking) and (preset := spec.presets.choose(profile, thinking)) is not None
        },
    }


def _bounds(low: float, high: float, default: float, decimals: int) -> Json:
    return {"min": low, "max": high, "decimals": decimals, "default": default}
