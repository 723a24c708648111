"""A small catalog of pipelines, and files that clients send and workers make."""

from base64 import b64encode

from coordinator.media.ready import Ready
from tools.hostile.pictures import files
from wire.catalog import Catalog, File, ModelSpec, Price
from wire.media import MediaOffer
from wire.media_catalog import MediaDefaults, MediaLimits, MediaSpec

CHAT = ModelSpec(
    id="tiny",
    name="Tiny",
    format="qwen-json",
    repository="x/tiny",
    files=(File(name="tiny.gguf"),),
    context=4096,
    max_output=512,
    price=Price(prompt=300, completion=900),
    licence="MIT",
)
DRAWS = MediaSpec(
    id="draws",
    name="Draws",
    tools=("generate_image",),
    pipeline="StableDiffusionPipeline",
    repository="x/draws",
    defaults=MediaDefaults(width=64, height=64, steps=8),
    limits=MediaLimits(pixels=128 * 128, steps=20),
    price=3_000_000,
    licence="MIT",
)
EDITS = MediaSpec(
    id="edits",
    name="Edits",
    tools=("generate_image", "edit_image"),
    pipeline="QwenImageEditPlusPipeline",
    repository="x/edits",
    defaults=MediaDefaults(width=64, height=64, steps=4),
    limits=MediaLimits(pixels=256 * 256, images=3),
    price=5_000_000,
    licence="MIT",
)
FILMS = MediaSpec(
    id="films",
    name="Films",
    tools=("generate_video",),
    pipeline="WanPipeline",
    repository="x/films",
    defaults=MediaDefaults(width=64, height=48, steps=4, fps=8, seconds=2),
    limits=MediaLimits(pixels=128 * 96, frames=33, frames_step=4),
    price=20_000_000,
    licence="MIT",
)
CATALOG = Catalog(default="tiny", models=(CHAT,), media=(DRAWS, EDITS, FILMS))


def ready(**modes: tuple[str, ...]) -> Ready:
    """One worker for each pipeline, with these modes."""
    return Ready({spec: (MediaOffer(id=spec, modes=of),) for spec, of in modes.items()})


READY = ready(
    draws=("generate_image",),
    edits=("edit_image", "generate_image"),
    films=("generate_video", "generate_video.first"),
)


def png(width: int = 8, height: int = 8, color: int = 0x336699) -> bytes:
    """A PNG of one colour."""
    row = b"\0" + color.to_bytes(3, "big") * width
    return files.png(width, height, row * height)


def uri(file: bytes) -> str:
    return "data:image/png;base64," + b64encode(file).decode()
