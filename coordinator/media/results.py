"""What came of a call: the words for the model, the entry for the client, and the links that an answer must have.

A reader of plain text gets the link in any case: what the model left out stands at the end of its answer. Links are
ours and short, as models copy long ones wrongly, and a picture is never sent as base64 in a text.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from coordinator.artefact import Artefact
from wire.errors import ErrorCode

Json = dict[str, Any]

MOST_PROMPT_CHARS = 500  # of a prompt in the words for the model: a result of 2 KiB at most
MOST_ERROR_CHARS = 500
LABEL_CHARS = 60
IN_ANY_CASE = "The user gets the link in any case: you need not repeat it, and never make one up."
SHOWN = "The user is shown it in any case: there is no link, so write none."


@dataclass(frozen=True)
class Piece:
    """One artefact of a call, with its link, the handle by which later calls can name it, and the number of the choice
    that it is of all that the call asked for."""

    artefact: Artefact
    url: str
    handle: str | None = None
    choice: int = 0


@dataclass(frozen=True)
class Result:
    """What came of one call of a platform tool: some pieces, or why there are none. `cost_nano`: what was charged.
    `code`: of the error, unless it is the model's: a call that cannot be carried out."""

    call_id: str
    name: str
    pieces: tuple[Piece, ...] = ()
    media_type: Literal["image", "video", "audio"] | None = None
    model: str = ""
    prompt: str = ""
    seed: int | None = None
    notes: tuple[str, ...] = ()
    error: str = ""
    code: ErrorCode | None = None
    cost_nano: int = 0

    @property
    def success(self) -> bool:
        return bool(self.pieces)


def for_model(result: Result, apart: bool = False) -> str:
    """The content of the tool's message: JSON, at most about 2 KiB for up to eight pieces. `apart`: the client is given
    the pieces themselves, so the model is told of no links."""
    if not result.success:
        return _text({"success": False, "error": result.error[:MOST_ERROR_CHARS]})
    said: Json = {
        "success": True,
        "media_type": result.media_type,
        **({} if apart else {"urls": [piece.url for piece in result.pieces]}),
        "handles": [piece.handle for piece in result.pieces if piece.handle],
        "model": result.model,
        "prompt": result.prompt[:MOST_PROMPT_CHARS],
    }
    if result.notes:
        said["notes"] = list(result.notes)
    return _text(said | {"hint": SHOWN if apart else IN_ANY_CASE})


def for_client(result: Result) -> Json:
    """The entry of `sogni_tool_results`."""
    shown: Json = {
        "tool_call_id": result.call_id,
        "name": result.name,
        "success": result.success,
        "media_type": result.media_type,
        "urls": [piece.url for piece in result.pieces],
        "model": result.model or None,
        "prompt": result.prompt or None,
        "seed": result.seed,
        "artefacts": [_artefact(piece) for piece in result.pieces],
        "cost_nano_usd": result.cost_nano,
        "error": None if result.success else result.error,
        "error_code": None if result.code is None else result.code.value,
    }
    return shown | {"notes": list(result.notes)} if result.notes else shown


def missing_links(results: Iterable[Result], content: str) -> str:
    """What to add to an answer so that it has every link; empty if it has them all."""
    return "".join(
        f"\n\n{_link(result, piece)}" for result in results for piece in result.pieces if piece.url not in content
    )


def _link(result: Result, piece: Piece) -> str:
    """Markdown shows pictures alone; a film or a sound is a link with a name."""
    label = _label(result.prompt) or result.name
    return f"![{label}]({piece.url})" if result.media_type == "image" else f"[{label}]({piece.url})"


def _label(prompt: str) -> str:
    """The beginning of the prompt in one line, without what would end the label."""
    line = " ".join("".join(" " if letter in "[]()<>`\\!*_|" else letter for letter in prompt).split())
    return line if len(line) <= LABEL_CHARS else line[: LABEL_CHARS - 1].rstrip() + "…"


def _artefact(piece: Piece) -> Json:
    made = piece.artefact
    return {
        "url": piece.url,
        "media_type": made.media_type,
        "bytes": made.size_bytes,
        "width": made.width or None,
        "height": made.height or None,
        "seconds": made.seconds or None,
        "expires_at": made.expires_ms // 1000,
    }


def _text(said: Json) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))
