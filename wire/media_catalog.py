"""The pipelines that draw, film and compose: what their entries under `media:` in models.yaml may say."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from wire.catalog_fields import FileSize, ModelId, Nano, PackageName, RepositoryName, Revision, Strict
from wire.media import MAX_IMAGES, Steps
from wire.media_tools import Tool

# The classes of diffusers that may be loaded. The class comes from here and never from a download's own index: that
# could name any code.
Pipeline = Literal[
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "ZImagePipeline",
    "FluxPipeline",
    "ChromaPipeline",
    "QwenImageEditPlusPipeline",
    "WanPipeline",
    "WanImageToVideoPipeline",
    "WanVideoToVideoPipeline",
    "WanVACEPipeline",
    "LTX2Pipeline",
    "LTX2ImageToVideoPipeline",
    "LTX2DFRPipeline",
    "AceStepPipeline",
]
# What is downloaded of a repository: descriptions and weights. No pickle, no Python.
Pattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._*/-]{1,100}(\.json|\.safetensors|\.txt|\.model)$")]


class MediaDefaults(Strict):
    """What a request means that does not say. A number of 0: there is none of that in what it makes."""

    width: Annotated[int, Field(ge=0, le=4096, multiple_of=16)] = 0
    height: Annotated[int, Field(ge=0, le=4096, multiple_of=16)] = 0
    steps: Steps
    guidance: Annotated[float, Field(ge=0, le=30)] = 0.0
    fps: Annotated[int, Field(ge=0, le=60)] = 0
    seconds: Annotated[int, Field(ge=0, le=600)] = 0


class MediaLimits(Strict):
    """The largest that it makes. `multiple_of`: of each side; `frames_step`: films have a multiple of it, and one."""

    pixels: Annotated[int, Field(ge=0, le=4096 * 4096)] = 0
    multiple_of: Annotated[int, Field(ge=1, le=128)] = 16
    frames: Annotated[int, Field(ge=0, le=2048)] = 0
    frames_step: Annotated[int, Field(ge=1, le=16)] = 1
    seconds: Annotated[int, Field(ge=0, le=600)] = 0
    images: Annotated[int, Field(ge=0, le=MAX_IMAGES)] = 0
    steps: Steps = 50


class MediaSpec(Strict):
    """One entry. `tools`: what it serves; `price`: nano-dollars for a picture of each started million pixels (2**20),
    for a second of film of the same, or for a second of music."""

    id: ModelId
    name: Annotated[str, Field(min_length=1, max_length=128)]
    tools: Annotated[tuple[Tool, ...], Field(min_length=1, max_length=6)]
    pipeline: Pipeline
    repository: RepositoryName | None = None
    revision: Revision = "main"
    package: PackageName | None = None  # Python package that ships the folder instead of a repository (the toy)
    folder: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None  # in that package
    allow: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=16)] = ("*.json", "*.safetensors", "*.txt")
    size_bytes: FileSize | None = None  # of all files, about
    memory_bytes: FileSize | None = None  # of the GPU at the largest that it makes, about
    defaults: MediaDefaults
    limits: MediaLimits
    price: Nano
    licence: Annotated[str, Field(min_length=1, max_length=128)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.repository is None) == (self.package is None):
            raise ValueError("name either a repository or a package, one of the two")
        if (self.package is None) != (self.folder is None):
            raise ValueError("a package needs the name of its folder, and a repository has none")
        if self.defaults.width * self.defaults.height > self.limits.pixels:
            raise ValueError("the default size is larger than the limit of pixels")
        if self.defaults.steps > self.limits.steps:
            raise ValueError("the default of steps is more than their limit")
        return self

    @model_validator(mode="after")
    def _can_be_asked_for(self) -> Self:
        """A request that says nothing is made of the defaults: they have to be something that can be made."""
        defaults, limits = self.defaults, self.limits
        if any(tool != "generate_music" for tool in self.tools):
            if not defaults.width or not defaults.height:
                raise ValueError("the defaults need a width and a height")
            if defaults.width % limits.multiple_of or defaults.height % limits.multiple_of:
                raise ValueError(f"the default size is no multiple of {limits.multiple_of}, as each side has to be")
        if any(tool.endswith("video") for tool in self.tools):
            if not defaults.fps:
                raise ValueError("the defaults of a film need its fps")
            if limits.frames <= limits.frames_step:
                raise ValueError("the limits of a film need its frames, more than their step")
        if "generate_music" in self.tools and not limits.seconds:
            raise ValueError("the limits of music need its seconds")
        return self
