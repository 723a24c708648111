"""GET /v1/models: the models of the catalog, and how many workers serve each now. Those that make media are listed for
`?type=` alone: clients offer whatever is in the list for a chat."""

import time
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.accounts import Accounts
from coordinator.current_catalog import CurrentCatalog
from coordinator.hub.hub import Hub
from coordinator.openai.media.models import KINDS, Makers, kinds, media_model_object
from coordinator.openai.models import Served, model_object
from wire.catalog import ModelSpec
from wire.errors import invalid
from wire.media_catalog import MediaSpec

CHAT = "chat"


@dataclass(frozen=True)
class ModelsApi:
    """The endpoints below /v1/models.

    `created`: the `created` of every model in Unix seconds, the start of this process.
    """

    hub: Hub
    accounts: Accounts
    catalog: CurrentCatalog
    created: int = field(default_factory=lambda: int(time.time()))

    async def list(self, request: Request) -> Response:
        self.accounts.authenticate(request.headers, "client")
        wanted = request.query_params.get("type", CHAT)
        if wanted not in (CHAT, *KINDS):
            listed = ", ".join(map(repr, (CHAT, *KINDS)))
            raise invalid("type", f"Invalid 'type': supported values are {listed}.")
        data = [self._object(spec) for spec in self.catalog.now.models if wanted == CHAT]
        data += [self._media_object(spec) for spec in self.catalog.now.media if wanted in kinds(spec)]
        return JSONResponse({"object": "list", "data": data})

    async def show(self, request: Request) -> Response:
        self.accounts.authenticate(request.headers, "client")
        name = request.path_params["model_id"]
        media = next((spec for spec in self.catalog.now.media if spec.id == name), None)
        return JSONResponse(self.told(media or self.catalog.now.get(name)))

    def told(self, spec: ModelSpec | MediaSpec) -> dict[str, Any]:
        """The object of one model, whatever it makes."""
        return self._media_object(spec) if isinstance(spec, MediaSpec) else self._object(spec)

    def _media_object(self, spec: MediaSpec) -> dict[str, Any]:
        online = self.hub.dispatch.online(spec.id)
        now = Makers(online.workers, online.slots, online.free, online.modes)
        return media_model_object(spec, now, created=self.created, claims=online.hashes)

    def _object(self, spec: ModelSpec) -> dict[str, Any]:
        online = self.hub.dispatch.online(spec.id)
        now = Served(online.workers, online.slots, online.free, online.context, online.seeing, online.seeing_free)
        claims = online.hashes
        return model_object(spec, now, created=self.created, claims=claims)
