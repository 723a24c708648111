"""/v1/network: the network as JSON and as a stream of events, and each worker in full for its owner."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.api_keys import bearer
from coordinator.accounts.keys_in_use import Principal
from coordinator.api.events import EventStream
from coordinator.api.query import only
from coordinator.dashboard.feed import Feed
from coordinator.dashboard.view import Viewer

JSON = "application/json"
READERS = ("admin", "client", "worker")  # a key with the scope `metrics` alone can do nothing else
# No shared cache may keep what one viewer may see.
PRIVATE = {"cache-control": "no-store", "vary": "authorization", "x-content-type-options": "nosniff"}


@dataclass(frozen=True)
class NetworkApi:
    """The endpoints below /v1/network.

    `earned`: a query for what a worker (account, key) has earned, and how much of that has not matured yet, in
    nano-dollars. `public`: readers without a key see the network too.
    """

    feed: Feed
    accounts: Accounts
    earned: Callable[[str, str], Awaitable[tuple[int, int]]]
    public: bool = False

    async def show(self, request: Request) -> Response:
        viewer = self.viewer(request)
        await self.feed.look_around()
        return Response(self.feed.snapshot(viewer), media_type=JSON, headers=PRIVATE)

    async def events(self, request: Request) -> Response:
        viewer, principal = self._viewer(request)
        self.feed.admit(viewer)
        await self.feed.look_around()
        return EventStream(self._pieces(viewer, principal), PRIVATE)

    async def worker(self, request: Request) -> Response:
        viewer = self.viewer(request)
        await self.feed.look_around()
        found = self.feed.worker(request.path_params["worker"], viewer)
        return JSONResponse(found, headers=PRIVATE)

    async def earnings(self, request: Request) -> Response:
        viewer = self.viewer(request)
        await self.feed.look_around()
        worker = self.feed.find(request.path_params["worker"], viewer)
        whole, young = await self.earned(worker.account, worker.key)
        earned = {"object": "network.earnings", "earned_nano_usd": whole, "escrow_nano_usd": young}
        return JSONResponse(earned, headers=PRIVATE)

    async def _pieces(self, viewer: Viewer, principal: Principal | None) -> AsyncGenerator[bytes]:
        """The events until the coordinator stops, or the key is revoked or expires."""
        self.feed.enter(viewer)
        try:
            async with aclosing(self.feed.watch(viewer)) as texts:
                async for text in texts:
                    if principal is not None and not self.accounts.in_use(principal.key):
                        return
                    yield b"data: " + text + b"\n\n"
        finally:
            self.feed.leave(viewer)

    def viewer(self, request: Request, *known: str) -> Viewer:
        """Who reads; `known`: what the query may name. Raises invalid_api_key, permission_denied, invalid_request."""
        return self._viewer(request, *known)[0]

    def _viewer(self, request: Request, *known: str) -> tuple[Viewer, Principal | None]:
        if self.public and bearer(request.headers) is None:
            only(request, *known)
            return Viewer(None), None
        principal = self.accounts.authenticate(request.headers, *READERS)
        only(request, *known)
        return Viewer(principal.account, "admin" in principal.scopes), principal
