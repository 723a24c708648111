"""A coordinator that people come into with a provider of the test's own, and a browser that goes there and back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from coordinator.identity.signup import worked
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Coordinator, Start
from tests.fakes.oidc_provider import OidcProvider, standing

TABLE = '[{id}]\nname = "{name}"\nissuer = "{issuer}"\nclient_id = "{client}"\nclient_secret_file = "secret"\n'


def settings_file(folder: Path, **providers: OidcProvider) -> Path:
    """The operator's file that names these."""
    (folder / "secret").write_text("hush\n")
    tables = [
        TABLE.format(id=name, name=name.title(), issuer=one.issuer, client=one.client)
        for name, one in providers.items()
    ]
    file = folder / "oidc.toml"
    file.write_text("\n".join(tables))
    return file


@asynccontextmanager
async def with_provider(start: Start, folder: Path, **settings: Any) -> AsyncIterator[tuple[Coordinator, OidcProvider]]:
    """One coordinator and the provider `example`."""
    async with standing(OidcProvider()) as provider:
        file = settings_file(folder, example=provider)
        async with start(**{"signup": "open", "oidc": file, **settings}) as coordinator:
            yield coordinator, provider


@dataclass
class Traveller:
    """A browser at a coordinator, and how it comes and goes at a provider (`name`)."""

    browser: Browser
    provider: OidcProvider
    name: str = "example"

    async def start(self, purpose: str = "signin", **more: Any) -> httpx.Response:
        return await self.browser.post("provider/start", {"provider": self.name, "purpose": purpose, **more})

    async def there(self, subject: str, purpose: str = "signin", **more: Any) -> dict[str, Any]:
        """To the provider, where this person says yes. Returns what the browser brings back."""
        started = await self.start(purpose, **more)
        assert started.status_code == 200, started.text
        return self.said_yes(started.json(), subject)

    def said_yes(self, told: dict[str, Any], subject: str) -> dict[str, Any]:
        back: dict[str, Any] = {"provider": self.name, **self.provider.allow(told["url"], subject)}
        if work := told["work"]:
            back["nonce"] = next(str(n) for n in count() if worked(work["seed"], str(n), work["bits"]))
        return back

    async def finish(self, back: dict[str, Any]) -> httpx.Response:
        headers = {"x-csrf-token": self.browser.csrf} if self.browser.csrf else {}
        done = await self.browser.post("provider/finish", back, **headers)
        if done.is_success and "csrf_token" in done.json():
            self.browser.csrf = done.json()["csrf_token"]
        return done

    async def comes(self, subject: str, purpose: str = "signin", **more: Any) -> httpx.Response:
        return await self.finish(await self.there(subject, purpose, **more))

    async def links(self, subject: str) -> httpx.Response:
        """Who is signed in links with this person's account there."""
        told = await self.browser.ask("POST", "account/links", {"provider": self.name})
        assert told.status_code == 200, told.text
        return await self.finish(self.said_yes(told.json(), subject))

    async def account(self) -> str | None:
        """The id of the account that the browser is signed in to."""
        session = (await self.browser.http.get("/identity")).json()["session"]
        return session["account"] if session else None


@asynccontextmanager
async def travelling(
    coordinator: Coordinator, provider: OidcProvider, name: str = "example"
) -> AsyncIterator[Traveller]:
    async with Browser(coordinator) as browser:
        yield Traveller(browser, provider, name)
