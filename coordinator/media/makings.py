"""One call of a tool -> what is to be made, on the first pipeline that can: the one that was asked for, if it can.

A model that is not served is no obstacle: another one makes it, and the result says which.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from coordinator.media import shape
from coordinator.media.arguments import Arguments, BadCall
from coordinator.media.handles import Handles, Medium
from coordinator.media.ready import Ready
from coordinator.request import PictureWish
from wire.media import (
    EditImage,
    GenerateImage,
    GenerateMusic,
    GenerateVideo,
    Making,
    SoundToVideo,
    VideoToVideo,
    media_kind,
)
from wire.media_catalog import MediaSpec
from wire.media_tools import Tool

PREFIX = "sogni_"
MOST_REASONS = 3
FILM_S, MUSIC_S = 5.0, 30  # without a duration
UNREAD = "0" * 64  # in place of a digest, until the file of a link of ours has been read


@dataclass(frozen=True)
class Order:
    """What is to be made, `variations` times. `media`: the things of the conversation that it is made from; `make` has
    the digests of those that came with the request, and UNREAD for those that are stored here, in the same order."""

    spec: MediaSpec
    make: Making
    variations: int
    seed: int | None
    media: tuple[Medium, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["image", "video", "audio"]:
        return media_kind(self.make)


def order(
    arguments: Arguments,
    catalog: Sequence[MediaSpec],
    ready: Ready,
    handles: Handles,
    pictures: PictureWish | None = None,
) -> Order:
    """The order of a call. `pictures`: what the client wants of them. Raises BadCall, one sentence for the model."""
    if pictures is not None and arguments.tool in pictures.tools:
        arguments = _as_wished(arguments, pictures)
    tool: Tool = arguments.tool.removeprefix(PREFIX)  # type: ignore[assignment]  # one of the six: `read` saw to it
    wanted, variations, seed = arguments.text("model", 128), arguments.variations(), arguments.seed()
    able = [spec for spec in catalog if ready.serves(spec, tool)]
    if not able:
        raise BadCall(f"no worker serves {arguments.tool} at the moment: tell the user to try again later")
    reasons: list[str] = []
    for spec in sorted(able, key=lambda spec: spec.id != wanted):  # else in the order of the catalog
        notes = replace(arguments, notes=list(arguments.notes))
        make, media = MAKERS[tool](notes, spec, handles)
        if pictures is not None and isinstance(make, GenerateImage | EditImage):
            make = make.model_copy(update={"format": pictures.format, "previews": pictures.previews})
        reason = ready.lacks(spec, make)
        if reason is None:
            if wanted and wanted != spec.id:
                notes.note(f"{wanted[:64]} is not served at the moment: {spec.id} made it")
            return Order(spec, make, variations, seed, tuple(media), tuple(notes.notes))
        reasons.append(f"{spec.id}: {reason}")
    raise BadCall(f"no worker can make this at the moment ({'; '.join(reasons[:MOST_REASONS])})")


def _as_wished(arguments: Arguments, pictures: PictureWish) -> Arguments:
    """What the client says of every picture goes before what its model says of one."""
    values = dict(arguments.values)
    if pictures.size is not None:
        values["width"], values["height"] = pictures.size
    if pictures.model:
        values["model"] = pictures.model
    return replace(arguments, values=values)


def placed(make: Making, digests: Sequence[str]) -> Making:
    """The same with the digests of all its files, in the order of Order.media."""
    match make:
        case EditImage():
            return make.model_copy(update={"images": tuple(digests)})
        case GenerateVideo():
            names = ("first", "last")
        case SoundToVideo():
            names = ("sound", "image")
        case VideoToVideo():
            names = ("video", "image")
        case _:
            return make
    given = [name for name in names if getattr(make, name) is not None]
    return make.model_copy(update=dict(zip(given, digests, strict=True)))


# ---- what each tool makes --------------------------------------------------------------------------------------------

Made = tuple[Making, list[Medium]]


def _generate_image(arguments: Arguments, spec: MediaSpec, handles: Handles) -> Made:
    width, height = _size(arguments, spec)
    make = GenerateImage(
        prompt=arguments.prompt(),
        negative_prompt=_negative(arguments, spec),
        width=width,
        height=height,
        steps=_steps(arguments, spec),
    )
    return make, []


def _edit_image(arguments: Arguments, spec: MediaSpec, handles: Handles) -> Made:
    prompt = arguments.prompt()
    images = arguments.images(handles)
    if len(images) > spec.limits.images > 0:
        arguments.note(f"{spec.id} takes at most {spec.limits.images} pictures: the others were left out")
        images = images[: spec.limits.images]
    width, height = _size(arguments, spec)
    make = EditImage(
        prompt=prompt,
        negative_prompt=_negative(arguments, spec),
        width=width,
        height=height,
        steps=spec.defaults.steps,
        images=tuple(map(_digest, images)),
    )
    return make, images


def _generate_video(arguments: Arguments, spec: MediaSpec, handles: Handles) -> Made:
    first = arguments.medium("reference_image_url", "image", handles)
    last = arguments.medium("reference_image_end_url", "image", handles)
    first_strength = arguments.number("first_frame_strength", 0, 1)
    last_strength = arguments.number("last_frame_strength", 0, 1)
    make = GenerateVideo(
        **_film(arguments, spec),
        negative_prompt=_negative(arguments, spec),
        first=_digest(first) if first else None,
        last=_digest(last) if last else None,
        first_strength=1.0 if first_strength is None else first_strength,
        last_strength=1.0 if last_strength is None else last_strength,
    )
    return make, [medium for medium in (first, last) if medium]


def _sound_to_video(arguments: Arguments, spec: MediaSpec, handles: Handles) -> Made:
    sound = arguments.needed("reference_audio_url", "audio", handles)
    image = arguments.medium("reference_image_url", "image", handles)
    make = SoundToVideo(
        **_film(arguments, spec),
        sound=_digest(sound),
        sound_from_s=arguments.number("audio_start", 0, 3600) or 0.0,
        image=_digest(image) if image else None,
    )
    return make, [medium for medium in (sound, image) if medium]


def _video_to_video(arguments: Arguments, spec: MediaSpec, handles: Handles) -> Made:
    video = arguments.needed("reference_video_url", "video", handles)
    image = arguments.medium("reference_image_url", "image", handles)
    make = VideoToVideo(
        **_film(arguments, spec),
        negative_prompt=_negative(arguments, spec),
        video=_digest(video),
        video_from_s=arguments.number("video_start", 0, 3600) or 0.0,
        mode=arguments.choice("control_mode", "restyle"),
        image=_digest(image) if image else None,
    )
    return make, [medium for medium in (video, image) if medium]


def _generate_music(arguments: Arguments, spec: MediaSpec, handles: Handles) -> Made:
    seconds = arguments.integer("duration", 10, 600) or spec.defaults.seconds or MUSIC_S
    if seconds > spec.limits.seconds:
        arguments.note(f"{spec.id} makes at most {spec.limits.seconds} seconds: so many were made")
        seconds = spec.limits.seconds
    make = GenerateMusic(
        prompt=arguments.prompt(),
        lyrics=arguments.text("lyrics"),
        language=arguments.text("language", 16) or "en",
        seconds=seconds,
        bpm=arguments.integer("bpm", 30, 300) or 120,
        keyscale=arguments.text("keyscale", 32) or "C major",
        timesignature=arguments.choice("timesignature", "4"),
        steps=spec.defaults.steps,
        format=arguments.choice("output_format", "mp3"),
    )
    return make, []


MAKERS = {
    "generate_image": _generate_image,
    "edit_image": _edit_image,
    "generate_video": _generate_video,
    "sound_to_video": _sound_to_video,
    "video_to_video": _video_to_video,
    "generate_music": _generate_music,
}


def _film(arguments: Arguments, spec: MediaSpec) -> dict[str, str | int]:
    """What all films have."""
    fps = arguments.integer("fps", 1, 60) or spec.defaults.fps or 16
    seconds = arguments.number("duration", 1, 20) or spec.defaults.seconds or FILM_S
    frames = shape.film_frames(spec, seconds, fps)
    if frames > spec.limits.frames:
        frames = shape.film_frames(spec, (spec.limits.frames - 1) // fps, fps)
        arguments.note(f"{spec.id} makes at most {spec.limits.frames} frames: the film is that long")
    width, height = _size(arguments, spec)
    return {
        "prompt": arguments.prompt(),
        "width": width,
        "height": height,
        "frames": frames,
        "fps": fps,
        "steps": spec.defaults.steps,
    }


def _size(arguments: Arguments, spec: MediaSpec) -> tuple[int, int]:
    """The nearest size to the one that was asked for, or the pipeline's own."""
    wanted = arguments.size()
    if wanted is None:
        return spec.defaults.width, spec.defaults.height
    made = shape.nearest_size(spec, *wanted)
    if made != wanted:
        arguments.note(f"{spec.id} makes {made[0]}x{made[1]} in place of {wanted[0]}x{wanted[1]}")
    return made


def _steps(arguments: Arguments, spec: MediaSpec) -> int:
    steps = arguments.integer("steps", 1, 100) or spec.defaults.steps
    if steps > spec.limits.steps:
        arguments.note(f"{spec.id} draws in at most {spec.limits.steps} steps: so many were taken")
    return min(steps, spec.limits.steps)


def _negative(arguments: Arguments, spec: MediaSpec) -> str:
    text = arguments.text("negative_prompt")
    if text and not spec.defaults.guidance:
        arguments.note(f"negative_prompt has no effect with {spec.id}")
    return text


def _digest(medium: Medium) -> str:
    return medium.sha256 or UNREAD
