"""A real Chromium, headless, and pages that tell of everything that should not happen on them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: tests run as root in containers. The rest keeps the browser itself from calling out.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-default-apps --disable-extensions"
).split()
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
PATIENCE_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips the test where there is none; under CI there must be one."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None and not os.environ.get("CI"):
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    assert path is not None, "no Chromium on this machine: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page of one coordinator, and what went wrong on it."""

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of console messages that the test provokes

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, key: str) -> None:
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()

    def get_authenticator(self) -> None:
        """One that the browser pretends to have, and that says yes to everything: for passkeys."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        device = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        device |= {"isUserVerified": True, "automaticPresenceSimulation": True}
        session.send("WebAuthn.addVirtualAuthenticator", {"options": device})

    def picture(self, name: str) -> None:
        """Kept where SUPERNET_SCREENSHOTS says, for people to look at."""
        folder = os.environ.get("SUPERNET_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def too_wide(self) -> int:
        """Pixels that the page is wider than its window."""
        wide: int = self.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        return wide


@contextmanager
def visit(
    browser: Browser, url: str, *others: str, phone: bool = False, dark: bool = False, calm: bool = False
) -> Iterator[Visit]:
    """A page in a context of its own. Fails at the end if anything went wrong on it: an error or a warning in the
    console (a breach of the content policy is one), an exception, a request to anybody else but `others`."""
    context = browser.new_context(
        viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if calm else "no-preference",
    )
    context.set_default_timeout(PATIENCE_MS)
    here = Visit(context.new_page(), url)
    here.page.on("console", lambda said: _listen(here, said.type, said.text))
    here.page.on("pageerror", lambda error: here.wrong.append(f"exception: {error}"))
    here.page.on("dialog", lambda dialog: here.wrong.append(f"dialog: {dialog.message}"))
    context.on(
        "request",
        lambda asked: None if asked.url.startswith((url, *others)) else here.wrong.append(f"request to {asked.url}"),
    )
    try:
        yield here
    finally:
        context.close()
    assert not here.wrong, here.wrong


def _listen(here: Visit, kind: str, text: str) -> None:
    if kind in ("error", "warning") and not any(part in text for part in here.expected):
        here.wrong.append(f"console {kind}: {text}")
