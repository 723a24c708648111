"""One body of `POST /v1/images/generations` or `/edits` -> what is to be drawn: honoured, or refused by name.

What is decided here, because the fields alone do not say it:

- `size` absent or `auto` is the pipeline's own; of an edit the proportions of its first picture, at the pipeline's own
  number of pixels. A size that the pipeline does not draw is refused with the nearest that it does.
- `response_format` absent means `b64_json`, as OpenAI's newer models have it; `url` gives a link of ours.
- Steps, and what is not to be seen (`negative_prompt`), are fields of ours; `seed` too, -1 asks for a new one.
- A picture to be edited is a file of the form, or a data URI, or a link or an id of ours: nothing is fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from coordinator.ledger.pricing import TokenType
from coordinator.media.ready import Ready
from coordinator.openai.chat_request import read_seed, read_token_type, read_user
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from coordinator.openai.media.choice import read_media_model
from coordinator.openai.media.fields import EditFields, GenerationFields
from coordinator.openai.media.form import is_form, read_form
from coordinator.openai.media.size import read_size
from coordinator.openai.media.sources import Source, read_file, read_pictures
from wire.catalog import Catalog
from wire.errors import invalid
from wire.media import MAX_PROMPT_CHARS, EditImage, GenerateImage, ImageFormat
from wire.media_catalog import MediaSpec
from wire.media_tools import Tool

MAX_IMAGES_DRAWN = 10
MAX_PREVIEWS = 3
MAX_FORM_BYTES = 48 * 1024 * 1024  # six photographs; in base64 a third less
FORMATS: tuple[ImageFormat, ...] = ("png", "jpeg", "webp")


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn, `n` times with another seed each. `size` None: as `sources` have it, or the pipeline.

    `sources`: what it is made from, in order; none of a picture of a text alone. `as_url`: the answer has links.
    """

    tool: Tool
    model: MediaSpec
    prompt: str
    negative_prompt: str
    size: tuple[int, int] | None
    steps: int
    format: ImageFormat
    previews: int
    n: int
    seed: int | None
    stream: bool
    as_url: bool
    token_type: TokenType
    sources: tuple[Source, ...] = ()

    def make(self, size: tuple[int, int], images: tuple[str, ...] = ()) -> GenerateImage | EditImage:
        """It as a worker is asked for it, at a size in pixels. `images`: SHA-256 of the sources' files."""
        shared: dict[str, Any] = {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "width": size[0],
            "height": size[1],
            "steps": self.steps,
            "format": self.format,
            "previews": self.previews,
        }
        return EditImage(images=images, **shared) if images else GenerateImage(**shared)


def parse_generation(ready: Ready, body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> Drawing:
    """The drawing that a body of /v1/images/generations asks for.

    Raises SupernetError: invalid_request with the field as `param`, model_not_found, no_worker, request_too_large.
    """
    return _drawing(GenerationFields(load(body)), "generate_image", ready, catalog, headers)


def parse_edit(ready: Ready, body: bytes, catalog: Catalog, headers: Mapping[str, str]) -> Drawing:
    """The drawing that a body of /v1/images/edits asks for, JSON or a form. Raises as `parse_generation`."""
    content_type = headers.get("content-type", "")
    files: tuple[Source, ...] = ()
    if is_form(content_type):
        form = read_form(body, content_type)
        values = form.values
        files = tuple(_files(form.files))
    else:
        values = load(body, MAX_FORM_BYTES)
    return _drawing(EditFields(values), "edit_image", ready, catalog, headers, files)


def _files(files: tuple[tuple[str, bytes], ...]) -> list[Source]:
    for name, _ in files:
        if name in EditFields.refused:
            raise invalid(name, f"Unsupported parameter: '{name}'. Here: {EditFields.refused[name]}.")
        if name != "image":
            raise invalid(name[:64], f"Unknown parameter: '{name[:64]}'. Files to edit are called 'image'.")
    return [read_file(f"image[{place}]" if len(files) > 1 else "image", file) for place, (_, file) in enumerate(files)]


def _drawing(
    fields: Fields,
    tool: Tool,
    ready: Ready,
    catalog: Catalog,
    headers: Mapping[str, str],
    files: tuple[Source, ...] = (),
) -> Drawing:
    fields.by_the_lists()
    model = read_media_model(fields, catalog, tool, ready)
    sources = read_pictures(fields, model, files) if tool == "edit_image" else ()
    stream = fields.flag("stream") or False
    drawing = Drawing(
        tool=tool,
        model=model,
        prompt=read_prompt(fields),
        negative_prompt=fields.text("negative_prompt", high=MAX_PROMPT_CHARS) or "",
        size=read_size(fields, model) or (None if sources else (model.defaults.width, model.defaults.height)),
        steps=fields.integer("steps", 1, model.limits.steps) or model.defaults.steps,
        format=cast(ImageFormat, fields.choice("output_format", FORMATS) or "png"),
        previews=_previews(fields, stream),
        n=fields.integer("n", 1, MAX_IMAGES_DRAWN) or 1,
        seed=read_seed(fields),
        stream=stream,
        as_url=fields.choice("response_format", ("url", "b64_json")) == "url",
        token_type=read_token_type(fields, headers),
        sources=sources,
    )
    read_user(fields)
    fields.finish()
    return drawing


def read_prompt(fields: Fields) -> str:
    prompt = fields.text("prompt", low=1, high=MAX_PROMPT_CHARS)
    if prompt is None:
        raise invalid("prompt", "Missing required parameter: 'prompt'.")
    return prompt


def _previews(fields: Fields, stream: bool) -> int:
    previews = fields.integer("partial_images", 0, MAX_PREVIEWS) or 0
    if previews and not stream:
        raise invalid("partial_images", "Invalid 'partial_images': it needs 'stream' to be true.")
    return previews
