"""`/v1/network`: the network as JSON, as a stream of events, and each worker for its owner. And the pages."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from coordinator.accounts.accounts import Accounts, Principal
from coordinator.accounts.api_keys import bearer
from coordinator.dashboard.feed import Feed
from coordinator.dashboard.files import add_files
from coordinator.dashboard.view import Viewer

JSON = "application/json"
MAY_LOOK = ("admin", "client", "worker")  # the key of whoever scrapes metrics can do nothing else
# What one viewer may see, nobody else's cache may keep.
PRIVATE = {"cache-control": "no-store", "vary": "authorization", "x-content-type-options": "nosniff"}


@dataclass(frozen=True)
class Dashboard:
    """`earned` says what a worker (account, key) has earned, and how much of that is not yet matured; it asks the
    database, on `thread`. `public`: the network is shown to readers without a key too."""

    feed: Feed
    accounts: Accounts
    earned: Callable[[str, str], tuple[int, int]]
    thread: Executor
    public: bool = False

    async def network(self, request: Request) -> Response:
        viewer = self._viewer(request)[0]
        return Response(self.feed.snapshot(viewer), media_type=JSON, headers=PRIVATE)

    async def events(self, request: Request) -> Response:
        viewer, principal = self._viewer(request)
        self.feed.admit(viewer)
        return _Events(self, viewer, principal)

    async def worker(self, request: Request) -> Response:
        viewer = self._viewer(request)[0]
        found = self.feed.worker(request.path_params["worker"], viewer)
        return JSONResponse(found, headers=PRIVATE)

    async def earnings(self, request: Request) -> Response:
        worker = self.feed.find(request.path_params["worker"], self._viewer(request)[0])
        loop = asyncio.get_running_loop()
        whole, young = await loop.run_in_executor(self.thread, self.earned, worker.account, worker.key)
        told = {"object": "network.earnings", "earned_nano_usd": whole, "escrow_nano_usd": young}
        return JSONResponse(told, headers=PRIVATE)

    async def asked(self, viewer: Viewer, principal: Principal | None) -> AsyncIterator[bytes]:
        """The events until the coordinator stops, or the key is no longer good."""
        async for text in self.feed.watch(viewer):
            if principal is not None and not self.accounts.in_use(principal.key):
                return
            yield b"data: " + text + b"\n\n"

    def _viewer(self, request: Request) -> tuple[Viewer, Principal | None]:
        """Raises invalid_api_key, or permission_denied."""
        if self.public and bearer(request.headers) is None:
            return Viewer(None), None
        principal = self.accounts.authenticate(request.headers, *MAY_LOOK)
        return Viewer(principal.account, "admin" in principal.scopes), principal


class _Events(Response):
    """Server-sent events until the viewer leaves."""

    media_type = "text/event-stream"

    def __init__(self, dashboard: Dashboard, viewer: Viewer, principal: Principal | None) -> None:
        super().__init__(headers={**PRIVATE, "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._feed = dashboard.feed
        self._viewer = viewer
        self._texts = dashboard.asked(viewer, principal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._feed.enter(self._viewer)
        writing = asyncio.create_task(self._write(send), name="network events")
        leaving = asyncio.create_task(_gone(receive), name="network leaver")
        try:
            await asyncio.wait((writing, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.leave(self._viewer)
            for task in (writing, leaving):
                task.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for text in self._texts:
            await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def add_dashboard(app: FastAPI, dashboard: Dashboard) -> None:
    for path, answer in (
        ("/v1/network", dashboard.network),
        ("/v1/network/events", dashboard.events),
        ("/v1/network/workers/{worker}", dashboard.worker),
        ("/v1/network/workers/{worker}/earnings", dashboard.earnings),
    ):
        app.add_api_route(path, answer, methods=["GET"], response_model=None)
    add_files(app)
