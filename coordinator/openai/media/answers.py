"""What a client is told of its pictures: one JSON object, or named events on the way.

Keys of ours: `model` (the pipeline that drew), `warnings` (which of several could not be drawn, and why), and the cost
in `usage`. Pictures are not made of tokens, so there are none in `usage`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from coordinator.artefact import Artefact
from coordinator.filled import Filled, Places
from coordinator.media.previews import preview_format
from coordinator.openai.chat_response import error_event
from coordinator.openai.json_body import Json
from coordinator.openai.media.images_request import Drawing
from coordinator.openai.media.size import size_text
from wire.errors import SupernetError

_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass
class ImageAnswer:
    """The words of one answer. `link` gives the address of an artefact; `created` is in Unix seconds."""

    drawing: Drawing
    created: int
    link: Callable[[Artefact], str]
    _previews: dict[int, int] = field(default_factory=dict)  # told so far, of each choice
    # Nobody but us knows an id before the answer has said it, so no other text can hold one.
    _places: Places = field(default_factory=lambda: Places("base64 of "))

    def whole(self, made: Sequence[Artefact], failed: Sequence[SupernetError], cost: Json) -> Filled:
        """The body, of what could be made: at least one."""
        first = made[0]
        answer: Json = {
            "created": self.created,
            "data": [self._shown(one) for one in made],
            **self._about(),
            "size": size_text(first.width, first.height),
            "usage": _usage(cost),
        }
        if failed:
            warnings = (f"{len(failed)} of {self.drawing.n} could not be made: {error.message}" for error in failed)
            answer["warnings"] = list(dict.fromkeys(warnings))
        return self._places.filled(_JSON.encode(answer).encode())

    def partial(self, choice: int, preview: str, width: int, height: int) -> bytes:
        """The event of an unfinished picture, in base64 as a worker sent it; nothing for one that is no picture, and
        for more than were asked for."""
        told, format = self._previews.get(choice, 0), preview_format(preview)
        if format is None or told == self.drawing.previews:
            return b""
        self._previews[choice] = told + 1
        event = {
            "b64_json": preview,
            "partial_image_index": told,
            **self._head(width, height),
            "output_format": format,
        }
        return self._event("partial_image", event).encode()

    def completed(self, made: Artefact, cost: Json) -> Filled:
        """The event of a finished picture."""
        event = {**self._shown(made), **self._head(made.width, made.height), "usage": _usage(cost)}
        return self._places.filled(self._event("completed", event).encode())

    def failed(self, error: SupernetError) -> bytes:
        """The event that ends a stream of which not all could be made."""
        return b"event: error\ndata: " + _JSON.encode({"type": "error", **error_event(error)}).encode() + b"\n\n"

    def _shown(self, made: Artefact) -> Json:
        return {"url": self.link(made)} if self.drawing.as_url else {"b64_json": self._places.of(made)}

    def _event(self, kind: str, event: Json) -> str:
        prefix = "image_edit" if self.drawing.tool == "edit_image" else "image_generation"
        return f"event: {prefix}.{kind}\ndata: {_JSON.encode({'type': f'{prefix}.{kind}', **event})}\n\n"

    def _head(self, width: int, height: int) -> Json:
        return {"created_at": self.created, **self._about(), "quality": "auto", "size": size_text(width, height)}

    def _about(self) -> Json:
        return {"output_format": self.drawing.format, "background": "opaque", "model": self.drawing.model.id}


def _usage(cost: Json) -> Json:
    none: dict[str, Any] = {"text_tokens": 0, "image_tokens": 0}
    tokens = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, "input_tokens_details": none}
    return {**tokens, **cost}
