"""Which modes a pipeline can do, and why some are offered by none: pure. The names are those of wire.media.needs.

A mode may be done by another class than the one that the catalog names: classes of a family share their weights.
"""

from typing import get_args

from wire.media_catalog import MediaSpec, Pipeline

# Catalog's class -> mode -> the class of diffusers that does it. What a download's own configuration rules out is taken
# off when it is loaded (child/pipelines.py): port.Ready has what is left.
MODES: dict[Pipeline, dict[str, str]] = {
    "StableDiffusionPipeline": {
        "generate_image": "StableDiffusionPipeline",
        "edit_image": "StableDiffusionImg2ImgPipeline",
    },
    "StableDiffusionImg2ImgPipeline": {
        "generate_image": "StableDiffusionPipeline",
        "edit_image": "StableDiffusionImg2ImgPipeline",
    },
    "ZImagePipeline": {"generate_image": "ZImagePipeline"},
    "FluxPipeline": {"generate_image": "FluxPipeline"},
    "ChromaPipeline": {"generate_image": "ChromaPipeline"},
    "QwenImageEditPlusPipeline": {"edit_image": "QwenImageEditPlusPipeline"},
    "WanPipeline": {
        "generate_video": "WanPipeline",
        "generate_video.first": "WanImageToVideoPipeline",  # of weights made for both (Wan 2.2 5B)
        "video_to_video.restyle": "WanVideoToVideoPipeline",
    },
    "WanImageToVideoPipeline": {
        "generate_video.first": "WanImageToVideoPipeline",
        "generate_video.first-last": "WanImageToVideoPipeline",
    },
    "WanVideoToVideoPipeline": {
        "generate_video": "WanPipeline",
        "video_to_video.restyle": "WanVideoToVideoPipeline",
    },
    "WanVACEPipeline": {
        "generate_video": "WanVACEPipeline",
        "generate_video.first": "WanVACEPipeline",
        "generate_video.last": "WanVACEPipeline",
        "generate_video.first-last": "WanVACEPipeline",
        "video_to_video.canny": "WanVACEPipeline",
    },
    "LTX2Pipeline": {
        "generate_video": "LTX2Pipeline",
        "generate_video.first": "LTX2ConditionPipeline",
        "generate_video.last": "LTX2ConditionPipeline",
        "generate_video.first-last": "LTX2ConditionPipeline",
    },
    "LTX2ImageToVideoPipeline": {
        "generate_video": "LTX2Pipeline",
        "generate_video.first": "LTX2ConditionPipeline",
        "generate_video.last": "LTX2ConditionPipeline",
        "generate_video.first-last": "LTX2ConditionPipeline",
    },
    "LTX2DFRPipeline": {
        "generate_video": "LTX2DFRPipeline",
        "generate_video.first": "LTX2DFRPipeline",
        "generate_video.last": "LTX2DFRPipeline",
        "generate_video.first-last": "LTX2DFRPipeline",
        "sound_to_video": "LTX2DFRPipeline",
        "sound_to_video.image": "LTX2DFRPipeline",
    },
    "AceStepPipeline": {"generate_music": "AceStepPipeline"},
}
# What no pipeline here can do, and what it would take.
NOT_OFFERED = {
    "video_to_video.pose": "it follows a skeleton, and diffusers has no detector that finds one in a film",
    "video_to_video.depth": "it follows a map of depths, and diffusers has no estimator that makes one of a film",
    "video_to_video.detailer": "it is an adapter that is put onto LTX-2, and only whole pipelines are loaded here",
    "video_to_video.animate-move": "Wan-Animate takes films of a skeleton and of a face, which nothing here extracts",
    "video_to_video.animate-replace": "as animate-move, and a mask of the one who is replaced beside them",
}
ALL_MODES = tuple(sorted({mode for pipeline in get_args(Pipeline) for mode in MODES[pipeline]}))


def modes(spec: MediaSpec) -> tuple[str, ...]:
    """The modes of its pipeline that are of its tools, for wire.media.MediaOffer."""
    return tuple(mode for mode in MODES[spec.pipeline] if mode.partition(".")[0] in spec.tools)
