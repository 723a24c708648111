"""The query of `GET /v1/estimate` for a pipeline: what would be made, so that its price is that of the real request."""

from collections.abc import Mapping

from coordinator.media.shape import film_frames, length_problem
from coordinator.openai.json_body import Json
from coordinator.openai.media.fields import QueryFields
from coordinator.openai.media.images_request import MAX_IMAGES_DRAWN
from coordinator.openai.media.models import kinds
from coordinator.openai.media.size import read_size, size_text
from coordinator.openai.media.video_request import MAX_SECONDS, SECONDS
from wire.errors import invalid
from wire.media import GenerateImage, GenerateMusic, GenerateVideo, Making
from wire.media_catalog import MediaSpec

MUSIC_S = 30  # where the pipeline does not say
NUMBERS = ("n", "seconds", "fps")


def read_making(spec: MediaSpec, query: Mapping[str, str]) -> tuple[Making, int, Json]:
    """What of the pipeline's kind is made, how often, and what was asked for as it was understood.

    Raises invalid_request with the name of the parameter at fault.
    """
    fields = QueryFields({name: _typed(name, value) for name, value in query.items()})
    n = fields.integer("n", 1, MAX_IMAGES_DRAWN) or 1
    kind = kinds(spec)[0]
    if kind == "audio":
        seconds = fields.integer("seconds", 1, spec.limits.seconds) or spec.defaults.seconds or MUSIC_S
        music = GenerateMusic(prompt="x", seconds=seconds, steps=spec.defaults.steps)
        fields.finish()
        return music, n, {"n": n, "seconds": seconds}
    width, height = read_size(fields, spec) or (spec.defaults.width, spec.defaults.height)
    if kind == "image":
        picture = GenerateImage(prompt="x", width=width, height=height, steps=spec.defaults.steps)
        fields.finish()
        return picture, n, {"n": n, "size": size_text(width, height)}
    fps = fields.integer("fps", 1, 60) or spec.defaults.fps
    seconds = fields.integer("seconds", 1, MAX_SECONDS) or spec.defaults.seconds or SECONDS
    if problem := length_problem(spec, seconds, fps):
        raise invalid("seconds", f"Invalid 'seconds': {problem}.")
    frames = film_frames(spec, seconds, fps)
    film = GenerateVideo(prompt="x", width=width, height=height, frames=frames, fps=fps, steps=spec.defaults.steps)
    fields.finish()
    return film, n, {"n": n, "size": size_text(width, height), "seconds": seconds, "fps": fps, "frames": frames}


def _typed(name: str, value: str) -> str | int:
    return int(value) if name in NUMBERS and value.isascii() and value.isdigit() and len(value) < 6 else value
