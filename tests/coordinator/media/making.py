"""What is made in the coordinator's tests of media, and by what."""

from coordinator.artefact import Artefact
from wire.media import EditImage, GenerateImage, GenerateMusic, GenerateVideo, MediaOffer, MediaRequest, VideoToVideo
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec

PAINTER = MediaSpec(
    id="painter",
    name="Painter",
    tools=("generate_image", "edit_image", "generate_video", "generate_music"),
    pipeline="ZImagePipeline",
    repository="x/painter",
    defaults=MediaDefaults(width=64, height=64, steps=8, fps=16),
    limits=MediaLimits(pixels=2**21, frames=200, seconds=60, images=3),
    price=1000,
    licence="MIT",
)
MODES = ("generate_image", "edit_image", "generate_video", "generate_music")
# What a client asks for: one unit, two units, and one that brings a file.
PICTURE = MediaRequest(make=GenerateImage(prompt="a fish", width=1024, height=1024, steps=8))
WIDE = MediaRequest(make=GenerateImage(prompt="a fish", width=2048, height=1024, steps=8, previews=1))
EDIT = MediaRequest(make=EditImage(prompt="blue", width=64, height=64, steps=4, images=("a" * 64,)))
FILM = MediaRequest(make=GenerateVideo(prompt="a fish", width=1024, height=1024, frames=49, fps=16, steps=4))
CANNY = MediaRequest(
    make=VideoToVideo(prompt="x", width=64, height=64, frames=17, fps=16, steps=4, video="b" * 64, mode="canny")
)
MUSIC = MediaRequest(make=GenerateMusic(prompt="a waltz", seconds=30, steps=8))


def offer(id: str = "painter", **fields: object) -> MediaOffer:
    """Of a worker that can do all that the catalog lets it."""
    all_of_it = {"modes": MODES, "max_pixels": 2**21, "max_frames": 200, "max_seconds": 60, "max_images": 3, "speed": 1}
    return MediaOffer.model_validate({"id": id} | all_of_it | fields)


def artefact(name: str = "A" * 22) -> Artefact:
    return Artefact(name, "f" * 64, "image/png", 9, made_ms=1, expires_ms=2, width=1024, height=1024)


def in_catalog(catalog: str) -> str:
    """A models.yaml that has the painter too."""
    return catalog + f"media: [{PAINTER.model_dump_json(exclude_none=True)}]\n"
