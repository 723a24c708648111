"""What the operator's tools ask a running coordinator: /livez and /health, /readyz, /metrics."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import Accounts
from coordinator.hub.hub import Hub
from coordinator.ledger.writer import LedgerWriter
from coordinator.telemetry.metrics import Metrics


@dataclass(frozen=True)
class Monitoring:
    """The endpoints for the operator's own tools."""

    hub: Hub
    accounts: Accounts
    ledger: LedgerWriter
    metrics: Metrics

    async def alive(self, request: Request) -> Response:
        """Answer 200 while the event loop turns, and check nothing else: a bad disk must not get the process killed."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Answer 200 while new requests are taken, else 503 with the reason."""
        draining = self.hub.dispatch.draining
        if self.ledger.healthy and self.accounts.healthy and not draining:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "draining" if draining else "database down"}, 503)

    async def scrape(self, request: Request) -> Response:
        """The page that Prometheus scrapes. Requires scope `metrics`."""
        self.accounts.authenticate(request.headers, "metrics")
        body, kind = self.metrics.exposition(request.headers.get("accept", ""))
        return Response(body, media_type=kind)
