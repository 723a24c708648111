"""People sign up, in and out in a real browser with an account at a real provider of OpenID Connect; and link it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tests.e2e.oidc import RealProvider, real_provider
from tests.e2e.test_people import told, works
from tools.local_network import Network, until

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[tuple[Network, RealProvider]]:
    folder = tmp_path_factory.mktemp("elsewhere")
    network = Network(folder, tiny_chat)
    try:
        with real_provider(folder, network.port) as provider:
            network.start_coordinator("--signup", "open", "--oidc", str(provider.file))
            yield network, provider
    finally:
        network.close()


@contextmanager
def arrived(
    browser: Browser, met: tuple[Network, RealProvider], *, phone: bool = False, dark: bool = False
) -> Iterator[Visit]:
    """At localhost, with an authenticator of the browser's own."""
    network, provider = met
    with visit(browser, f"http://localhost:{network.port}", provider.url, phone=phone, dark=dark) as here:
        here.expected = ("400", "401", "403")
        here.get_authenticator()
        here.open("/account")
        yield here


def at_the_provider(page: Page, name: str, button: str = "Continue") -> None:
    """On the provider's own page, which knows its people from then on."""
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name=button).click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in with Node ID")).to_be_visible()


def test_a_stranger_joins_with_a_provider_uses_a_key_comes_back_and_leaves(
    met: tuple[Network, RealProvider], browser: Browser
) -> None:
    network, provider = met
    with arrived(browser, met) as here:
        page = here.page
        page.get_by_role("button", name="Make an account with Node ID").click()
        at_the_provider(page, "ada")
        expect(page.get_by_role("heading", name="Your API key")).to_be_visible()
        assert page.url == f"http://localhost:{network.port}/account/provider/node"  # no code stays in the address
        key = told(page, "I have it")
        assert works(network, key)
        expect(page.get_by_role("heading", name="Balance")).to_be_visible()
        assert page.url.endswith("/account")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        name = page.get_by_role("heading", level=1).text_content() or ""

        sign_out(page)
        page.get_by_role("button", name="Sign in with Node ID").click()  # the provider remembers who it is
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.get_by_text("your only way in")).to_be_visible()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Export as JSON").click()
        (link,) = json.loads(Path(saved.value.path()).read_text())["links"]
        assert (link["issuer"], link["subject"]) == (provider.url, "ada")

        page.reload()
        page.get_by_role("button", name="Delete account").click()
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_role("button", name="Sign in with Node ID")).to_be_visible()
        until(lambda: not works(network, key))
        page.get_by_role("button", name="Sign in with Node ID").click()
        expect(page.get_by_text("No account here is linked with this one")).to_be_visible()
        expect(page.get_by_role("button", name="Back to the ways in")).to_be_focused()
        here.picture("provider-refused")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Sign in with Node ID")).to_be_visible()


def test_who_has_a_passkey_links_comes_in_both_ways_and_unlinks(
    met: tuple[Network, RealProvider], browser: Browser
) -> None:
    with arrived(browser, met) as here:
        page = here.page
        page.get_by_role("button", name="Make an account with a passkey").click()
        told(page, "I have it")
        page.get_by_role("button", name="Link Node ID").click()
        at_the_provider(page, "bob")
        expect(page.get_by_role("button", name="Unlink")).to_be_visible()
        name = page.get_by_role("heading", level=1).text_content() or ""
        page.get_by_role("button", name="Link Node ID").click()
        expect(page.get_by_text("linked with your account already")).to_be_visible()
        page.get_by_role("button", name="Back to the account").click()

        sign_out(page)
        page.get_by_role("button", name="Sign in with Node ID").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.get_by_role("button", name="Unlink").click()
        page.get_by_role("button", name="Unlink for good?").click()
        expect(page.get_by_role("button", name="Unlink")).to_have_count(0)
        sign_out(page)
        page.get_by_role("button", name="Sign in with Node ID").click()
        expect(page.get_by_text("No account here is linked with this one")).to_be_visible()
        page.get_by_role("button", name="Back to the ways in").click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_who_refuses_at_the_provider_is_told_and_may_begin_again(
    met: tuple[Network, RealProvider], browser: Browser
) -> None:
    with arrived(browser, met) as here:
        here.page.get_by_role("button", name="Sign in with Node ID").click()
        at_the_provider(here.page, "eve", "Refuse")
        expect(here.page.get_by_text("You did not let Node ID tell who you are")).to_be_visible()
        here.page.reload()  # of an address that says nothing any more
        expect(here.page.get_by_role("button", name="Back to the ways in")).to_be_visible()


def test_one_comes_back_to_the_page_that_was_asked_for(met: tuple[Network, RealProvider], browser: Browser) -> None:
    """And goes by the keyboard alone."""
    with arrived(browser, met) as here:
        here.open("/add-worker")
        page = here.page
        page.get_by_role("button", name="Make an account with Node ID").press("Enter")
        page.get_by_label("Name").fill("carl")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="I have it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Add a worker", level=1)).to_be_visible()
        assert page.url.endswith("/add-worker")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_the_ways_in_and_the_links_fit(
    met: tuple[Network, RealProvider], browser: Browser, phone: bool, dark: bool
) -> None:
    look = f"{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}"
    invite = met[0].invite()  # more join in these tests than one range of addresses may on a day without
    with arrived(browser, met, phone=phone, dark=dark) as here:
        page = here.page
        expect(page.get_by_role("button", name="Make an account with Node ID")).to_be_visible()
        here.picture(f"provider-ways-in-{look}")
        assert here.too_wide() <= 0
        page.get_by_role("button", name="Sign in with Node ID").click()
        at_the_provider(page, f"looker {look}", "Refuse")
        expect(page.get_by_text("You did not let Node ID tell who you are")).to_be_visible()
        here.picture(f"provider-refuses-{look}")
        assert here.too_wide() <= 0
        here.open(f"/account#invite={invite}")
        page.get_by_role("button", name="Make an account with a passkey").click()
        page.get_by_role("button", name="I have it").click()
        page.get_by_role("button", name="Link Node ID").click()
        at_the_provider(page, f"looker {look}")
        expect(page.get_by_role("button", name="Unlink")).to_be_visible()
        here.picture(f"provider-linked-{look}")
        assert here.too_wide() <= 0


def test_where_there_can_be_no_passkey_people_come_in_with_the_provider(
    tmp_path: Path, tiny_chat: Path, browser: Browser
) -> None:
    """A network that is known by an address: WebAuthn refuses it, a provider does not."""
    network = Network(tmp_path, tiny_chat)
    with real_provider(tmp_path, network.port, "127.0.0.1") as provider:
        try:
            options = ("--signup", "invite", "--oidc", str(provider.file), "--public-url", network.url)
            network.start_coordinator(*options)
            with visit(browser, network.url, provider.url) as here:
                here.expected = ("401", "403")
                here.open(f"/account#invite={network.invite()}")
                page = here.page
                expect(page.get_by_text("this network has only an address")).to_be_visible()
                expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
                here.picture("provider-at-an-address")
                page.get_by_label("Invite").fill("")
                page.get_by_role("button", name="Make an account with Node ID").click()  # the field is wanted first
                expect(page.get_by_label("Invite")).to_be_focused()
                page.reload()
                page.get_by_role("button", name="Make an account with Node ID").click()
                at_the_provider(page, "dora")
                assert works(network, told(page, "I have it"))
        finally:
            network.close()
