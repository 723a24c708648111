"""One body of `POST /v1/videos` -> the film that is to be made: honoured, or refused by name.

`seconds` is a string of digits for OpenAI's clients, or a number; the film has the number of frames nearest to it that
its pipeline makes. `size` absent is the pipeline's own, or that of `input_reference`, the picture with which the film
begins. `negative_prompt`, `steps`, `seed` and `fps` are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.ledger.pricing import TokenType
from coordinator.media.ready import Ready
from coordinator.media.shape import film_frames, length_problem
from coordinator.openai.chat_request import read_seed, read_token_type, read_user
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.openai.media.choice import read_media_model
from coordinator.openai.media.fields import VideoFields
from coordinator.openai.media.form import is_form, read_form
from coordinator.openai.media.images_request import MAX_FORM_BYTES, read_prompt
from coordinator.openai.media.size import read_size
from coordinator.openai.media.sources import Source, read_address, read_file
from wire.catalog import Catalog
from wire.errors import invalid
from wire.media import MAX_PROMPT_CHARS, GenerateVideo
from wire.media_catalog import MediaSpec

SECONDS = 5  # where the pipeline does not say
MAX_SECONDS = 60
REFERENCE = "input_reference"


@dataclass(frozen=True)
class Film:
    """What is to be filmed. `size` None: as `first` has it, the picture with which it begins."""

    model: MediaSpec
    prompt: str
    negative_prompt: str
    size: tuple[int, int] | None
    seconds: int
    frames: int
    fps: int
    steps: int
    seed: int | None
    token_type: TokenType
    first: Source | None = None

    def make(self, size: tuple[int, int], first: str | None = None) -> GenerateVideo:
        """It as a worker is asked for it, at a size in pixels. `first`: SHA-256 of that picture's file."""
        return GenerateVideo(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width=size[0],
            height=size[1],
            frames=self.frames,
            fps=self.fps,
            steps=self.steps,
            first=first,
        )


def parse_film(ready: Ready, body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> Film:
    """The film that a body asks for, JSON or a form.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, no_worker, request_too_large.
    """
    content_type = headers.get("content-type", "")
    first = None
    if is_form(content_type):
        form = read_form(body, content_type)
        fields, first = VideoFields(form.values), _file(form.files)
    else:
        fields = VideoFields(load(body, MAX_FORM_BYTES))
    fields.by_the_lists()
    first = first or _reference(fields)
    model = read_media_model(
        fields, catalog, "generate_video", ready, "generate_video.first" if first else "generate_video"
    )
    fps = fields.integer("fps", 1, 60) or model.defaults.fps
    seconds = _seconds(fields) or model.defaults.seconds or SECONDS
    if problem := length_problem(model, seconds, fps):
        raise invalid("seconds", f"Invalid 'seconds': {problem}.")
    film = Film(
        model=model,
        prompt=read_prompt(fields),
        negative_prompt=fields.text("negative_prompt", high=MAX_PROMPT_CHARS) or "",
        size=read_size(fields, model) or (None if first else (model.defaults.width, model.defaults.height)),
        seconds=seconds,
        frames=film_frames(model, seconds, fps),
        fps=fps,
        steps=fields.integer("steps", 1, model.limits.steps) or model.defaults.steps,
        seed=read_seed(fields),
        token_type=read_token_type(fields, headers),
        first=first,
    )
    read_user(fields)
    fields.finish()
    return film


def _seconds(fields: Fields) -> int | None:
    value: Any = fields.take("seconds")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SECONDS:
        raise invalid("seconds", f"Invalid 'seconds': expected whole seconds from 1 to {MAX_SECONDS}, such as '4'.")
    return value


def _file(files: tuple[tuple[str, bytes], ...]) -> Source | None:
    for name, _ in files:
        if name != REFERENCE:
            raise invalid(name[:64], f"Unknown parameter: '{name[:64]}'. The picture to begin with is '{REFERENCE}'.")
    if len(files) > 1:
        raise invalid(REFERENCE, f"Invalid '{REFERENCE}': one picture, with which the film begins.")
    return read_file(REFERENCE, files[0][1]) if files else None


def _reference(fields: Fields) -> Source | None:
    """The picture in JSON: its address, or {"image_url": its address} as OpenAI has it."""
    value: Any = fields.take(REFERENCE)
    if value is None or not isinstance(value, dict):
        return None if value is None else read_address(REFERENCE, value)
    inner = type(fields)(value, REFERENCE)
    inner.refuse({"file_id": "no files are kept under ids of OpenAI's; POST /v1/media keeps one, for 'image_url'"})
    address = inner.take("image_url")
    inner.finish()
    return read_address(f"{REFERENCE}.image_url", address)
