"""The files of a request, read as the pipeline's arguments want them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wire.media import EditImage, GenerateVideo, Making, SoundToVideo, VideoToVideo
from worker.media_engine.child.edges import edges
from worker.media_engine.child.recipes import Recipe
from worker.media_files.decode import Picture, fit, open_picture, picture, plain, read_film, read_picture, read_sound
from worker.media_files.encode import Sound

GREY = 128  # what is to be filled in, for VACE
KEPT, FILLED = 0, 255  # of its mask
OF_FILM_HZ = 48_000


@dataclass(frozen=True)
class Condition:
    """A picture that a film has at a frame; -1: its last."""

    picture: Picture
    frame: int
    strength: float


@dataclass(frozen=True)
class Inputs:
    """`arguments` go to the pipeline as they are, `conditions` and `heard` in a form of its own. `sound` is what the
    film is to have behind it."""

    arguments: dict[str, Any] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()
    heard: Sound | None = None
    sound: Sound | None = None


def read(make: Making, recipe: Recipe, paths: dict[str, Path], sound_hz: int) -> Inputs:
    """Read what the request names. `paths`: by SHA-256; `sound_hz`: the rate at which the pipeline hears. Raises
    UnreadableError."""
    match make:
        case EditImage():
            return Inputs({"image": _edited(make, recipe, paths)})
        case GenerateVideo() if make.first or make.last:
            return _between(make, recipe, paths)
        case SoundToVideo():
            return _to_sound(make, paths, sound_hz)
        case VideoToVideo():
            return _from_film(make, paths)
        case _:
            return Inputs()


def _edited(make: EditImage, recipe: Recipe, paths: dict[str, Path]) -> Any:
    if recipe.pipeline == "StableDiffusionImg2ImgPipeline":
        return read_picture(paths[make.images[0]], make.width, make.height)
    return [open_picture(paths[image]) for image in make.images]  # it scales them by itself


def _between(make: GenerateVideo, recipe: Recipe, paths: dict[str, Path]) -> Inputs:
    first = read_picture(paths[make.first], make.width, make.height) if make.first else None
    last = read_picture(paths[make.last], make.width, make.height) if make.last else None
    if recipe.pipeline.startswith("LTX2"):
        given = ((first, 0, make.first_strength), (last, -1, make.last_strength))
        return Inputs(conditions=tuple(Condition(one, at, strength) for one, at, strength in given if one))
    if recipe.pipeline == "WanVACEPipeline":
        blank = plain(make.width, make.height, GREY)
        film, mask = [blank] * make.frames, [plain(make.width, make.height, FILLED)] * make.frames
        for at, one in ((0, first), (-1, last)):
            if one:
                film[at], mask[at] = one, plain(make.width, make.height, KEPT)
        return Inputs({"video": film, "mask": mask})
    return Inputs({"image": first} | ({"last_image": last} if last else {}))


def _to_sound(make: SoundToVideo, paths: dict[str, Path], sound_hz: int) -> Inputs:
    seconds = make.frames / make.fps
    heard = read_sound(paths[make.sound], make.sound_from_s, seconds, sound_hz)
    sound = read_sound(paths[make.sound], make.sound_from_s, seconds, OF_FILM_HZ)
    first = read_picture(paths[make.image], make.width, make.height) if make.image else None
    return Inputs(conditions=(Condition(first, 0, 1.0),) if first else (), heard=heard, sound=sound)


def _from_film(make: VideoToVideo, paths: dict[str, Path]) -> Inputs:
    path = paths[make.video]
    film = read_film(path, make.video_from_s, make.frames, make.fps, make.width, make.height)
    sound = read_sound(path, make.video_from_s, make.frames / make.fps, OF_FILM_HZ)
    if make.mode == "canny":
        lines = [picture(edges(np.asarray(frame))) for frame in film]
        shown = (
            {"reference_images": [fit(open_picture(paths[make.image]), make.width, make.height)]} if make.image else {}
        )
        return Inputs({"video": lines} | shown, sound=sound)
    return Inputs({"video": film}, sound=sound)
