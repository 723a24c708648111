"""What the session wants done: the daemon performs it. Frozen, so that tests compare them as literals."""

from dataclasses import dataclass

from pydantic import BaseModel

from wire.chat import ChatRequest
from wire.messages import Issue
from worker.engine import port
from worker.session.slots import JobKey


@dataclass(frozen=True)
class Send:
    """Put a frame on the wire."""

    message: BaseModel


@dataclass(frozen=True)
class Tell:
    """Tell the owner: a problem has come, or is over (`active` False)."""

    issue: Issue


@dataclass(frozen=True)
class Bug:
    """Reading this attempt's answer went wrong in a way that nobody foresaw: for the log, with its traceback."""

    key: JobKey
    error: Exception


@dataclass(frozen=True)
class Prepare:
    """Render and tokenise a request; answered by prepared() or prepare_failed()."""

    key: JobKey
    model: str
    request: ChatRequest
    delivered: tuple[int, ...]


@dataclass(frozen=True)
class Command:
    """Tell the engine of `model`."""

    model: str
    command: port.Command


@dataclass(frozen=True)
class GiveUp:
    """The engine stays down: leave, and look at the machine anew after a while."""

    issue: Issue


@dataclass(frozen=True)
class Redial:
    """Close the socket and dial again after a pause, at `url` if one is given."""

    after_s: float
    url: str | None


@dataclass(frozen=True)
class Leave:
    """Drained: nothing runs and every end has been acknowledged (or the deadline is over)."""


Effect = Send | Tell | Bug | Prepare | Command | GiveUp | Redial | Leave
