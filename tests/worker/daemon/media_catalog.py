"""A catalog with a pipeline in it, beside the model of fake_coordinator.py."""

from pathlib import Path

from tests.worker.daemon.fake_coordinator import CATALOG

MEDIA = """
media:
  - id: painter
    name: Painter
    tools: [generate_image, edit_image]
    pipeline: StableDiffusionPipeline
    package: no_such_package
    folder: weights
    size_bytes: 1000000
    memory_bytes: 2000000
    defaults: {width: 64, height: 64, steps: 4}
    limits: {pixels: 65536, images: 2}
    price: 1
    licence: Apache-2.0
"""


def written(folder: Path) -> Path:
    """The path of a file with the catalog."""
    file = folder / "with_media.yaml"
    file.write_text(CATALOG + MEDIA)
    return file
