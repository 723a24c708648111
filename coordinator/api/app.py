"""The ASGI application: one table of routes, and around it the id of every request and the count of every answer.

A path with a slash too many is served as the path without: Starlette's redirect would name `http://` behind a proxy
with TLS, where a client then sends its prompt and its key in the clear.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.admission.admission import Admission
from coordinator.api.account import AccountApi
from coordinator.api.alerts import AlertsApi
from coordinator.api.artefact_links import ArtefactLinks
from coordinator.api.artefact_uploads import ArtefactUploads
from coordinator.api.chat import ChatApi
from coordinator.api.cross_origin import CrossOrigin
from coordinator.api.deposits import DepositsApi
from coordinator.api.downloads import DownloadsApi
from coordinator.api.earnings import EarningsApi
from coordinator.api.errors import MESSAGES_PATH, ErrorAnswers
from coordinator.api.estimate import EstimateApi
from coordinator.api.history import HistoryApi
from coordinator.api.identity_oidc import BACK_PATH
from coordinator.api.identity_routes import people
from coordinator.api.images import ImagesApi
from coordinator.api.intake import Intake, not_counted
from coordinator.api.keys import KeysApi
from coordinator.api.media import MediaApi
from coordinator.api.media_ready import MediaReady
from coordinator.api.messages import MessagesApi
from coordinator.api.models import ModelsApi
from coordinator.api.monitoring import Monitoring
from coordinator.api.operator_routes import operator_routes
from coordinator.api.pages import Pages, openapi
from coordinator.api.payouts import PayoutsApi
from coordinator.api.platform import PlatformTools
from coordinator.api.request_ids import request_id
from coordinator.api.requests import RequestsApi
from coordinator.api.responses import ResponsesApi
from coordinator.api.services import Services
from coordinator.api.session_gate import SessionGate
from coordinator.api.sogni import SogniApi
from coordinator.api.sogni_socket import SogniSocket
from coordinator.api.videos import VideosApi
from coordinator.api.worker_socket import WorkerSocket
from coordinator.dispatch.effects import JobEnd
from coordinator.history.reader import Reader
from coordinator.scheduler.state import JobSpec
from coordinator.sogni.paths import ESTIMATE_PATH, SOCKET_PATH
from coordinator.telemetry.cluster_metrics import ClusterMetrics
from coordinator.telemetry.metrics import Metrics
from wire.handed_catalog import CATALOG_PATH
from wire.media import UPLOAD_PATH
from wire.messages import WORKER_PATH

# Of the dashboard.
PAGES = (
    "/",
    "/playground",
    "/account",
    "/requests",
    "/earnings",
    "/alerts",
    "/add-worker",
    "/docs",
    "/workers/{worker}",
    "/models",
    "/models/{model}",
)

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(services: Services) -> ASGIApp:
    metrics = Metrics(services.hub.dispatch, services.catalog, services.ledger, services.artefacts.counted)

    def ended(spec: JobSpec, end: JobEnd) -> None:
        metrics.job_ended(spec, end)
        services.alerts.job_ended(spec, end)
        services.recorder.job_ended(spec, end)

    services.hub.ended = ended
    if services.joined is not None:
        metrics.register(ClusterMetrics(services.joined.replica, services.joined.bus))
    pages = Pages()
    errors = ErrorAnswers(metrics, pages)
    app = Starlette(routes=routes(services, metrics, pages), exception_handlers=errors.by_exception())
    app.router.redirect_slashes = False
    return _Edge(CrossOrigin(SessionGate(app, services.identity), services.origins), metrics)


def routes(services: Services, metrics: Metrics, pages: Pages) -> list[BaseRoute]:
    """Every path of this server. A GET is served as HEAD too."""
    intake = _intake(services)
    ready = MediaReady(services.hub.dispatch, services.catalog, services.hub.now)
    platform = PlatformTools(intake, services.artefacts, services.platform_tools, ready)
    account = AccountApi(services.access, services.billing.units, services.bonus_nano, services.promotions)
    requests = RequestsApi(services.access, services.billing.units)
    models = ModelsApi(services.hub, services.accounts, services.catalog)
    monitoring = Monitoring(services.hub, services.accounts, services.ledger, metrics, services.joined)
    workers = WorkerSocket(services.hub, services.accounts, services.catalog, serves=services.role != "edge")
    sogni = SogniApi(services.access, services.billing)
    table: list[tuple[str, str, Endpoint]] = [
        ("POST", "/v1/chat/completions", ChatApi(intake, platform).create),
        ("POST", "/v1/responses", ResponsesApi(intake, platform).create),
        ("POST", MESSAGES_PATH, MessagesApi(intake).create),
        *_media(services, intake, ready),
        ("GET", "/v1/models", models.list),
        ("GET", "/v1/models/{model_id:path}", models.show),
        ("GET", "/v1/estimate", EstimateApi(services.accounts, services.billing, services.catalog).show),
        ("GET", "/v1/account", account.show),
        ("GET", "/v1/account/me", account.me),
        ("POST", "/v1/account/logout", sogni.logout),
        ("GET", "/v4/account/balance", sogni.balance),
        ("GET", ESTIMATE_PATH, sogni.estimate),
        ("GET", "/v1/account/usage", account.usage),
        ("GET", "/v1/account/requests", requests.list),
        ("GET", "/v1/account/requests/{request_id}", requests.show),
        ("GET", "/v1/account/workers", account.workers),
        ("POST", "/v1/account/bonus", account.claim),
        ("POST", "/v1/account/earnings/spend", account.spend),
        *_money(services),
        *_keys(services),
        *people(services),
        *_alerts(services),
        *_network(services, models),
        *operator_routes(services, pages.page),
        ("GET", WORKER_PATH, workers.check_key),
        ("GET", CATALOG_PATH, workers.hand_out),
        ("GET", "/health", monitoring.alive),
        ("GET", "/livez", monitoring.alive),
        ("GET", "/readyz", monitoring.ready),
        ("GET", "/metrics", monitoring.scrape),
        ("GET", "/openapi.json", openapi),
        *_downloads(services.downloads),
        *(("GET", path, pages.page) for path in (*PAGES, BACK_PATH + "/{provider}")),
        ("GET", "/web/{name:path}", pages.file),
    ]
    served = [Route(path, endpoint, methods=[method]) for method, path, endpoint in table]
    sockets = [
        WebSocketRoute(WORKER_PATH, workers.connect),
        WebSocketRoute(SOCKET_PATH, SogniSocket(platform, services.access).connect),
    ]
    return [*served, *sockets]


def _network(services: Services, models: ModelsApi) -> list[tuple[str, str, Endpoint]]:
    """The network as it is, and as it was."""
    network = services.network
    past = HistoryApi(network, models, Reader(partial(services.access.reader.ask, "history")), services.billing.units)
    return [
        ("GET", "/v1/network", network.show),
        ("GET", "/v1/network/events", network.events),
        ("GET", "/v1/network/history", past.history),
        ("GET", "/v1/network/models", past.overview),
        ("GET", "/v1/network/models/{model}", past.show),
        ("GET", "/v1/network/workers/{worker}", past.now),
        ("GET", "/v1/network/workers/{worker}/history", past.worker),
        ("GET", "/v1/network/workers/{worker}/earnings", network.earnings),
    ]


def _keys(services: Services) -> list[tuple[str, str, Endpoint]]:
    """The keys of an account."""
    keys = KeysApi(services.access)
    return [
        ("GET", "/v1/account/keys", keys.list),
        ("POST", "/v1/account/keys", keys.create),
        ("POST", "/v1/account/keys/{key_id}/regenerate", keys.regenerate),
        ("GET", "/v1/account/keys/{key_id}", keys.show),
        ("PATCH", "/v1/account/keys/{key_id}", keys.change),
        ("DELETE", "/v1/account/keys/{key_id}", keys.revoke),
    ]


def _alerts(services: Services) -> list[tuple[str, str, Endpoint]]:
    """Where an account is told that something is wrong."""
    alerts = AlertsApi(services.access, services.alerts, services.billing.units)
    return [
        ("GET", "/v1/account/alerts", alerts.list),
        ("POST", "/v1/account/alerts", alerts.create),
        ("DELETE", "/v1/account/alerts/{alert_id}", alerts.delete),
        ("POST", "/v1/account/alerts/{alert_id}/test", alerts.test),
    ]


def _intake(services: Services) -> Intake:
    return Intake(
        services.hub,
        services.accounts,
        services.catalog,
        services.billing,
        Admission(services.quota, services.rates, services.hub.now),
        services.counter.count if services.counter else not_counted,
        services.artefacts,
        services.idempotency,
        services.media_filter,
        services.joined.come_back if services.joined else None,
        serves=services.role != "cell",
    )


def _money(services: Services) -> list[tuple[str, str, Endpoint]]:
    """What goes into the network and out of it."""
    payouts = PayoutsApi(services.access, services.billing.units)
    deposits = DepositsApi(services.access, services.billing.units, services.deposit_secret)
    earnings = EarningsApi(services.access)
    return [
        ("GET", "/v1/account/earnings", earnings.show),
        ("POST", "/v1/account/electricity", earnings.set_price),
        ("GET", "/v1/account/payouts", payouts.list),
        ("POST", "/v1/account/payouts", payouts.create),
        ("POST", "/v1/account/payouts/{payout_id}/withdraw", payouts.withdraw),
        ("GET", "/v1/payouts", payouts.list_all),
        ("POST", "/v1/payouts/{payout_id}", payouts.decide),
        ("POST", "/v1/deposits", deposits.create),
    ]


def _media(services: Services, intake: Intake, ready: MediaReady) -> list[tuple[str, str, Endpoint]]:
    """What is asked for, made and read as pictures, films and music."""
    images = ImagesApi(intake, services.artefacts, ready)
    videos = VideosApi(intake, services.artefacts, ready, services.films)
    media = MediaApi(services.access, services.artefacts)
    uploads = ArtefactUploads(services.attempts, services.artefacts, services.media_filter)
    return [
        ("POST", "/v1/images/generations", images.generate),
        ("POST", "/v1/images/edits", images.edit),
        ("POST", "/v1/videos", videos.create),
        ("GET", "/v1/videos", videos.list),
        ("GET", "/v1/videos/{video_id}", videos.show),
        ("DELETE", "/v1/videos/{video_id}", videos.delete),
        ("GET", "/v1/videos/{video_id}/content", videos.content),
        ("POST", "/v1/media", media.create),
        ("GET", "/v1/media", media.list),
        ("GET", "/v1/media/{media_id}", media.show),
        ("DELETE", "/v1/media/{media_id}", media.delete),
        ("POST", "/v1/media/{media_id}/report", media.report),
        ("PUT", UPLOAD_PATH + "/{job}/{attempt}", uploads.put),
        ("GET", "/m/{name}", ArtefactLinks(services.artefacts).show),
    ]


def _downloads(downloads: DownloadsApi) -> list[tuple[str, str, Endpoint]]:
    return [
        ("GET", "/downloads", downloads.show),
        ("GET", "/downloads/simple/{engine}", downloads.index),
        ("GET", "/downloads/simple/{engine}/{project}", downloads.project),
        ("GET", "/downloads/{name:path}", downloads.file),
    ]


def _plain(path: str) -> str:
    """`/v1//models/` -> `/v1/models`: the base URL of an SDK ends in a slash, or a program adds one."""
    return "/" + "/".join(filter(None, path.split("/")))


class _Edge:
    """Gives every response an `x-request-id`, the client's own if it is harmless, and counts it by route and status.
    Needless slashes in the path are gone behind it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope["path"] = _plain(scope["path"])
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        name = scope["request_id"] = request_id(given)

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                # OpenAI's clients read the one, Anthropic's the other
                named = [(header, name.encode()) for header in (b"x-request-id", b"request-id")]
                message["headers"] = [*message["headers"], *named]
                self._metrics.answered(getattr(scope.get("route"), "path", None), message["status"])
            await send(message)

        await self._app(scope, receive, sender)
