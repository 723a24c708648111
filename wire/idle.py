"""Why a worker has no jobs, told to the worker now and then."""

from typing import Literal

from wire.scalars import Frozen, Id, Sentence

IDLE = "idle"  # a feature of Hello: the worker understands Idle


class Idle(Frozen):
    """Why the worker has no jobs, as the coordinator sees it, in a sentence for its owner. It is sent only to a worker
    whose Hello names the feature IDLE. `code` is for programs, None: it has jobs; `remedy`: what the owner can do."""

    type: Literal["idle"] = "idle"
    code: Id | None = None
    message: Sentence = ""
    remedy: Sentence = ""
