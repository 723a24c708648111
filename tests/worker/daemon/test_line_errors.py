import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
)
from websockets.frames import Close
from websockets.http11 import Response

from wire.errors import CLOSE_DUPLICATE, CLOSE_UNAUTHORIZED
from worker.daemon.line_errors import LINE_ERRORS, Fatal, explain
from worker.daemon.reason import Reason

URL = "ws://h:1"


def answer(status: int, body: bytes = b"no", **headers: str) -> InvalidStatus:
    return InvalidStatus(Response(status, "", Headers(headers), body))


def closed(code: int, reason: str = "why") -> ConnectionClosedOK:
    return ConnectionClosedOK(Close(code, reason), None)


@pytest.mark.parametrize(
    ("error", "text", "said"),
    [
        (answer(503, b'{"error": {"message": "busy"}}'), "HTTP 503", "busy"),
        (answer(302, Location="http://login.example/"), "h:1 redirects elsewhere", "http://login.example/"),
        (ConnectionClosedError(None, None), "the connection was lost", ""),
        (closed(1000, ""), "closed (1000)", ""),
        (closed(1011, "restarting"), "closed (1011)", "restarting"),
        (closed(1013), "closed: it takes no more workers now", "why"),
        (closed(CLOSE_DUPLICATE), "duplicate_worker: another worker with this id is connected", "why"),
        (InvalidMessage("no"), "ws://h:1 cannot be reached: h:1 answers, but not with HTTP: it may speak TLS", ""),
        (
            InvalidUpgrade("Connection", "inner words"),
            "ws://h:1 cannot be reached: what answers there opens no websocket (InvalidUpgrade)",
            "invalid Connection header: inner words",
        ),
        (ConnectionRefusedError(), "ws://h:1 cannot be reached: nothing listens at h:1", ""),
        (TimeoutError("timed out"), "ws://h:1 cannot be reached: timed out", ""),
    ],
)
def test_what_may_be_better_next_time_has_a_reason(error: Exception, text: str, said: str) -> None:
    assert isinstance(error, LINE_ERRORS)
    why = explain(error, URL)
    assert isinstance(why, Reason) and (why.text, why.said) == (text, said)


SECRET = "root:x:0:0"


@pytest.mark.parametrize("status", [200, 301, 302, 400, 401, 403, 404, 407, 426, 500, 503])
@pytest.mark.parametrize("body", ["%s", '{"error": {"message": "%s"}}', "HTTPS %s"])
@pytest.mark.parametrize("location", ["%s", "http://%s/", "https://%s@h:1/", "https://h:1/%s", "http://[%s"])
def test_no_word_of_an_answer_is_in_what_the_coordinator_is_told(status: int, body: str, location: str) -> None:
    """Before, 500 bytes of whatever had answered were."""
    error = answer(status, (body % SECRET).encode(), Location=location % SECRET)
    why = explain(error, URL)
    told = why.why if isinstance(why, Fatal) else why
    assert SECRET not in told.text + told.remedy + str(why if isinstance(why, Fatal) else "")
    assert SECRET in told.in_full or "wants TLS" in told.text, "the owner's log still has it"


@pytest.mark.parametrize(
    "error",
    [
        *(closed(code, SECRET) for code in (1000, 1008, 1011, 1013, CLOSE_DUPLICATE, CLOSE_UNAUTHORIZED)),
        InvalidUpgrade("Connection", SECRET),
        InvalidHeaderValue("Sec-WebSocket-Accept", SECRET),
        NegotiationError(f"unsupported subprotocol: {SECRET}"),
        InvalidMessage(f"did not receive a valid HTTP response: {SECRET}"),
    ],
)
def test_nor_is_a_word_of_a_handshake_or_of_a_close(error: Exception) -> None:
    assert isinstance(error, LINE_ERRORS)
    why = explain(error, URL)
    told = why.why if isinstance(why, Fatal) else why
    assert SECRET not in told.text + told.remedy


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (answer(401), "key_refused"),
        (answer(403), "key_refused"),
        (answer(400), "coordinator_refuses"),
        (answer(404), "coordinator_refuses"),
        (answer(426), "coordinator_refuses"),
        (answer(301, Location="https://h:1/"), "coordinator_refuses"),
        (closed(CLOSE_UNAUTHORIZED), "key_refused"),
        (InvalidURI("x", "no scheme"), "coordinator_refuses"),
    ],
)
def test_what_never_will_be_is_fatal(error: Exception, code: str) -> None:
    assert isinstance(error, LINE_ERRORS)
    fatal = explain(error, URL)
    assert isinstance(fatal, Fatal) and fatal.code == code
