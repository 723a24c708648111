"""The model catalogue: models.yaml -> frozen ModelSpec, strict, with errors that name the line."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ChatFormat = Literal["qwen-json", "qwen-xml"]
TaskProfile = Literal["general", "coding", "reasoning"]
Nano = Annotated[int, Field(ge=0)]  # nano-dollars: $0.30 per million tokens is 300 a token


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Strict):
    """One GGUF (or projector) file of the repository."""

    name: str
    size_bytes: int | None = None
    sha256: str | None = None


class Preset(Strict):
    """Sampling defaults of one way to use the model (the model card's own numbers)."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float = 0.0
    presence_penalty: float = 0.0


class Presets(Strict):
    """Missing presets fall back: coding and reasoning to general, each within its own column."""

    thinking_general: Preset | None = None
    thinking_coding: Preset | None = None
    thinking_reasoning: Preset | None = None
    plain_general: Preset | None = None
    plain_coding: Preset | None = None
    plain_reasoning: Preset | None = None

    def choose(self, profile: TaskProfile, thinking: bool) -> Preset | None:
        column = "thinking" if thinking else "plain"
        return getattr(self, f"{column}_{profile}") or getattr(self, f"{column}_general")


class Price(Strict):
    """Nano-dollars per token."""

    prompt: Nano
    completion: Nano


class ModelSpec(Strict):
    """One entry of models.yaml."""

    id: str
    name: str
    format: ChatFormat
    repository: str | None = None
    revision: str = "main"
    package: str | None = None  # Python package that ships the file instead of a repository (the demo model)
    files: tuple[File, ...]  # more than one: a split GGUF, in order
    projector: File | None = None
    context: int
    max_output: int
    thinking: bool = False  # the model can think; requests say whether it should
    presets: Presets = Presets()
    price: Price
    licence: str
