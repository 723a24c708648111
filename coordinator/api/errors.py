"""Errors as HTTP responses: OpenAI's envelope, below /v1/messages Anthropic's, and the headers that clients obey."""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from coordinator.admission.rate_limits import RateLimited
from coordinator.anthropic.events import error_json, wrapped_error
from coordinator.api.body import ENCODINGS, UnknownEncoding
from coordinator.api.elsewhere import instead
from coordinator.api.events import LEFT
from coordinator.api.pages import Pages
from coordinator.billing.billing import behind
from coordinator.openai.chat_response import error_body
from coordinator.openai.json_body import Json
from coordinator.sogni.errors import NOT_OFFERED, refusal, rest_error
from coordinator.sogni.paths import is_theirs, not_offered
from coordinator.store.errors import Busy, Unavailable
from coordinator.telemetry.metrics import Metrics
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.app")

MESSAGES_PATH = "/v1/messages"
PICTURE = re.compile(r"images\[([0-9]{1,2})\]")
BUSY_S = 2.0
RETRY_S = 1.0  # when an error that may be retried does not say how long to wait
LINGER_S, LINGER_BYTES = 5.0, 64 * 1024 * 1024

Handler = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True)
class ErrorAnswers:
    """The answer to every exception that an endpoint or the router raises."""

    metrics: Metrics
    pages: Pages

    def by_exception(self) -> Mapping[type[Exception], Handler]:
        """Return the handler of each kind of exception, for Starlette."""
        return {
            SupernetError: self._supernet_error,
            Unavailable: self._database_away,
            Busy: self._too_many_questions,
            HTTPException: self._router_error,
            ClientDisconnect: self._client_left,
            Exception: self._bug,
        }

    async def _supernet_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, SupernetError)
        self.metrics.refused(error.code.value)
        return error_response(error, _body(request, error))

    async def _database_away(self, request: Request, error: Exception) -> Response:
        """What the database says is for the operator."""
        log.error("request %s: %s", request.scope["request_id"], error)
        return await self._supernet_error(request, behind())

    async def _too_many_questions(self, request: Request, error: Exception) -> Response:
        return await self._supernet_error(request, busy(error))

    async def _router_error(self, request: Request, error: Exception) -> Response:
        """No route has this path (404, or a page for a browser), or none of its routes this method (405)."""
        assert isinstance(error, HTTPException)
        tried, headers = f"{request.method} {request.url.path[:200]}", dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = allowed = _allowed_methods(request)
            code, message = "method_not_allowed", f"Not allowed to {tried}: use {allowed}."
        elif _wants_a_page(request):
            return self.pages.not_found(request)
        elif theirs := not_offered(request.url.path):
            code, message = NOT_OFFERED, theirs
        else:
            advice = instead(request.url.path) or "Please check the URL for typos."
            code, message = "unknown_url", f"Unknown request URL: {tried}. {advice}"
        inner = {"message": message, "param": None, "code": code}
        if _is_anthropics(request):
            body = wrapped_error(error.status_code, inner, request.scope["request_id"])
        else:
            body = {"error": {"type": "invalid_request_error", **inner}}
            if code == NOT_OFFERED:
                body = refusal(error.status_code, message, body)
        return JSONResponse(body, error.status_code, {**headers, "x-should-retry": "false"})

    async def _client_left(self, request: Request, error: Exception) -> Response:
        return Response(status_code=LEFT)

    async def _bug(self, request: Request, error: Exception) -> Response:
        """Log the traceback, and tell the client nothing about the inside of this server."""
        log.error("request %s failed", request.scope["request_id"], exc_info=error)
        message = "The server had an error while it processed your request."
        return JSONResponse(_body(request, SupernetError(ErrorCode.INTERNAL_ERROR, message)), 500)


def busy(error: Exception) -> RateLimited:
    """The error for a client that has too many questions under way."""
    return RateLimited(f"Try again in a moment: {error}.", BUSY_S, {})


def _is_anthropics(request: Request) -> bool:
    return request.url.path.startswith(MESSAGES_PATH)


def renamed(error: SupernetError, names: Mapping[str, str], pictures: Sequence[str] = ()) -> SupernetError:
    """Return the error with its field called what an API calls it. `names`: what a worker calls a field -> its name.
    `pictures`: where the request has each; a worker knows them by their number, as the field `images[N]`."""
    message, param = error.message, names.get(error.param or "", error.param)
    number = PICTURE.fullmatch(param or "")
    if number and int(number[1]) < len(pictures):
        param = pictures[int(number[1])]
        message = f"Invalid '{param}': {message}"
    return SupernetError(error.code, message, param=param, retry_after_s=error.retry_after_s)


def _body(request: Request, error: SupernetError) -> Json:
    """The error in the envelope of the API that was asked."""
    if _is_anthropics(request):
        return error_json(error, request.scope["request_id"])
    return rest_error(error) if is_theirs(request.url.path) else error_body(error)


def error_response(error: SupernetError, body: Json) -> Response:
    """The body, and headers that say when to retry, or that a retry is of no use."""
    headers: dict[str, str] = {}
    status = 415 if isinstance(error, UnknownEncoding) else error.row.status
    if status in (429, 503) or (status == 409 and error.retry_after_s is not None):
        wait_s = RETRY_S if error.retry_after_s is None else error.retry_after_s
        headers["retry-after"] = str(math.ceil(wait_s))
        headers["retry-after-ms"] = str(math.ceil(wait_s * 1000))
    elif status < 500:
        headers["x-should-retry"] = "false"
    if isinstance(error, RateLimited):
        headers |= error.headers
    if isinstance(error, UnknownEncoding):
        headers["accept-encoding"] = ", ".join(ENCODINGS)
    if error.code is ErrorCode.INVALID_API_KEY:
        headers["www-authenticate"] = "Bearer"
    if error.code is ErrorCode.REQUEST_TOO_LARGE:
        return _LastWord(body, status, {**headers, "connection": "close"})
    return JSONResponse(body, status, headers)


class _LastWord(JSONResponse):
    """An answer to a client that is still sending. Closing at once would reset the connection, and the reset can
    overtake the answer (httpx then reports a broken connection, which clients retry): so the rest of the body is
    received and thrown away, for LINGER_S seconds and LINGER_BYTES bytes at most."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_S):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b""})


def _wants_a_page(request: Request) -> bool:
    """Whether a person typed the address into a browser. Programs of the API are told in JSON."""
    accept, path = request.headers.get("accept", ""), request.url.path
    return (
        request.method in ("GET", "HEAD") and "text/html" in accept and not (path + "/").startswith(("/v1/", "/web/"))
    )


def _allowed_methods(request: Request) -> str:
    """The methods of all routes of this path: the router's own header names only those of the first."""
    found = [route for route in request.app.routes if route.matches(request.scope)[0] is Match.PARTIAL]
    return ", ".join(sorted({method for route in found for method in route.methods}))
