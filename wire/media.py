"""A picture, a film or a piece of music to be made: the second kind of request, resolved, and what a worker offers.

One job makes one thing. Variations of it are jobs of their own, each with its own seed, so what a dead worker lost is
made again alone. The files that a request names travel to the worker as those of pictures do (wire/blobs.py). What it
has made goes to the coordinator by HTTP (UPLOAD_PATH) and not through the socket, where tokens of chats would wait
behind it; the attempt may say Done once that was taken.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from wire.scalars import AttemptNumber, Frozen, Id, Rate, Sha256

MEDIA = "media"  # a feature of Hello: the worker can be asked for media
UPLOAD_PATH = "/v1/worker/artefacts"  # PUT {UPLOAD_PATH}/{job}/{attempt}, with the token of Start as Bearer

ControlMode = Literal["restyle", "canny", "pose", "depth", "detailer", "animate-move", "animate-replace"]
ImageFormat = Literal["png", "jpeg", "webp"]
SoundFormat = Literal["mp3", "flac", "wav"]
MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "video/mp4", "audio/mpeg", "audio/flac", "audio/wav")

MAX_PROMPT_CHARS = 32_000
MAX_IMAGES = 6  # to edit, in one request
MAX_IMAGE_BYTES = 20 * 1024 * 1024  # of a file that comes with a request
MAX_SOUND_BYTES = 50 * 1024 * 1024
MAX_VIDEO_BYTES = 100 * 1024 * 1024
MAX_VARIATIONS = 16
LIMIT_BYTES = {"image": 32 * 1024 * 1024, "video": 256 * 1024 * 1024, "audio": 128 * 1024 * 1024}  # of what is made

Prompt = Annotated[str, Field(min_length=1, max_length=MAX_PROMPT_CHARS)]
MaybePrompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]
Side = Annotated[int, Field(ge=16, le=4096, multiple_of=16)]  # pixels
Steps = Annotated[int, Field(ge=1, le=100)]
Strength = Annotated[float, Field(ge=0, le=1)]
Frames = Annotated[int, Field(ge=1, le=2048)]
Fps = Annotated[int, Field(ge=1, le=60)]
FromSecond = Annotated[float, Field(ge=0, le=3600)]


class _Picture(Frozen):
    prompt: Prompt
    negative_prompt: MaybePrompt = ""
    width: Side
    height: Side
    steps: Steps
    format: ImageFormat = "png"
    previews: int = Field(0, ge=0, le=3)  # how many unfinished pictures Progress should show on the way


class GenerateImage(_Picture):
    """A picture of a text."""

    tool: Literal["generate_image"] = "generate_image"


class EditImage(_Picture):
    """A picture made from others: `images` in the order in which the prompt speaks of them."""

    tool: Literal["edit_image"] = "edit_image"
    images: tuple[Sha256, ...] = Field(min_length=1, max_length=MAX_IMAGES, fail_fast=True)


class _Film(Frozen):
    prompt: Prompt
    negative_prompt: MaybePrompt = ""
    width: Side
    height: Side
    frames: Frames
    fps: Fps
    steps: Steps


class GenerateVideo(_Film):
    """A film of a text; of the pictures it begins and ends with, if it has them."""

    tool: Literal["generate_video"] = "generate_video"
    first: Sha256 | None = None
    last: Sha256 | None = None
    first_strength: Strength = 1.0
    last_strength: Strength = 1.0


class SoundToVideo(_Film):
    """A film to a sound, which it keeps. It begins with `image`, if there is one."""

    tool: Literal["sound_to_video"] = "sound_to_video"
    sound: Sha256
    sound_from_s: FromSecond = 0.0
    image: Sha256 | None = None


class VideoToVideo(_Film):
    """A film made from another one, from its second `video_from_s` on. `strength`: how far from it, for a restyle."""

    tool: Literal["video_to_video"] = "video_to_video"
    video: Sha256
    video_from_s: FromSecond = 0.0
    mode: ControlMode
    strength: Strength = 0.6
    image: Sha256 | None = None


class GenerateMusic(Frozen):
    """A piece of music of so many seconds."""

    tool: Literal["generate_music"] = "generate_music"
    prompt: Prompt
    lyrics: MaybePrompt = ""
    language: Annotated[str, Field(max_length=16)] = "en"
    seconds: int = Field(ge=1, le=600)
    bpm: int = Field(120, ge=30, le=300)
    keyscale: Annotated[str, Field(max_length=32)] = "C major"
    timesignature: Literal["4", "3", "2", "6"] = "4"
    steps: Steps
    format: SoundFormat = "mp3"


Making = Annotated[
    GenerateImage | EditImage | GenerateVideo | SoundToVideo | VideoToVideo | GenerateMusic,
    Field(discriminator="tool"),
]


class MediaRequest(Frozen):
    """What one job is to make."""

    kind: Literal["media"] = "media"
    make: Making


def files(make: Making) -> tuple[str, ...]:
    """SHA-256 of the files that have to be there to make it, each once, in the order of the request."""
    match make:
        case EditImage():
            named: tuple[str | None, ...] = make.images
        case GenerateVideo():
            named = (make.first, make.last)
        case SoundToVideo():
            named = (make.sound, make.image)
        case VideoToVideo():
            named = (make.video, make.image)
        case _:
            named = ()
    return tuple(dict.fromkeys(name for name in named if name is not None))


def needs(make: Making) -> frozenset[str]:
    """The modes that an offer must have for it, of those in MediaOffer.modes."""
    match make:
        case GenerateVideo(first=None, last=None):
            return frozenset({"generate_video"})
        case GenerateVideo(last=None):
            return frozenset({"generate_video.first"})
        case GenerateVideo(first=None):
            return frozenset({"generate_video.last"})
        case GenerateVideo():
            return frozenset({"generate_video.first-last"})
        case SoundToVideo(image=None):
            return frozenset({"sound_to_video"})
        case SoundToVideo():
            return frozenset({"sound_to_video.image"})
        case VideoToVideo():
            return frozenset({f"video_to_video.{make.mode}"})
        case _:
            return frozenset({make.tool})


def pixels(make: Making) -> int:
    """Of one frame; 0 for music."""
    return 0 if isinstance(make, GenerateMusic) else make.width * make.height


def frames(make: Making) -> int:
    """How many pictures it is made of; 0 for music."""
    match make:
        case GenerateMusic():
            return 0
        case GenerateImage() | EditImage():
            return 1
        case _:
            return make.frames


def effort(make: Making) -> float:
    """How much there is to compute, in steps of a million pixels (2**20), or of a second of music: the unit of
    MediaOffer.speed."""
    if isinstance(make, GenerateMusic):
        return make.steps * make.seconds
    return make.steps * pixels(make) / 2**20 * frames(make)


def media_kind(make: Making) -> Literal["image", "video", "audio"]:
    """What it becomes."""
    match make:
        case GenerateImage() | EditImage():
            return "image"
        case GenerateMusic():
            return "audio"
        case _:
            return "video"


class MediaOffer(Frozen):
    """A pipeline that is loaded, or being loaded. `modes` are what it can do (`needs` has their names); a mode that is
    not there is never asked for. `speed`: `effort` a second, measured; 0: not yet. A limit of 0: none of that kind."""

    id: Id
    sha256: Annotated[str, Field(max_length=64)] = ""
    modes: tuple[Id, ...] = Field(max_length=32, fail_fast=True)
    slots: int = Field(1, ge=1, le=16)
    max_pixels: int = Field(0, ge=0, le=4096 * 4096)
    max_frames: int = Field(0, ge=0, le=2048)
    max_seconds: int = Field(0, ge=0, le=600)  # of music
    max_images: int = Field(0, ge=0, le=MAX_IMAGES)
    speed: Rate = 0.0

    def lacks(self, make: Making) -> str | None:
        """Why this worker cannot make it, for people; None: it can."""
        if missing := sorted(needs(make).difference(self.modes)):
            return f"it has no {', '.join(missing)}"
        if pixels(make) > self.max_pixels:
            return f"it makes at most {self.max_pixels:,} pixels a frame"
        if frames(make) > max(1, self.max_frames):
            return f"it makes at most {self.max_frames} frames"
        if isinstance(make, GenerateMusic) and make.seconds > self.max_seconds:
            return f"it makes at most {self.max_seconds} seconds of music"
        if isinstance(make, EditImage) and len(make.images) > self.max_images:
            return f"it takes at most {self.max_images} pictures"
        return None


class Upload(Frozen):
    """Where an attempt's one artefact goes: the token opens UPLOAD_PATH for it, once, for so many bytes."""

    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
    limit_bytes: int = Field(ge=1, le=max(LIMIT_BYTES.values()))


Stage = Literal["loading", "encoding", "denoising", "decoding", "saving", "uploading"]
MAX_PREVIEW_CHARS = 96 * 1024


class Progress(Frozen):
    """How far an attempt is. It has no number and is not replayed: the newest counts. At least one every 10 s while the
    attempt runs, at most two a second. `preview`: the unfinished picture, a PNG or JPEG in base64, if it was asked
    for."""

    type: Literal["progress"] = "progress"
    job: Id
    attempt: AttemptNumber
    stage: Stage
    step: int = Field(0, ge=0, le=100)
    steps: int = Field(0, ge=0, le=100)
    preview: Annotated[str, StringConstraints(max_length=MAX_PREVIEW_CHARS, pattern=r"^[A-Za-z0-9+/]*={0,2}$")] = ""
