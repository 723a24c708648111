"""What the operator's tools ask a running coordinator: /livez and /health, /readyz, /metrics."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import Accounts
from coordinator.hub.hub import Hub
from coordinator.joined import Joined
from coordinator.ledger.writer import LedgerWriter
from coordinator.telemetry.metrics import Metrics


@dataclass(frozen=True)
class Monitoring:
    """The endpoints for the operator's own tools."""

    hub: Hub
    accounts: Accounts
    ledger: LedgerWriter
    metrics: Metrics
    joined: Joined | None = None

    async def alive(self, request: Request) -> Response:
        """Answer 200 while the event loop turns, and check nothing else: a bad disk must not get the process killed."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Answer 200 while new requests are taken, else 503 with the reason. A replica whose bus is down is ready: it
        says so, and serves with its own workers."""
        draining = self.hub.dispatch.draining
        among = {} if self.joined is None else {"cluster": self.joined.state()}
        if self.ledger.healthy and self.accounts.healthy and not draining:
            return JSONResponse({"status": "ready", **among})
        return JSONResponse({"status": "draining" if draining else "database down", **among}, 503)

    async def scrape(self, request: Request) -> Response:
        """The page that Prometheus scrapes. Requires scope `metrics`."""
        self.accounts.authenticate(request.headers, "metrics")
        body, kind = self.metrics.exposition(request.headers.get("accept", ""))
        return Response(body, media_type=kind)
