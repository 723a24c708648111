"""The routes, and one shape for every error."""

import asyncio
import logging
import math
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.accounts.accounts import Accounts
from coordinator.admission.admission import Gate
from coordinator.admission.rate_limits import Quota, RateLimited
from coordinator.api.account import AccountApi
from coordinator.api.answering import LEFT
from coordinator.api.chat import ChatApi
from coordinator.api.intake import Desk
from coordinator.api.responses import ResponsesApi
from coordinator.api.worker_socket import WorkerLink
from coordinator.billing.billing import Billing
from coordinator.dashboard.routes import Dashboard, add_dashboard
from coordinator.hub.hub import Hub
from coordinator.ledger.writer import LedgerWriter
from coordinator.openai.chat_response import error_body
from coordinator.openai.models import model_object
from coordinator.telemetry.metrics import Metrics
from wire.catalog import Catalog, ModelSpec
from wire.errors import ErrorCode, SupernetError
from wire.messages import WORKER_PATH

log = logging.getLogger("supernet.app")

RETRY_S = 1.0  # when an error that may be retried does not say how long to wait
LINGER_S, LINGER_BYTES = 5.0, 32 * 1024 * 1024
OPENAPI = Path(__file__).with_name("openapi.json").read_bytes()
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True)
class Services:
    """What the routes work with."""

    hub: Hub
    accounts: Accounts
    catalog: Catalog
    ledger: LedgerWriter
    account: AccountApi
    billing: Billing
    quota: Quota
    dashboard: Dashboard

    @property
    def ready(self) -> bool:
        return not self.hub.dispatch.draining and self.ledger.healthy and self.accounts.healthy


def create_app(services: Services) -> ASGIApp:
    # Not the framework's own document: it knows nothing of raw bodies. `scripts/openapi` reads ours off the readers.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    desk = Desk(services.hub, services.accounts, services.catalog, services.billing, Gate(services.quota))
    models = _Models(services, created=int(time.time()))
    probes = _Probes(services)
    metrics = Metrics(services.hub.dispatch, services.catalog, services.ledger)
    services.hub.ended = metrics.job_ended
    app.add_api_route("/v1/chat/completions", ChatApi(desk).completions, methods=["POST"], response_model=None)
    app.add_api_route("/v1/responses", ResponsesApi(desk).create, methods=["POST"], response_model=None)
    account_routes(app, services.account)
    app.add_api_route("/v1/models", models.all, methods=["GET"], response_model=None)
    app.add_api_route("/v1/models/{model_id:path}", models.one, methods=["GET"], response_model=None)
    for path in ("/health", "/livez"):
        app.add_api_route(path, probes.alive, methods=["GET", "HEAD"], response_model=None)
    app.add_api_route("/readyz", probes.ready, methods=["GET", "HEAD"], response_model=None)
    app.add_api_route("/metrics", _Scrape(services, metrics).scrape, methods=["GET"], response_model=None)
    app.add_api_route("/openapi.json", _openapi, methods=["GET"], response_model=None)
    add_dashboard(app, services.dashboard)
    workers = WorkerLink(services.hub, services.accounts, services.catalog)
    app.add_api_websocket_route(WORKER_PATH, workers.endpoint)
    app.add_api_route(WORKER_PATH, workers.asked, methods=["GET"], response_model=None)
    app.add_exception_handler(SupernetError, _supernet_error)
    app.add_exception_handler(StarletteHTTPException, _http_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _client_left)
    app.add_exception_handler(Exception, _internal_error)
    app.state.metrics = metrics
    return _Edge(app, metrics)


def account_routes(app: FastAPI, account: AccountApi) -> None:
    for method, path, handler in (
        ("GET", "/v1/account", account.show),
        ("GET", "/v1/account/usage", account.usage),
        ("POST", "/v1/account/bonus", account.claim),
        ("POST", "/v1/account/earnings/spend", account.spend),
        ("GET", "/v1/account/keys", account.keys),
        ("POST", "/v1/account/keys", account.create),
        ("POST", "/v1/account/keys/{key_id}/regenerate", account.regenerate),
        ("DELETE", "/v1/account/keys/{key_id}", account.revoke),
        ("GET", "/v1/estimate", account.estimate),
    ):
        app.add_api_route(path, handler, methods=[method], response_model=None)


@dataclass(frozen=True)
class _Models:
    services: Services
    created: int

    async def all(self, request: Request) -> Response:
        self.services.accounts.authenticate(request.headers, "client")
        models = [self._object(spec) for spec in self.services.catalog.models]
        return JSONResponse({"object": "list", "data": models})

    async def one(self, request: Request) -> Response:
        self.services.accounts.authenticate(request.headers, "client")
        return JSONResponse(self._object(self.services.catalog.get(request.path_params["model_id"])))

    def _object(self, spec: ModelSpec) -> dict[str, Any]:
        online = self.services.hub.dispatch.online(spec.id)
        return model_object(
            spec,
            workers_online=online.workers,
            slots=online.slots,
            free=online.free,
            context_served=online.context or None,
            created=self.created,
            claims=self.services.hub.dispatch.claims(spec.id),
        )


@dataclass(frozen=True)
class _Probes:
    services: Services

    async def alive(self, request: Request) -> Response:
        """The loop turns. Depends on nothing else, so that a bad disk does not get the process killed."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        if self.services.ready:
            return JSONResponse({"status": "ready"})
        status = "draining" if self.services.hub.dispatch.draining else "database down"
        return JSONResponse({"status": status}, 503)


@dataclass(frozen=True)
class _Scrape:
    services: Services
    metrics: Metrics

    async def scrape(self, request: Request) -> Response:
        """With a key of its own scope, so that whoever watches can do nothing else."""
        self.services.accounts.authenticate(request.headers, "metrics")
        body, kind = self.metrics.exposition(request.headers.get("accept", ""))
        return Response(body, media_type=kind)


async def _openapi(request: Request) -> Response:
    return Response(OPENAPI, media_type="application/json")


# ---- errors ----------------------------------------------------------------------------------------------------------


def error_response(error: SupernetError) -> Response:
    """OpenAI's envelope, and the headers that its clients obey: when to retry, or that it is of no use."""
    headers: dict[str, str] = {}
    status = error.row.status
    if status in (429, 503) or (status == 409 and error.retry_after_s is not None):
        wait_s = RETRY_S if error.retry_after_s is None else error.retry_after_s
        headers["retry-after"] = str(math.ceil(wait_s))
        headers["retry-after-ms"] = str(math.ceil(wait_s * 1000))
    elif status < 500:
        headers["x-should-retry"] = "false"
    if isinstance(error, RateLimited):
        headers |= error.headers
    if error.code is ErrorCode.INVALID_API_KEY:
        headers["www-authenticate"] = "Bearer"
    if error.code is ErrorCode.REQUEST_TOO_LARGE:
        return _LastWord(error_body(error), status, {**headers, "connection": "close"})
    return JSONResponse(error_body(error), status, headers)


class _LastWord(JSONResponse):
    """An answer to a client that is still sending. Closing at once would reset the connection, and the reset can
    overtake the answer (httpx then reports a broken connection, which clients retry): so what still comes is thrown
    away for a moment, within bounds."""

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


async def _supernet_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SupernetError)
    request.app.state.metrics.refused(error.code.value)
    return error_response(error)


async def _http_error(request: Request, error: Exception) -> Response:
    """What the router says: no such path, no such method."""
    assert isinstance(error, StarletteHTTPException)
    where, headers = f"{request.method} {request.url.path[:200]}", dict(error.headers or {})
    if error.status_code == 405:
        allowed = _allowed(request)
        headers["Allow"] = allowed
        code, message = "method_not_allowed", f"Not allowed to {where}: use {allowed}."
    elif _typed(request):
        nothing: Response = request.app.state.nothing_here.response(request, error.status_code)
        return nothing
    else:
        code, message = "unknown_url", f"Unknown request URL: {where}. Please check the URL for typos."
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return JSONResponse(body, error.status_code, {**headers, "x-should-retry": "false"})


def _typed(request: Request) -> bool:
    """By a person into a browser, who is to see a page. Programs of the API are told in JSON."""
    asked, path = request.headers.get("accept", ""), request.url.path
    return request.method in ("GET", "HEAD") and "text/html" in asked and not path.startswith(("/v1/", "/web/"))


def _allowed(request: Request) -> str:
    """The methods of all routes of this path: the router's own words name only those of the first."""
    found = [route for route in request.app.routes if route.matches(request.scope)[0] is Match.PARTIAL]
    return ", ".join(sorted({method for route in found for method in route.methods}))


async def _client_left(request: Request, error: Exception) -> Response:
    return Response(status_code=LEFT)


async def _internal_error(request: Request, error: Exception) -> Response:
    """A bug. The log has it; the client gets nothing that would tell about our insides."""
    log.error("request %s failed", request.scope["request_id"], exc_info=error)
    message = "The server had an error while it processed your request."
    return JSONResponse(error_body(SupernetError(ErrorCode.INTERNAL_ERROR, message)), 500)


class _Edge:
    """Every response has an x-request-id: the client's own if it is harmless, else a new one. And it is counted."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        name = given if SANE_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        scope["request_id"] = name

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
                self._metrics.answered(getattr(scope.get("route"), "path", None), message["status"])
            await send(message)

        await self._app(scope, receive, sender)
