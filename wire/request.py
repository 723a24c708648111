"""The request of a job: a union, told apart by `kind`: chat, or media.

One more kind is a class of its own with `kind: Literal["..."]` and two lines here: its tag in KINDS and its place in
Request. What the coordinator has to know of it is in coordinator/scheduler/work.py and
coordinator/request.py, what a worker does with it in worker/session.

The discriminator is a function, because a coordinator of before sends no `kind` and means chat, and because a worker
refuses a kind that it does not know by the job's name: a frame that cannot be read would leave the coordinator waiting.
"""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from wire.chat import ChatRequest
from wire.media import MediaRequest
from wire.scalars import Frozen

KINDS = frozenset({"chat", "media"})
UNKNOWN = "unknown"


class UnknownRequest(Frozen):
    """A request of a kind that this version does not know. Nothing but the kind is kept of it."""

    kind: Annotated[str, Field(max_length=64)]


def _tag(request: Any) -> str:
    kind = request.get("kind", "chat") if isinstance(request, dict) else getattr(request, "kind", UNKNOWN)
    return kind if isinstance(kind, str) and kind in KINDS else UNKNOWN


Request = Annotated[
    Annotated[ChatRequest, Tag("chat")]
    | Annotated[MediaRequest, Tag("media")]
    | Annotated[UnknownRequest, Tag(UNKNOWN)],
    Discriminator(_tag),
]
