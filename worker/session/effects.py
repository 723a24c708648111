"""What the session wants done: the daemon performs it. Frozen, so that tests compare them as literals."""

from dataclasses import dataclass, field

from pydantic import BaseModel

from wire.chat import ChatRequest
from wire.media import Making, Upload
from wire.messages import Issue
from worker.chat.prepared import Seen
from worker.chat.written import Claim
from worker.engine import port
from worker.media_engine.port import Made
from worker.session.slots import JobKey


@dataclass(frozen=True)
class Send:
    """Put a frame on the wire."""

    message: BaseModel


@dataclass(frozen=True)
class Tell:
    """Log for the owner that a problem has come, or is over (`active` False)."""

    issue: Issue


@dataclass(frozen=True)
class Bug:
    """Log, with its traceback, an error of ours in reading this attempt's answer."""

    key: JobKey
    error: Exception


@dataclass(frozen=True)
class PictureFile:
    """A picture as its client sent it, and the most tokens that it may be."""

    sha256: str
    most: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class ReadPictures:
    """Make pictures of these files, one after the other; each is answered by picture_read(), or picture_failed() if it
    cannot be, for as long as the answers are waited for."""

    key: JobKey
    model: str
    files: tuple[PictureFile, ...]


@dataclass(frozen=True)
class Prepare:
    """Render and tokenise a request; answered by prepared() or prepare_failed(). `seen`: its pictures in their order,
    which the engine has been shown. `said`: what else the client is to be told, besides what its preparation says."""

    key: JobKey
    model: str
    request: ChatRequest
    delivered: tuple[int, ...]
    seen: tuple[Seen, ...] = ()
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """Hold a finished answer against its schema; answered by checked(), in less time than a coordinator waits between
    tokens."""

    key: JobKey
    model: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Command:
    """Send a command to the engine of `model`."""

    model: str
    command: port.Command


@dataclass(frozen=True)
class OfMedia:
    """What daemon/media_driver.py does."""


@dataclass(frozen=True)
class Keep(OfMedia):
    """Append a piece to the file of this SHA-256, which is to be an input."""

    sha256: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Forget(OfMedia):
    """Remove the file of this SHA-256: nobody needs it any more."""

    sha256: str


@dataclass(frozen=True)
class Make(OfMedia):
    """Have the engine of `model` make something. The files that it needs were kept."""

    key: JobKey
    model: str
    make: Making
    seed: int


@dataclass(frozen=True)
class StopMaking(OfMedia):
    """Have the engine of `model` leave the attempt within a step."""

    key: JobKey
    model: str


@dataclass(frozen=True)
class SendFile(OfMedia):
    """Upload what was made; answered by uploaded(), or upload_failed() after some tries."""

    key: JobKey
    model: str
    made: Made
    upload: Upload


@dataclass(frozen=True)
class StopSending(OfMedia):
    """Nobody wants the file any more: end its upload, which is not answered then."""

    key: JobKey


@dataclass(frozen=True)
class CleanUp(OfMedia):
    """Remove what was made for this attempt: it has ended."""

    key: JobKey


@dataclass(frozen=True)
class GiveUp:
    """End this daemon, because the engine stays down: another one looks at the machine anew after a while."""

    issue: Issue


@dataclass(frozen=True)
class Redial:
    """Close the socket and dial again after a pause, at `url` if one is given. `why`: for the owner's log."""

    after_s: float
    url: str | None
    why: str


@dataclass(frozen=True)
class Leave:
    """End this daemon: nothing runs and every end has been acknowledged, or the deadline of the drain is over."""


Effect = Send | Tell | Bug | ReadPictures | Prepare | Check | Command | OfMedia | GiveUp | Redial | Leave
