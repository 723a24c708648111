"""What `scripts/demo --media` shows: a chat that asks for a picture, and a toy pipeline that draws it."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "tools" / "tiny_models" / "tiny-qwen3-draws.gguf"
MODEL = "tiny-qwen3-draws"
TOY = "toy-emoji-64"
PROMPT = "Draw me a red apple."
TYPES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
PRESETS = ("thinking_general", "plain_general")


def toy() -> list[dict[str, Any]]:
    """Its entry, as the network's own catalog has it."""
    known = yaml.safe_load((ROOT / "models.yaml").read_text())
    return [entry for entry in known["media"] if entry["id"] == TOY]


def catalog(folder: Path) -> Path:
    """A catalog with the tiny model that calls the drawing tool, and the toy as models.yaml has it."""
    chat = {
        "id": MODEL,
        "name": "Tiny Qwen3 that asks for pictures",
        "format": "qwen-json",
        "files": [{"name": WEIGHTS.name, "sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}],
        "context": 4096,
        "max_output": 1024,
        "thinking": True,
        "presets": {name: {"temperature": 0.0, "top_p": 1.0, "top_k": 20} for name in PRESETS},
        "price": {"prompt": 300, "completion": 900},
        "licence": "Apache-2.0",
    }
    path = folder / "models.yaml"
    path.write_text(yaml.safe_dump({"default": MODEL, "models": [chat], "media": toy()}))
    return path


def chat_options(folder: Path) -> list[str]:
    """What the worker needs that chats."""
    return ["--model", MODEL, "--model-file", str(WEIGHTS), "--catalog", str(catalog(folder))]


def media_options(folder: Path) -> list[str]:
    """What the worker needs that draws."""
    return ["--media", TOY, "--catalog", str(catalog(folder))]


def told(progress: dict[str, Any]) -> str:
    """One line about a tool that runs."""
    percent = progress.get("percent")
    return f"{progress['name']}: {progress['status']}" + (f", {percent} %" if percent is not None else "")


def save(link: str, media_type: str | None, body: bytes) -> Path:
    """The picture in a file that outlives the demo, named as in its link."""
    if media_type not in TYPES:
        raise ValueError(f"{link} is no picture but {media_type}")
    folder = Path(tempfile.mkdtemp(prefix="supernet-drawn-"))
    path = folder / f"{Path(link).stem[:64]}.{TYPES[media_type]}"
    path.write_bytes(body)
    return path
