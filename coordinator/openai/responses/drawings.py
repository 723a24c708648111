"""Pictures that the model has drawn, as items of a Response's `output`, and their events in its stream.

An item is there from the first sign of the drawing on, with the same id to its end: `in_progress`, `generating`, any
unfinished pictures, `completed`. The id is made from the name of the job that draws it, so that a later request can
name the picture by it. A call that cannot be carried out makes no item: the model is told, and calls again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from coordinator.filled import Places
from coordinator.media.previews import preview_format
from coordinator.media.results import Piece, Result
from coordinator.openai.json_body import Json
from coordinator.openai.responses.image_generation import ACTIONS
from coordinator.request import PictureWish
from coordinator.rounds.events import ToolProgress

Status = Literal["in_progress", "generating", "completed", "failed"]
_OURS = re.compile(r"ig_([0-9a-f]{32})_(\d)_(\d{1,2})_(\d{1,2})")


def job_of(name: str) -> str:
    """The name of the job that made the picture of an item; empty for the id of another server's."""
    found = _OURS.fullmatch(name)
    return ".".join(found.groups()) if found else ""


def picture_id(name: str, part: str, choice: int) -> str:
    """The id of the item for a choice of a call. `name`: of the request; `part`: of the call in it, ROUND.CALL."""
    return f"ig_{name}_{part.replace('.', '_')}_{choice}"


@dataclass
class PictureItem:
    """One entry of `output`. `head` are the keys that do not change, `drawn` those that are known at its end."""

    place: int
    head: Json
    status: Status = "in_progress"
    drawn: Json = field(default_factory=dict)
    previews: int = 0
    kind: Literal["image_generation_call"] = "image_generation_call"

    def json(self) -> Json:
        # An item that is over has a text there: Vercel's AI SDK throws the whole answer away that has null.
        result = "" if self.status == "failed" else None
        return {**self.head, "type": self.kind, "status": self.status, "result": result, **self.drawn}


class Drawings:
    """The pictures of one answer: `told` for whatever is said of a call that draws. They join `items`, the answer's
    own list; `event` makes an event of the stream. `places` stand for the files."""

    def __init__(
        self, name: str, wish: PictureWish, places: Places, items: list[Any], event: Callable[..., Json]
    ) -> None:
        self._name = name
        self._wish = wish
        self._places = places
        self._items = items
        self._event = event
        self._opened: dict[str, PictureItem] = {}  # by id; of several variations the first alone, until all are done

    def of(self, tool: str) -> bool:
        """Whether what this tool makes is a picture of the answer's own."""
        return tool in self._wish.tools

    def told(self, progress: ToolProgress) -> list[Json]:
        """The events of what is said of a call."""
        if progress.result is not None:
            return self._ended(progress, progress.result)
        if progress.status != "running":
            return []
        item, events = self._item(progress, 0)
        if item.status == "in_progress":
            item.status = "generating"
            events.append(self._of(item, "generating"))
        return [*events, *self._preview(item, progress.preview)]

    def cut(self) -> None:
        """The answer ends without them."""
        for item in self._opened.values():
            if item.status not in ("completed", "failed"):
                item.status = "failed"

    def _ended(self, progress: ToolProgress, result: Result) -> list[Json]:
        events: list[Json] = []
        made = {piece.choice: piece for piece in result.pieces}
        if 0 not in made and (self._id(progress, 0) in self._opened or (not made and result.code is not None)):
            item, events = self._item(progress, 0)
            item.status = "failed"
            code = result.code.value if result.code is not None else None
            error = {"type": "image_generation_error", "code": code, "message": result.error or _OTHERS, "param": None}
            item.drawn = {"error": error}
            events.append(self._done(item))
        for choice, piece in sorted(made.items()):
            item, opened = self._item(progress, choice)
            if item.status == "in_progress":
                opened.append(self._of(item, "generating"))
            item.status = "completed"
            item.drawn = self._drawn(piece, result)
            events += [*opened, self._of(item, "completed"), self._done(item)]
        return events

    def _item(self, progress: ToolProgress, choice: int) -> tuple[PictureItem, list[Json]]:
        """The item of a choice, and the events that open it if it is new."""
        name = self._id(progress, choice)
        if name in self._opened:
            return self._opened[name], []
        action = next(action for action, tools in ACTIONS.items() if progress.name in tools)
        head: Json = {
            "id": name,
            "action": action,
            "background": "opaque",
            "output_format": self._wish.format,
            "quality": "auto",
        }
        item = self._opened[name] = PictureItem(len(self._items), head)
        self._items.append(item)
        added = self._event("response.output_item.added", output_index=item.place, item=item.json())
        return item, [added, self._of(item, "in_progress")]

    def _preview(self, item: PictureItem, preview: str) -> list[Json]:
        format = preview_format(preview)
        if format is None or item.previews == self._wish.previews:
            return []
        place, item.previews = item.previews, item.previews + 1
        shown = {"partial_image_b64": preview, "partial_image_index": place, "output_format": format}
        return [self._of(item, "partial_image", **shown, background="opaque", quality="auto")]

    def _drawn(self, piece: Piece, result: Result) -> Json:
        made = piece.artefact
        return {
            "result": self._places.of(made),
            "revised_prompt": result.prompt,
            "size": f"{made.width}x{made.height}",
            "output_format": made.media_type.removeprefix("image/"),
        }

    def _id(self, progress: ToolProgress, choice: int) -> str:
        return picture_id(self._name, progress.part, choice)

    def _of(self, item: PictureItem, kind: str, **rest: Any) -> Json:
        kind = f"response.image_generation_call.{kind}"
        return self._event(kind, item_id=item.head["id"], output_index=item.place, **rest)

    def _done(self, item: PictureItem) -> Json:
        return self._event("response.output_item.done", output_index=item.place, item=item.json())


_OTHERS = "it was not drawn, others of the same call were"
