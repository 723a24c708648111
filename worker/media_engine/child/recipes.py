"""From a request to the plain arguments of a pipeline, with the bounds that are its own: pure.

The arguments are those of diffusers' __call__; what comes from files is added by inputs.py. A request that the pipeline
cannot do is refused here, in words for the client, before anything is computed.
"""

from dataclasses import dataclass
from typing import Any

from wire.media import (
    EditImage,
    GenerateImage,
    GenerateMusic,
    GenerateVideo,
    Making,
    MediaOffer,
    SoundToVideo,
    VideoToVideo,
    needs,
)
from wire.media_catalog import MediaSpec
from worker.media_engine.modes import MODES

EDIT_STRENGTH = 0.75  # how far an edit by StableDiffusionImg2ImgPipeline may go from its picture
# The noise that a distilled LTX-2 is asked to take away, step by step (DISTILLED_SIGMA_VALUES of diffusers).
DISTILLED = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875)


class RefusedError(ValueError):
    """The pipeline cannot make it; the text is for the client."""


@dataclass(frozen=True)
class Recipe:
    """The class of diffusers that does it, its plain arguments, and how many steps it will take."""

    mode: str
    pipeline: str
    arguments: dict[str, Any]
    steps: int


def recipe(make: Making, spec: MediaSpec, offer: MediaOffer) -> Recipe:
    """Raises RefusedError for what is beyond the offer, or beyond the catalog's limits."""
    if problem := offer.lacks(make) or _beyond(make, spec):
        raise RefusedError(f"{spec.id} cannot make it: {problem}")
    (mode,) = needs(make)
    pipeline = MODES[spec.pipeline][mode]
    guidance = spec.defaults.guidance
    if isinstance(make, GenerateMusic):
        return Recipe(mode, pipeline, _music(make, guidance), make.steps)
    if isinstance(make, EditImage) and len(make.images) > 1 and pipeline == "StableDiffusionImg2ImgPipeline":
        raise RefusedError(f"{spec.id} cannot make it: it edits one picture at a time")
    size: dict[str, Any] = {"prompt": make.prompt, "width": make.width, "height": make.height}
    if isinstance(make, GenerateImage | EditImage):
        arguments = size | _picture(pipeline, make, guidance)
    else:
        arguments = size | _film(pipeline, make, guidance)
    steps = int(make.steps * arguments.get("strength", 1.0))  # it leaves out the steps before the one where it joins in
    if not steps:
        raise RefusedError("so few steps at so small a strength change nothing: ask for more of either")
    return Recipe(mode, pipeline, arguments, steps)


def _beyond(make: Making, spec: MediaSpec) -> str | None:
    limits = spec.limits
    if make.steps > limits.steps:
        return f"it takes at most {limits.steps} steps"
    if isinstance(make, GenerateMusic):
        return None
    if make.width % limits.multiple_of or make.height % limits.multiple_of:
        return f"width and height must be multiples of {limits.multiple_of}"
    if not isinstance(make, GenerateImage | EditImage) and (make.frames - 1) % limits.frames_step:
        return f"its films have a multiple of {limits.frames_step} frames, and one"
    return None


def _picture(pipeline: str, make: GenerateImage | EditImage, guidance: float) -> dict[str, Any]:
    common: dict[str, Any] = {"num_inference_steps": make.steps}
    if pipeline == "QwenImageEditPlusPipeline":  # without a negative prompt it guides by nothing at all
        return common | {"true_cfg_scale": guidance, "negative_prompt": make.negative_prompt or " "}
    common["guidance_scale"] = guidance
    if pipeline == "FluxPipeline":  # its guidance is learned, and takes no negative prompt
        return common
    if guidance > 1 and make.negative_prompt:
        common["negative_prompt"] = make.negative_prompt
    if pipeline == "StableDiffusionImg2ImgPipeline":
        common["strength"] = EDIT_STRENGTH
    return common


def _film(pipeline: str, make: GenerateVideo | SoundToVideo | VideoToVideo, guidance: float) -> dict[str, Any]:
    if pipeline == "LTX2DFRPipeline":
        held = {"freeze_audio": True} if isinstance(make, SoundToVideo) else {}
        timing = {"num_frames": make.frames, "frame_rate": float(make.fps)}
        return timing | held | {"sigmas": sigmas(make.steps), "generate_slots": False}
    common: dict[str, Any] = {"num_inference_steps": make.steps, "guidance_scale": guidance}
    if guidance > 1:
        common["negative_prompt"] = make.negative_prompt
    if pipeline == "WanVideoToVideoPipeline":
        assert isinstance(make, VideoToVideo)
        return common | {"strength": make.strength}
    common["num_frames"] = make.frames
    if pipeline.startswith("LTX2"):
        common["frame_rate"] = float(make.fps)
        if guidance <= 1:  # distilled weights know no guidance of any kind
            common |= {"stg_scale": 0.0, "modality_scale": 1.0, "guidance_rescale": 0.0, "audio_guidance_scale": 1.0}
            common |= {"audio_stg_scale": 0.0, "audio_modality_scale": 1.0, "audio_guidance_rescale": 0.0}
    return common


def _music(make: GenerateMusic, guidance: float) -> dict[str, Any]:
    return {
        "prompt": make.prompt,
        "lyrics": make.lyrics,
        "vocal_language": make.language,
        "audio_duration": float(make.seconds),
        "bpm": make.bpm,
        "keyscale": make.keyscale,
        "timesignature": make.timesignature,
        "num_inference_steps": make.steps,
        "guidance_scale": guidance,
    }


def sigmas(steps: int) -> list[float]:
    """DISTILLED, stretched or thinned to so many steps."""
    last = len(DISTILLED) - 1
    places = [last * at / max(1, steps - 1) for at in range(steps)]
    return [_between(place, min(int(place), last - 1)) for place in places]


def _between(place: float, below: int) -> float:
    return DISTILLED[below] + (DISTILLED[below + 1] - DISTILLED[below]) * (place - below)
