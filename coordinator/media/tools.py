"""The six platform tools as a model is told of them, and which of them one request is given.

Names, parameters, types and enums are those of the service's own tools, so clients and prompts written for them fit;
bounds stand in the words alone there, and are enforced by arguments.py. One thing differs: where theirs want a data
URI, ours want a handle (handles.py), because no model can write the megabytes of a picture. The bytes are fixed, and
the order: what the tools add to a prompt is the same for every request, so after the first it comes from a cache.
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from coordinator.attachment import Kind
from wire.chat import Tool
from wire.fixed_tool import FixedTool

SHORT_BELOW = 16_384  # tokens of context: the six take about 2,000, and the model that the demo brings has 4,096

_ADDRESS = "a handle of this conversation, such as media:1, or a link from an earlier result"
_IMAGE = f"Give {_ADDRESS} of a PNG, JPEG or WebP; no other address is fetched."
_SOUND = f"Give {_ADDRESS} of an MP3, M4A, FLAC or WAV; no other address is fetched."
_VIDEO = f"Give {_ADDRESS} of an MP4 or MOV; no other address is fetched."
_CALL = "The answer holds its link: never make up a link yourself."

_SEED = "A whole number to get the same again; -1 or nothing for a new one."
_VARIATIONS = "How many to make, each a little different: 1 to 16, 1 without it."
_AVOID = "What must not be in it, such as: blurry, text, watermark."
_FILM_SIDE = "Pixels, a multiple of 16. Leave it out unless the user asks for a size."
_FILM_SECONDS = "Seconds of film, 1 to 20; 5 without it."
_VOICE = f"A voice to speak with, for LTX models. {_SOUND}"
_VOICE_STRENGTH = "How much of that voice, 0 to 10."


def _text(about: str, *enum: str) -> dict[str, Any]:
    return {"type": "string", "description": about, **({"enum": list(enum)} if enum else {})}


def _number(about: str) -> dict[str, Any]:
    return {"type": "number", "description": about}


def _tool(name: str, about: str, *required: str, **properties: dict[str, Any]) -> FixedTool:
    parameters = {"type": "object", "properties": properties, "required": ["prompt", *required]}
    return FixedTool(name=name, description=about, parameters=parameters)


GENERATE_IMAGE = _tool(
    "sogni_generate_image",
    f"Draws a picture from a text. Call it every time the user asks for a picture, drawing, photo or image. {_CALL}",
    prompt=_text("What the picture shows, in detail: subject, composition, style, light, colours."),
    negative_prompt=_text(_AVOID),
    width=_number("Pixels, a multiple of 16, at most 2048; 1024 without it."),
    height=_number("Pixels, a multiple of 16, at most 2048; 1024 without it."),
    model=_text(
        "The model to draw with. Leave it out unless the user names one.",
        "flux1-schnell-fp8",
        "flux2_dev_fp8",
        "chroma-v.46-flash_fp8",
        "z_image_turbo_bf16",
    ),
    steps=_number("Steps of drawing, 4 to 50: more are slower and finer. Leave it out for the model's own."),
    seed=_number(_SEED),
)

EDIT_IMAGE = _tool(
    "sogni_edit_image",
    "Makes a picture out of 1 to 6 others: changes one, keeps a person's likeness, or joins several. Call it when the "
    f"user wants a picture of this conversation changed or used. {_CALL}",
    prompt=_text("What to change or make, and what of the given pictures has to stay as it is."),
    source_image_url=_text(f"The picture to change, or the first to go by. {_IMAGE}"),
    reference_image_urls={
        "type": "array",
        "description": f"More pictures to go by, for a person, clothes, a style, a place: 6 with the first. {_IMAGE}",
        "items": {"type": "string"},
    },
    negative_prompt=_text(_AVOID),
    width=_number("Pixels, a multiple of 16. Leave it out unless the user asks for a size."),
    height=_number("Pixels, a multiple of 16. Leave it out unless the user asks for a size."),
    model=_text(
        "The model to edit with. Leave it out unless the user names one.",
        "qwen_image_edit_2511_fp8_lightning",
        "qwen_image_edit_2511_fp8",
        "flux2_dev_fp8",
        "flux1-dev-kontext_fp8_scaled",
    ),
    number_of_variations=_number(_VARIATIONS),
    seed=_number(_SEED),
)

GENERATE_VIDEO = _tool(
    "sogni_generate_video",
    "Makes a short film from a text, and from a first and a last picture if they are given. Call it every time the "
    f"user asks for a video, clip or animation. {_CALL}",
    prompt=_text("The scene in present tense, as prose: who does what, how the camera moves, light and mood."),
    negative_prompt=_text(_AVOID),
    reference_image_url=_text(f"The picture to begin with. {_IMAGE}"),
    reference_image_end_url=_text(f"The picture to end with. {_IMAGE}"),
    reference_audio_identity_url=_text(_VOICE),
    audio_identity_strength=_number(_VOICE_STRENGTH),
    first_frame_strength=_number("How closely it begins with its first picture, 0 to 1."),
    last_frame_strength=_number("How closely it ends with its last picture, 0 to 1."),
    width=_number(_FILM_SIDE),
    height=_number(_FILM_SIDE),
    duration=_number(_FILM_SECONDS),
    fps=_number("Pictures a second, 1 to 60. Leave it out for the model's own."),
    model=_text("The model to film with. Leave it out unless the user names one."),
    number_of_variations=_number(_VARIATIONS),
    seed=_number(_SEED),
)

SOUND_TO_VIDEO = _tool(
    "sogni_sound_to_video",
    "Makes a short film to a given sound: a music video, speaking lips, pictures that follow the beat. Call it when "
    f"the user wants a film to a sound of this conversation. {_CALL}",
    "reference_audio_url",
    prompt=_text("What is to be seen, in present tense; the sound sets the rhythm."),
    reference_audio_url=_text(f"The sound. {_SOUND}"),
    reference_image_url=_text(f"Who or what is to be seen, or the first picture. {_IMAGE}"),
    audio_start=_number("Seconds into the sound at which the film begins; 0 without it."),
    duration=_number(_FILM_SECONDS),
    width=_number(_FILM_SIDE),
    height=_number(_FILM_SIDE),
    model=_text(
        "The model to film with. Leave it out unless the user names one.",
        "ltx23-22b-fp8_ia2v_distilled",
        "ltx23-22b-fp8_a2v_distilled",
        "wan_v2.2-14b-fp8_s2v_lightx2v",
    ),
    number_of_variations=_number(_VARIATIONS),
    seed=_number(_SEED),
)

VIDEO_TO_VIDEO = _tool(
    "sogni_video_to_video",
    "Makes a film out of another one: a new style with the same motion, or somebody else in it. Call it when the user "
    f"wants a film of this conversation changed. {_CALL}",
    "reference_video_url",
    prompt=_text("What the new film shows, in present tense. For more detail alone: the scene as it is."),
    reference_video_url=_text(f"The film to change. {_VIDEO}"),
    negative_prompt=_text(_AVOID),
    control_mode=_text(
        "What of the film is kept: its edges (canny), poses (pose), depth (depth), all but finer (detailer), or its "
        "motion for another figure (animate-move, animate-replace). Leave it out for a new style.",
        "animate-move",
        "animate-replace",
        "canny",
        "pose",
        "depth",
        "detailer",
    ),
    reference_image_url=_text(f"The figure or look to put in. {_IMAGE}"),
    reference_audio_identity_url=_text(_VOICE),
    audio_identity_strength=_number(_VOICE_STRENGTH),
    video_start=_number("Seconds into the film at which to begin; 0 without it."),
    duration=_number(_FILM_SECONDS),
    width=_number(_FILM_SIDE),
    height=_number(_FILM_SIDE),
    detailer_strength=_number("How much detail to add, 0 to 1, for detailer."),
    model=_text(
        "The model to film with. Leave it out unless the user names one.",
        "ltx23-22b-fp8_v2v_distilled",
        "wan_v2.2-14b-fp8_animate-move_lightx2v",
        "wan_v2.2-14b-fp8_animate-replace_lightx2v",
    ),
    number_of_variations=_number(_VARIATIONS),
    seed=_number(_SEED),
)

GENERATE_MUSIC = _tool(
    "sogni_generate_music",
    f"Makes music from a text. Call it every time the user asks for music, a song, a beat or a sound. {_CALL}",
    prompt=_text("What the music is like: genre, mood, tempo, instruments."),
    lyrics=_text("What is sung. Leave it out for music without a voice."),
    language=_text("The language that is sung, such as en or es."),
    duration=_number("Seconds, 10 to 600; 30 without it."),
    bpm=_number("Beats a minute, 30 to 300; 120 without it."),
    keyscale=_text('Key and scale, such as "A minor" or "F# major"; "C major" without it.'),
    timesignature=_text('Beats of a bar; "4" without it.', "4", "3", "2", "6"),
    composer_mode={"type": "boolean", "description": "Richer arrangements, where the model can."},
    prompt_strength=_number("How closely the music follows the text."),
    creativity=_number("How far it may go its own way."),
    model=_text(
        "The model to compose with: ace_step_1.5_turbo is the better one, ace_step_1.5_sft follows lyrics more "
        "closely. Leave it out unless the user names one.",
        "ace_step_1.5_turbo",
        "ace_step_1.5_sft",
    ),
    output_format=_text('The kind of file; "mp3" without it.', "mp3", "flac", "wav"),
    number_of_variations=_number(_VARIATIONS),
    seed=_number(_SEED),
)

FULL = (GENERATE_IMAGE, EDIT_IMAGE, GENERATE_VIDEO, SOUND_TO_VIDEO, VIDEO_TO_VIDEO, GENERATE_MUSIC)
NAMES = frozenset(tool.name for tool in FULL)
TAKING: dict[Kind, frozenset[str]] = {  # by what they take
    "image": frozenset(tool.name for tool in (EDIT_IMAGE, GENERATE_VIDEO, SOUND_TO_VIDEO, VIDEO_TO_VIDEO)),
    "audio": frozenset({SOUND_TO_VIDEO.name}),
    "video": frozenset({VIDEO_TO_VIDEO.name}),
}

# For models of a short context: what a text alone can ask for, in as few words as it can be said.
SHORT = (
    _tool(
        GENERATE_IMAGE.name,
        "Draws a picture. Call it when the user wants a picture.",
        prompt=_text("what the picture shows"),
    ),
    _tool(
        GENERATE_MUSIC.name,
        "Makes music. Call it when the user wants music.",
        prompt=_text("what the music is like"),
    ),
)


def take(kind: Kind | None, names: Collection[str]) -> bool:
    """Whether one of the tools takes such a thing, or where it is not known what it is, anything at all."""
    return any(TAKING[one].intersection(names) for one in ((kind,) if kind else TAKING))


def declared(served: Collection[str], context: int, taken: Collection[str] = ()) -> tuple[Tool, ...]:
    """The tools that a model of this context is told of, of those that are `served`. A tool of the client's that has
    one of these names (`taken`) is the client's."""
    return _of(frozenset(served).difference(taken), context >= SHORT_BELOW)


@lru_cache(64)
def _of(names: frozenset[str], full: bool) -> tuple[Tool, ...]:
    """Asked for by nearly every chat, and always for the same few."""
    return tuple(tool for tool in (FULL if full else SHORT) if tool.name in names)
