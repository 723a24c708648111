"""/v1/account/links: the accounts elsewhere that let somebody into theirs here, for who is signed in."""

import time
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coordinator.accounts.asking import By
from coordinator.admission.rate_limits import RateLimited
from coordinator.api.account_access import AccountAccess, person, translated
from coordinator.api.body import read_body
from coordinator.api.coming_in import TEXT_CHARS
from coordinator.api.identity_oidc import LINK, OidcApi, page_of
from coordinator.clock import now_ms
from coordinator.identity.links import links_of, remove_link
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import load
from program.allowance import Allowances

CHANGES = 10  # links made and removed by an account at once, and as many an hour: each stays in the audit log
CHANGE_EVERY_S = 3600.0 / CHANGES


@dataclass(frozen=True)
class LinksApi:
    """The endpoints. `coming`: sends to a provider whoever links with it."""

    access: AccountAccess
    coming: OidcApi
    _changes: Allowances = field(default_factory=lambda: Allowances(CHANGES, 1 / CHANGE_EVERY_S))

    async def list(self, request: Request) -> Response:
        """The links of the account. `provider`: null where the operator has taken it away, so that nobody comes in
        with it."""
        _, account = await person(self.access, request)
        known = {one.settings.issuer: one.settings for one in self.coming.identity.providers.values()}
        data = [
            {
                "object": "account.link",
                "id": row.id,
                "issuer": row.issuer,
                "provider": known[row.issuer].id if row.issuer in known else None,
                "name": known[row.issuer].name if row.issuer in known else row.issuer,
                "created": row.created_ms // 1000,
                "used": None if row.used_ms is None else row.used_ms // 1000,
            }
            for row in await self.access.read(links_of, account.id)
        ]
        providers = [{"id": one.id, "name": one.name} for one in known.values()]
        return JSONResponse({"object": "list", "data": data, "providers": providers})

    async def start(self, request: Request) -> Response:
        """Where the browser goes to link one more. Raises RateLimited."""
        who, account = await person(self.access, request)
        fields = Fields(load(await read_body(request)))
        provider, back = self.coming.provider(fields.text("provider", high=TEXT_CHARS)), page_of(fields)
        fields.finish()
        self._count(account.id)
        kept = {"purpose": LINK, "back": back, "account": account.id, "session": who.key}
        return await self.coming.sent(provider, kept)

    async def remove(self, request: Request) -> Response:
        """Take it away, and end all sessions but this one. Raises RateLimited."""
        who, account = await person(self.access, request)
        self._count(account.id)
        name = request.path_params["link_id"]
        removed = (account.id, name, who.key, self.coming.identity.issuers, now_ms())
        await translated(self.access.accounts.done(By(who.key, account.id), remove_link, *removed))
        return JSONResponse({"object": "account.link.deleted", "id": name, "deleted": True})

    def _count(self, account: str) -> None:
        if not self._changes.take(account, 1, time.monotonic()):
            message = f"The links of an account are changed {CHANGES} times an hour: try again later."
            raise RateLimited(message, CHANGE_EVERY_S, {})
