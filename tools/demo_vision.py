"""What `scripts/demo --vision` shows: a picture drawn on the spot, and the tiny model that sees it."""

import base64
import hashlib
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from tools.tiny_models.pictures import Scene, draw, scene

MODEL = "tiny-qwen35-sees"
PROMPT = "What is on the picture?"
HERE = Path(__file__).parent / "tiny_models"
WEIGHTS, PROJECTOR = HERE / "tiny-qwen35-sees.gguf", HERE / "tiny-qwen35-sees-mmproj.gguf"
CATALOG = """
default: {id}
models:
  - id: {id}
    name: Tiny Qwen3.5 that sees
    format: qwen-xml
    files:
      - name: {weights.name}
        sha256: {weights_sha256}
    projector:
      name: {projector.name}
      sha256: {projector_sha256}
    context: 4096
    max_output: 1024
    thinking: true
    presets:
      thinking_general: {{temperature: 1.0, top_p: 1.0, top_k: 0}}
      plain_general: {{temperature: 1.0, top_p: 1.0, top_k: 0}}
    price: {{prompt: 300, completion: 900}}
    licence: Apache-2.0
"""
COLUMNS = 48  # of the terminal


def catalog(folder: Path) -> Path:
    """A catalog with this one model, written into a folder."""
    sums = {f"{name}_sha256": hashlib.sha256(file.read_bytes()).hexdigest() for name, file in _files().items()}
    path = folder / "models.yaml"
    path.write_text(CATALOG.format(id=MODEL, **_files(), **sums))
    return path


def worker_options(folder: Path) -> list[str]:
    """What a worker without a GPU needs to serve it."""
    files = ["--model-file", str(WEIGHTS), "--projector-file", str(PROJECTOR)]
    return [*files, "--vision", "on", "--catalog", str(catalog(folder))]


def _files() -> dict[str, Path]:
    return {"weights": WEIGHTS, "projector": PROJECTOR}


def picture(folder: Path, seed: int) -> tuple[Scene, Path]:
    """What is on the picture, and its file."""
    one = scene(Random(seed), test=True)
    path = folder / "picture.png"
    draw(one).save(path)
    return one, path


def question(path: Path, text: str) -> list[dict[str, Any]]:
    """The content of a message that shows the picture and asks."""
    url = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]


def in_blocks(path: Path) -> str:
    """The picture for a terminal of 24-bit colours: each letter is two pixels, one above the other."""
    with Image.open(path) as image:
        lines = round(COLUMNS * image.height / image.width / 2)
        small = image.convert("RGB").resize((COLUMNS, 2 * lines), Image.Resampling.BOX)
    pixels = small.load()
    assert pixels
    rows = []
    for y in range(0, 2 * lines, 2):
        pairs = ((pixels[x, y], pixels[x, y + 1]) for x in range(COLUMNS))
        rows.append("".join(f"\x1b[38;2;{_code(top)}m\x1b[48;2;{_code(low)}m▀" for top, low in pairs) + "\x1b[0m")
    return "\n".join(rows)


def _code(colour: Any) -> str:
    return ";".join(map(str, colour))
