"""A person names an address on the page Alerts; a worker dies, which is told there, and so is that it is back."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tests.fakes.receiver import Receiver, receiving, self_signed
from tools.local_network import Network, until

expect.set_options(timeout=PATIENCE_MS)
SCRIPTED = ("--scripted", "--name", "attic")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with receiving(certificate=self_signed(tmp_path)) as here:
        yield here


@pytest.fixture
def network(tmp_path: Path, receiver: Receiver) -> Iterator[Network]:
    network = Network(tmp_path, Path("none"), env={"SSL_CERT_FILE": str(tmp_path / "receiver.pem")})
    try:
        network.start_coordinator("--alerts", "--alert-networks", "127.0.0.1", "--alert-after-s", "2")
        yield network
    finally:
        network.close()


def titles(receiver: Receiver) -> list[str]:
    return [json.loads(got.body)["data"]["title"] for got in receiver.got]


def is_known(network: Network) -> bool:
    """It looks every few seconds; who was never seen is not missed."""
    with closing(sqlite3.connect(f"file:{network.folder / 'coordinator.db'}?mode=ro", uri=True)) as database:
        return bool(database.execute("SELECT 1 FROM alert_subjects WHERE kind = 'worker_down' AND NOT away").fetchall())


def test_a_worker_that_is_killed_is_told_and_that_it_is_back(
    network: Network, receiver: Receiver, browser: Browser
) -> None:
    with visit(browser, network.url) as here:
        page = signed_in(here, network, "/account")
        page.get_by_role("link", name="Tell me when something is wrong").click()
        form = page.locator("form").filter(has=page.get_by_role("heading", name="Tell me here"))
        here.expected += ("400",)
        form.get_by_label("Its address").fill("http://127.0.0.1/x")
        form.get_by_role("button", name="Add").click()
        expect(form.get_by_role("alert")).to_contain_text("https://")
        form.get_by_label("Its address").fill(receiver.url)
        form.get_by_label("my balance is low").uncheck()
        form.get_by_role("button", name="Add").press("Enter")
        expect(page.locator(".newkey")).to_contain_text("whsec_")
        told = page.locator(".card").filter(has=page.get_by_role("heading", name="Who is told"))
        expect(told).to_contain_text("https://127.0.0.1:")
        expect(told).to_contain_text("f-it")
        assert "tail-of" not in told.inner_text()
        told.get_by_role("button", name="Send a test message").click()
        expect(told).to_contain_text("arrived (status 200)")
        here.picture("alerts")

        worker = network.start_worker(*SCRIPTED)
        until(lambda: is_known(network))
        worker.kill()
        worker.wait()
        until(lambda: "attic is down" in titles(receiver))
        page.reload()
        sent = page.locator(".card").filter(has=page.get_by_role("heading", name="What was sent"))
        expect(sent).to_contain_text("attic is down")
        network.start_worker(*SCRIPTED, "--state-dir", str(worker.state))
        until(lambda: "attic is back" in titles(receiver))
        assert sorted(titles(receiver)) == ["Supernet can reach you here", "attic is back", "attic is down"]

        page.reload()
        expect(sent).to_contain_text("attic is back")
        assert here.too_wide() <= 0
        here.picture("alerts-sent")
        told.get_by_role("button", name="Remove").click()
        told.get_by_role("button", name="Really remove?").click()
        expect(told).to_contain_text("Nobody is told yet")


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone(network: Network, receiver: Receiver, browser: Browser, dark: bool) -> None:
    network.post("/v1/account/alerts", {"service": "discord", "url": receiver.url})
    with visit(browser, network.url, phone=True, dark=dark) as here:
        page = signed_in(here, network, "/alerts")
        expect(page.get_by_role("heading", name="Who is told")).to_be_visible()
        expect(page.get_by_text("nothing was sent yet")).to_be_visible()
        assert here.too_wide() <= 0
        here.picture(f"alerts-phone-{'dark' if dark else 'light'}")


def test_where_messages_are_off_the_page_says_so(tmp_path: Path, browser: Browser) -> None:
    network = Network(tmp_path, Path("none"))
    try:
        network.start_coordinator()
        with visit(browser, network.url) as here:
            page = signed_in(here, network, "/alerts")
            expect(page.get_by_text("has not switched messages to accounts on")).to_be_visible()
            expect(page.get_by_role("button", name="Add")).to_have_count(0)
    finally:
        network.close()
