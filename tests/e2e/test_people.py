"""People sign up, in and out with a passkey in a real browser, whose authenticator is its own virtual one."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tools.local_network import Network, until

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def joinable(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[Network]:
    network = Network(tmp_path_factory.mktemp("joinable"), tiny_chat)
    try:
        network.start_coordinator("--signup", "open", "--invites", "2", "--signup-spark", "3")
        yield network
    finally:
        network.close()


@contextmanager
def arrived(browser: Browser, network: Network, *, phone: bool = False, dark: bool = False) -> Iterator[Visit]:
    """At localhost, with an authenticator of the browser's own."""
    with visit(browser, f"http://localhost:{network.port}", phone=phone, dark=dark) as here:
        here.expected = ("401", "403")
        here.get_authenticator()
        here.open("/account")
        yield here


def joined(page: Page) -> str:
    """Makes an account. Returns its key, as the page shows it."""
    page.get_by_role("button", name="Make an account").click()
    return told(page, "I have it")


def brought(here: Visit, invite: str) -> Page:
    """The page that an invite's link opens."""
    here.open("/models")
    here.open(f"/account#invite={invite}")
    return here.page


def told(page: Page, done: str) -> str:
    """The secret that the page shows once."""
    page.get_by_role("button", name="Show").click()
    secret = page.locator(".secret").text_content() or ""
    page.get_by_role("button", name=done).click()
    return secret


def works(network: Network, key: str) -> bool:
    request = urllib.request.Request(f"{network.url}/v1/models", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()


def test_a_stranger_joins_uses_recovers_and_leaves(joinable: Network, browser: Browser) -> None:
    with arrived(browser, joinable) as here:
        page = here.page
        key = joined(page)
        assert works(joinable, key)
        expect(page.get_by_role("heading", name="Balance")).to_be_visible()
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]

        page.get_by_role("button", name="Regenerate").click()
        page.get_by_role("button", name="The old one dies").click()
        renewed = told(page, "I have it")
        until(lambda: not works(joinable, key))
        assert works(joinable, renewed)

        page.get_by_role("button", name="Claim today's bonus").click()
        expect(page.get_by_text("Today's bonus is claimed")).to_be_visible()
        again = (
            "fetch('/identity').then((a) => a.json()).then((told) => fetch('/session/v1/account/bonus', {method: 'POST'"
        )
        again += ", headers: {'x-csrf-token': told.session.csrf_token}})).then((answer) => answer.status)"
        here.expected += ("429",)
        assert page.evaluate(again) == 429

        page.get_by_role("button", name="Make new recovery codes").click()
        page.get_by_role("button", name="The old ones end").click()
        codes = told(page, "I have them").split("\n")
        assert len(codes) == 10
        expect(page.get_by_text("10 left")).to_be_visible()
        page.get_by_label("A new invite").fill("for Ada")
        page.get_by_role("button", name="Make invite").click()
        assert "#invite=" in told(page, "I have it")
        expect(page.get_by_text("for Ada")).to_be_visible()
        page.evaluate(
            "() => { whole = Response.prototype.blob; Response.prototype.blob = () => Promise.reject(new TypeError()) }"
        )
        page.get_by_role("button", name="Export as JSON").click()
        expect(page.get_by_text("The file broke off on its way here, and was not saved")).to_be_visible()
        page.evaluate("() => { Response.prototype.blob = whole }")
        with page.expect_download() as saved:
            page.get_by_role("button", name="Export as JSON").click()
        exported = json.loads(Path(saved.value.path()).read_text())
        assert len(exported["keys_and_sessions"]) == 3 and len(exported["passkeys"]) == 1

        page.reload()
        expect(page.get_by_role("heading", name="Balance")).to_be_visible()
        name = page.get_by_role("heading", level=1).text_content()
        sign_out(page)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name or "")

        sign_out(page)
        for _ in range(2):
            page.get_by_text("My passkey is lost").click()
            page.get_by_label("Recovery code").fill(codes[0])
            page.get_by_role("button", name="Sign in with the code").click()
            if _ == 0:
                expect(page.get_by_role("heading", level=1)).to_have_text(name or "")
                sign_out(page)
        expect(page.get_by_text("used up")).to_be_visible()
        page.get_by_role("button", name="Sign in with a passkey").click()

        page.get_by_role("button", name="Delete account").click()
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
        assert not works(joinable, renewed)
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_text("No account here has this passkey")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_the_ways_in_and_the_account_fit(joinable: Network, browser: Browser, phone: bool, dark: bool) -> None:
    look = f"{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}"
    with arrived(browser, joinable, phone=phone, dark=dark) as here:
        expect(here.page.get_by_role("button", name="Make an account")).to_be_visible()
        here.picture(f"ways-in-{look}")
        assert here.too_wide() <= 0
        here.page.get_by_role("button", name="Make an account").click()
        expect(here.page.get_by_role("heading", name="Your API key")).to_be_visible()
        here.page.get_by_role("button", name="Show").click()
        here.picture(f"first-key-{look}")
        assert here.too_wide() <= 0
        here.page.get_by_role("button", name="I have it").click()
        expect(here.page.get_by_role("heading", name="Your data")).to_be_visible()
        here.picture(f"account-{look}")
        assert here.too_wide() <= 0


def test_at_an_address_the_page_says_where_passkeys_work(joinable: Network, browser: Browser) -> None:
    with visit(browser, joinable.url) as here:
        here.expected = ("401",)
        here.open("/account")
        expect(here.page.get_by_role("link", name="Open it there")).to_be_visible()
        expect(here.page.get_by_label("API key")).to_be_visible()


def test_the_keyboard_is_enough_to_come_in(joinable: Network, browser: Browser) -> None:
    invite = joinable.invite()
    with arrived(browser, joinable) as here:
        page = here.page
        here.open(f"/account#invite={invite}")
        page.reload()
        button = page.get_by_role("button", name="Make an account")
        expect(button).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="I have it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Signing in")).to_be_visible()


def test_the_focus_is_where_most_go_on_and_who_types_already_keeps_it(joinable: Network, browser: Browser) -> None:
    with arrived(browser, joinable) as here:
        page = here.page
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_focused()
        page.add_init_script(
            "new MutationObserver(() => { const key = document.getElementById('key'); if (key) key.value = 'sk-'; })"
            ".observe(document, { childList: true, subtree: true })"
        )
        page.reload()
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
        expect(page.get_by_label("API key")).to_be_focused()


def test_an_invite_that_was_cut_in_the_middle_leaves_the_ways_in(browser: Browser, joinable: Network) -> None:
    with arrived(browser, joinable) as here:
        here.page.evaluate("location.hash = '#invite=%'")
        here.page.reload()
        expect(here.page.get_by_role("button", name="Make an account")).to_be_visible()


def test_a_double_click_makes_one_account_and_is_no_answer_to_a_question(browser: Browser, empty: Network) -> None:
    empty.close()
    empty.start_coordinator("--signup", "open")
    with arrived(browser, empty) as here:
        page = here.page
        page.get_by_role("button", name="Make an account").dblclick()
        told(page, "I have it")
        expect(page.get_by_role("heading", name="Balance")).to_be_visible()
        assert len(page.locator(".keylist").filter(has_text="made").filter(has_text="passkey").locator("li").all()) == 1
        page.get_by_role("button", name="Delete account").dblclick()
        expect(page.get_by_role("button", name="Delete for good")).to_be_visible()
        page.get_by_role("button", name="Revoke").first.focus()
        page.keyboard.down("Enter")
        page.keyboard.down("Enter")  # held down: it repeats
        page.keyboard.up("Enter")
        expect(page.get_by_role("button", name="Revoke for good")).to_be_visible()
        page.reload()
        expect(page.get_by_text("first key")).to_be_visible()


def test_who_comes_or_goes_in_one_tab_does_so_in_all(browser: Browser, joinable: Network) -> None:
    invite = joinable.invite()
    with arrived(browser, joinable) as here:
        page = brought(here, joinable.invite())
        joined(page)
        name = page.get_by_role("heading", level=1).text_content() or ""
        assert name.startswith("member-")
        other = page.context.new_page()
        other.goto(f"{here.url}/account#invite={invite}")
        expect(other.get_by_role("heading", level=1)).to_have_text(name)
        expect(other.get_by_text("you are signed in already")).to_be_visible()
        other.goto(f"{here.url}/models")
        expect(other.get_by_role("heading", name="Models")).to_be_visible()
        sign_out(page)
        expect(other.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(other.get_by_role("heading", name="Models")).to_be_visible()


def test_who_signs_out_of_a_key_sees_whose_session_is_left(browser: Browser, joinable: Network) -> None:
    with arrived(browser, joinable) as here:
        first = here.page.context.new_page()
        first.goto(f"{here.url}/account")
        first.get_by_label("API key").fill(joinable.key)
        first.get_by_role("button", name="Sign in", exact=True).click()
        expect(first.get_by_role("heading", name="Balance")).to_be_visible()
        here.page.bring_to_front()
        joined(brought(here, joinable.invite()))
        name = here.page.get_by_role("heading", level=1)
        expect(name).to_contain_text("member-")
        expect(first.get_by_role("heading", level=1)).to_have_text("default")
        first.get_by_role("button", name="Sign out").click()
        expect(first.get_by_role("heading", level=1)).to_have_text(name.text_content() or "")


def test_the_whole_link_of_an_invite_is_taken_too(browser: Browser, joinable: Network) -> None:
    invite = joinable.invite()
    with arrived(browser, joinable) as here:
        page = brought(here, "mistyped")
        page.get_by_label("Invite").fill(f"{here.url}/account#invite={invite}")
        joined(page)
        expect(page.get_by_role("heading", name="Balance")).to_be_visible()
        page.get_by_role("button", name="Delete account").click()
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_text("The account is deleted.")).to_be_visible()
