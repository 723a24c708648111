"""Pictures as clients send them, and models that see them or do not."""

import json
from base64 import b64encode
from typing import Any

from coordinator.openai.images import Pictures
from tools.hostile.pictures import files
from wire.catalog import Catalog, File, ModelSpec, Price


def _spec(model_id: str, **changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "id": model_id,
        "name": model_id.upper(),
        "format": "qwen-xml",
        "repository": "owner/name",
        "files": (File(name="a.gguf"),),
        "context": 65536,
        "max_output": 512,
        "price": Price(prompt=300, completion=900),
        "licence": "Apache-2.0",
    }
    return ModelSpec(**{**fields, **changes})


SEER = _spec("seer", projector=File(name="eyes.gguf"))
BLIND = _spec("blind")
CATALOG = Catalog(default="seer", models=(SEER, BLIND))


def png(color: int = 0, padding: int = 0) -> bytes:
    """A PNG of one pixel; with `padding` more bytes in a chunk that nobody looks at."""
    whole = files.png(1, 1, b"\0" + color.to_bytes(3, "big"))
    return files.put_in(whole, files.chunk(b"teSt", bytes(padding - 12))) if padding else whole


PNG = png()


def uri(file: bytes = PNG, head: str = "data:image/png;base64,") -> str:
    return head + b64encode(file).decode()


def shown() -> Pictures:
    """Pictures of a request for a model that sees them."""
    return Pictures(SEER, CATALOG)


def unseen() -> Pictures:
    """Pictures of a request for a model that takes text only."""
    return Pictures(BLIND, CATALOG)


def image_url(url: Any = None, **rest: Any) -> dict[str, Any]:
    """A part of a chat completion."""
    return {"type": "image_url", "image_url": {"url": url or uri(), **rest}}


def input_image(url: Any = None, **rest: Any) -> dict[str, Any]:
    """A part of the Responses API."""
    return {"type": "input_image", "image_url": url or uri(), **rest}


def image(file: bytes = PNG, media_type: str = "image/png", **rest: Any) -> dict[str, Any]:
    """A block of the Messages API."""
    source = {"type": "base64", "media_type": media_type, "data": b64encode(file).decode()}
    return {"type": "image", "source": source | rest}


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()
