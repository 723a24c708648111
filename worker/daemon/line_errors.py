"""What the end of a connection means: dial again, or never, and what the owner is told of it."""

from dataclasses import replace

from pydantic import BaseModel, ValidationError
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.frames import CloseCode

from wire.errors import CLOSE_DUPLICATE, CLOSE_UNAUTHORIZED, FATAL_CLOSE_CODES, ErrorCode
from worker.daemon import reach
from worker.daemon.reason import Reason

# A proxy that speaks SOCKS needs a package (ImportError). Whatever else is raised while a socket is open is a bug.
LINE_ERRORS = (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidURI, ImportError)


class Fatal(Exception):
    """The coordinator will never take this worker as it is configured: dialling again is of no use.

    `code` is a row of issues.py. `why` keeps our words, which are the message, apart from those of what answered.
    """

    def __init__(self, code: str, message: str, said: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.why = Reason(message, said=said, final=True)


def explain(error: Exception, url: str) -> Reason | Fatal:
    """What one of LINE_ERRORS means. A Reason: dialling again may help. Fatal, returned and not raised: it never will.

    It does nothing else, as `process_exception` of websockets.
    """
    match error:
        case InvalidStatus():
            return _refused(error, url)
        case ConnectionClosed():
            return _closed(error)
        case InvalidURI():
            return Fatal("coordinator_refuses", str(error))
        case InvalidMessage():
            why = reach.no_http(url)
        case InvalidHandshake() if not isinstance(error, ProxyError):  # its words quote the answer's headers
            why = Reason(f"what answers there opens no websocket ({type(error).__name__})", said=str(error))
        case _:
            why = reach.reason(error, url)
    return replace(why, text=f"{url} cannot be reached: {why.text}")


def _refused(error: InvalidStatus, url: str) -> Reason | Fatal:
    """An HTTP answer in place of a socket."""
    status = error.response.status_code
    said = _in_words(bytes(error.response.body or b""))
    location = next(iter(error.response.headers.get_all("Location")), None)
    if why := reach.refusal(url, status, said, location):  # not final: a portal, perhaps, that wants a login first
        return Fatal("coordinator_refuses", f"{why.text}. {why.remedy}", why.said) if why.final else why
    if status in (401, 403):
        return Fatal("key_refused", f"the coordinator refused the key (HTTP {status})", said)
    if status in (400, 404, 426):
        return Fatal("coordinator_refuses", f"{url} does not take this worker (HTTP {status})", said)
    return Reason(f"HTTP {status}", said=said)


def _closed(error: ConnectionClosed) -> Reason | Fatal:
    close = error.rcvd
    if close is None:
        return Reason("the connection was lost")
    if close.code in FATAL_CLOSE_CODES:
        code = "key_refused" if close.code == CLOSE_UNAUTHORIZED else "coordinator_refuses"
        return Fatal(code, f"the coordinator closed the connection for good ({close.code})", close.reason)
    if close.code == CLOSE_DUPLICATE:
        text = f"{ErrorCode.DUPLICATE_WORKER}: another worker with this id is connected"
        remedy = "Give each worker a --state-dir of its own: a copy of the folder is the same worker."
        return Reason(text, remedy, said=close.reason)
    if close.code == CloseCode.TRY_AGAIN_LATER:
        remedy = "It dials again by itself. If that does not help, this account may have too many workers."
        return Reason("closed: it takes no more workers now", remedy, said=close.reason)
    return Reason(f"closed ({close.code})", said=close.reason)


class _Said(BaseModel):
    message: str


class _Refusal(BaseModel):
    error: _Said


def _in_words(body: bytes) -> str:
    """What a refusal says: the message of OpenAI's error object, or what else a proxy in between wrote."""
    try:
        return _Refusal.model_validate_json(body).error.message[:500]
    except ValidationError:
        return body[:500].decode("utf-8", "replace")
