"""What all that signs people up and in shares: the operator's decisions, the tokens, the way to the rows."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.quota import Quota
from coordinator.admission.rate_limits import Rates
from coordinator.clock import now_ms
from coordinator.identity.addresses import Networks, client_address, place_of
from coordinator.identity.oidc import Provider
from coordinator.identity.sessions import IDLE_MS, KEPT_MS, renew_session
from coordinator.identity.signup import Signup
from coordinator.identity.tokens import Tokens
from coordinator.store.errors import Unavailable
from coordinator.store.store import Store

ASKS = Quota(30, 0, 0)  # questions and answers a minute of one range of addresses
CODES = Quota(6, 0, 0)  # recovery codes and invites that it tries


@dataclass
class Identity:
    """`origin`: under which browsers reach this coordinator, and for which passkeys are made. `invites`: that one
    account may make in all. `starter_nano`: what a new account is given. `providers`: by their ids, those that people
    may come in with."""

    store: Store
    accounts: Accounts
    tokens: Tokens = field(repr=False)
    signup: Signup
    invites: int
    starter_nano: int
    proxies: Networks
    providers: Mapping[str, Provider] = field(default_factory=dict)
    origin: str = "http://localhost"
    rates: Rates = field(default_factory=Rates)

    @property
    def secure(self) -> bool:
        """Whether cookies go over TLS alone; not at localhost, which has none."""
        return self.origin.startswith("https://")

    @property
    def issuers(self) -> tuple[str, ...]:
        """Whose word lets people in now."""
        return tuple(one.settings.issuer for one in self.providers.values())

    def place(self, peer: str, forwarded: list[str]) -> str:
        """The range of addresses that a request comes from, as it is counted and stored: hashed. `forwarded`: all lines
        of X-Forwarded-For, in their order, since a proxy may append a line of its own."""
        address = client_address(peer, ",".join(forwarded), self.proxies)
        return self.tokens.hash("place", place_of(address))

    def count(self, what: str, place: str, quota: Quota) -> None:
        """Count one try of a range. Raises RateLimited."""
        self.rates.request(((f"{what} {place}", quota),), time.monotonic(), whose="your range of addresses")

    def new_session(self) -> tuple[str, str]:
        """A token for a session, and its hash."""
        token = self.tokens.signed("session", secrets.token_bytes(32))
        return token, self.tokens.hash("session", token)

    async def session(self, token: str) -> tuple[str, Principal] | None:
        """The hash of a session's token and whose it is; None: it is none, or has ended. One in use goes on. Another
        replica may have begun it a moment ago: this one looks, for a token that we have made. Raises StoreError."""
        if not self.tokens.genuine("session", token):
            return None
        hashed = self.tokens.hash("session", token)
        found = self.accounts.session(hashed)
        if found is None:
            await self.accounts.refresh()
            found = self.accounts.session(hashed)
        if found is None:
            return None
        await self._renew(found)
        return hashed, found

    async def _renew(self, session: Principal) -> None:
        assert session.expires_ms is not None and session.session_ends_ms is not None
        at_ms = now_ms()
        if session.expires_ms < min(at_ms + IDLE_MS - KEPT_MS, session.session_ends_ms):
            try:
                await self.accounts.change(renew_session, session.key, at_ms)
            except Unavailable:
                return  # it works until its time is over, and the next request renews it
