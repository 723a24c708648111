"""A browser without a screen: its cookies, its passkey, and what it sends along with a request of one of our pages."""

from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx

from coordinator.identity.signup import worked
from tests.coordinator.conftest import Coordinator
from tests.fakes.authenticator import Authenticator


@dataclass
class Browser:
    """Signs up and in at a coordinator. `csrf`: the token of its session; `headers`: sent with every request."""

    coordinator: Coordinator
    authenticator: Authenticator = field(init=False)
    http: httpx.AsyncClient = field(init=False)
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.authenticator = Authenticator(self.origin)
        self.http = httpx.AsyncClient(base_url=self.coordinator.url, timeout=20)

    @property
    def origin(self) -> str:
        return self.coordinator.running.services.identity.origin

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self.http.aclose()

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """As a script of one of our pages does it."""
        sent = {"origin": self.origin, **self.headers, **headers}
        return await self.http.post(f"/identity/{path}", json=body or {}, headers=sent)

    async def ask_to_sign_up(self, invite: str = "") -> dict[str, Any]:
        """What its authenticator is asked, answered: the body that signs up."""
        asked = await self.post("signup/options", {"invite": invite} if invite else {})
        assert asked.status_code == 200, asked.text
        return self.answer_to_sign_up(asked)

    def answer_to_sign_up(self, asked: httpx.Response) -> dict[str, Any]:
        options = asked.json()
        body: dict[str, Any] = {"credential": self.authenticator.create(options["options"])}
        if work := options["work"]:
            body["nonce"] = next(str(n) for n in count() if worked(work["seed"], str(n), work["bits"]))
        return body

    async def sign_up(self, invite: str = "") -> httpx.Response:
        return self._entered(await self.post("signup", await self.ask_to_sign_up(invite)))

    async def ask_to_sign_in(self) -> dict[str, Any]:
        options = (await self.post("signin/options")).json()["options"]
        return {"credential": self.authenticator.get(options)}

    async def sign_in(self) -> httpx.Response:
        return self._entered(await self.post("signin", await self.ask_to_sign_in()))

    async def recover(self, code: str) -> httpx.Response:
        return self._entered(await self.post("recover", {"code": code}))

    async def sign_out(self) -> httpx.Response:
        return await self.post("signout", **{"x-csrf-token": self.csrf})

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A request in the session. `path` below /v1/."""
        sent = {"x-csrf-token": self.csrf, "origin": self.origin, **self.headers, **headers}
        return await self.http.request(method, f"/session/v1/{path}", json=body, headers=sent)

    def _entered(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            self.csrf = response.json()["csrf_token"]
        return response
