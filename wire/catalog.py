"""The models that the network knows, and what their entries in models.yaml may say."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from wire.catalog_fields import FileSize, ModelId, Nano, PackageName, RepositoryName, Revision, Size, Strict
from wire.errors import ErrorCode, SupernetError
from wire.media_catalog import MediaSpec
from wire.scalars import Sha256

ChatFormat = Literal["qwen-json", "qwen-xml"]
TaskProfile = Literal["general", "coding", "reasoning"]
# One to four plain names: nothing absolute, no "..", no backslash, nothing hidden.
FileName = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]{0,99}/){0,3}[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\.gguf$")
]
SPLIT = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf$")


class File(Strict):
    """One GGUF (or projector) file of the repository. Without size or sha256 the hub's own declaration is used."""

    name: FileName
    size_bytes: FileSize | None = None
    sha256: Sha256 | None = None


class Shape(Strict):
    """What the header of the entry's files must say: another model must not be sold under its name. `layers` counts
    without those that only predict; a field that is not given is not compared."""

    architecture: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    layers: Annotated[int, Field(ge=1, le=65_536)] | None = None
    embedding: Annotated[int, Field(ge=1, le=2**24)] | None = None
    experts: Annotated[int, Field(ge=0, le=65_536)] | None = None


class Sizes(Strict):
    """About how many bytes the model takes, for who asks what fits before its files are here: the plan that it is
    served by reads their header. `input`: of the files, what stays in main memory, the embedding of tokens; `experts`:
    what can; `token`: of the cache in 16 bits, for each token; `job`: the state of each job, of a hybrid model."""

    files: Size
    projector: Size = 0
    input: Size = 0
    experts: Size = 0
    token: Annotated[int, Field(ge=1, lt=2**40)]
    job: Size = 0

    @model_validator(mode="after")
    def _parts_of_the_whole(self) -> Self:
        if not self.files or self.input + self.experts > self.files:
            raise ValueError("`input` and `experts` are parts of `files`, and together cannot be more")
        return self


class Preset(Strict):
    """Sampling defaults of one way to use the model (the model card's own numbers)."""

    temperature: Annotated[float, Field(ge=0, le=2)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    top_k: Annotated[int, Field(ge=0, lt=2**31)]
    min_p: Annotated[float, Field(ge=0, le=1)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0


class Presets(Strict):
    """Missing presets fall back: coding and reasoning to general, each within its own column."""

    thinking_general: Preset | None = None
    thinking_coding: Preset | None = None
    thinking_reasoning: Preset | None = None
    plain_general: Preset | None = None
    plain_coding: Preset | None = None
    plain_reasoning: Preset | None = None

    def choose(self, profile: TaskProfile, thinking: bool) -> Preset | None:
        """The sampling for this kind of task, or the general one; None if the model has neither."""
        column = "thinking" if thinking else "plain"
        preset: Preset | None = getattr(self, f"{column}_{profile}") or getattr(self, f"{column}_general")
        return preset


class Price(Strict):
    """Nano-dollars per token."""

    prompt: Nano
    completion: Nano


class ModelSpec(Strict):
    """One entry of models.yaml."""

    id: ModelId
    name: Annotated[str, Field(min_length=1, max_length=128)]
    format: ChatFormat
    repository: RepositoryName | None = None
    revision: Revision = "main"
    package: PackageName | None = None  # Python package that ships the file instead of a repository (the demo model)
    # Neither of the two: files of the operator's own, known by their sha256, that a worker names with --model-file.
    files: Annotated[tuple[File, ...], Field(min_length=1, max_length=64)]  # more than one: a split GGUF, in order
    projector: File | None = None
    shape: Shape | None = None
    sizes: Sizes | None = None
    context: Annotated[int, Field(ge=256, le=2**24)]
    max_output: Annotated[int, Field(ge=1)]
    thinking: bool = False  # the model can think; requests say whether it should
    presets: Presets = Presets()
    price: Price
    licence: Annotated[str, Field(min_length=1, max_length=128)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.repository is not None and self.package is not None:
            raise ValueError("name either a repository or a package, one of the two")
        every = (*self.files, self.projector) if self.projector else self.files
        if self.repository is None and self.package is None and not all(file.sha256 for file in every):
            raise ValueError("name a repository or a package; files of your own need a sha256 each")
        if self.package is not None and (len(self.files) > 1 or self.files[0].sha256 is None or self.projector):
            raise ValueError("a package ships exactly one file, with its sha256, and no projector")
        if self.max_output > self.context:
            raise ValueError(f"max_output {self.max_output} is more than context {self.context}")
        if problem := _split_problem([file.name for file in self.files]):
            raise ValueError(problem)
        return self


def _split_problem(names: list[str]) -> str | None:
    """llama.cpp finds the other parts by name beside the first (llama_split_path): order and count must be right."""
    parts = [SPLIT.match(name) for name in names]
    if len(names) == 1 and not (parts[0] and int(parts[0]["count"]) > 1):
        return None
    for number, part in enumerate(parts, start=1):
        same_stem = part and parts[0] and part["stem"] == parts[0]["stem"]
        if not part or not same_stem or (int(part["part"]), int(part["count"])) != (number, len(names)):
            return (
                f"a split model lists every part in order; {names[number - 1]!r} is not part {number} of {len(names)}"
            )
    return None


class Catalog(Strict):
    """All models in the order of the file: those that chat, and the pipelines that make media."""

    default: ModelId
    models: Annotated[tuple[ModelSpec, ...], Field(min_length=1, max_length=256)]
    media: Annotated[tuple[MediaSpec, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _every_id_once(self) -> Self:
        both = {spec.id for spec in self.models} & {spec.id for spec in self.media}
        if both:
            raise ValueError(f"{min(both)} stands under models and under media: a worker's slots go by the name alone")
        return self

    def get_media(self, model_id: str) -> MediaSpec:
        """The entry under `media`; SupernetError MODEL_NOT_FOUND says which there are."""
        for spec in self.media:
            if spec.id == model_id:
                return spec
        known = ", ".join(spec.id for spec in self.media) or "none"
        chats = any(spec.id == model_id for spec in self.models)
        what = f"{model_id!r} is a model for chats" if chats else f"There is no media model {model_id[:128]!r}"
        message = f"{what}. Media models: {known}."
        raise SupernetError(ErrorCode.MODEL_NOT_FOUND, message, param="model")

    def get(self, model_id: str) -> ModelSpec:
        """The entry; SupernetError MODEL_NOT_FOUND says which models there are."""
        for spec in self.models:
            if spec.id == model_id:
                return spec
        known = ", ".join(spec.id for spec in self.models)
        makes = any(spec.id == model_id for spec in self.media)
        what = f"{model_id!r} is a media model and does not chat" if makes else f"There is no model {model_id[:128]!r}"
        message = f"{what}. Models: {known}."
        raise SupernetError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
