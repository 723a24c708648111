"""The dashboard in a real browser, before real processes: every page, every width and light; nothing leaks, nothing
runs that should not."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tests.e2e.crowd import Played, crowd
from tools.local_network import MODEL, Network, until
from wire import messages as wire
from wire.offers import SpeedPoint
from worker.issues import ISSUES, issue

expect.set_options(timeout=PATIENCE_MS)

HOSTILE = '<img src=x onerror="document.title=`taken`"><script>document.title="taken"</script>'
SPEED = (
    SpeedPoint(streams=1, decode_tps=90, prefill_tps=3000, ttft_ms=180),
    SpeedPoint(streams=4, decode_tps=280, prefill_tps=3300, ttft_ms=400),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[Network]:
    network = Network(tmp_path_factory.mktemp("alone"), tiny_chat)
    try:
        network.start_coordinator()
        yield network
    finally:
        network.close()


@pytest.fixture
def alone(shared: Network) -> Network:
    """A coordinator without workers: each test brings its own, and those of the test before have gone."""
    until(lambda: not shared.get("/v1/network")["workers"])
    return shared


def signed_in(here: Visit, network: Network, path: str = "/") -> Page:
    here.expected = ("401",)  # the first request of a page without a key
    here.open(path)
    here.sign_in(network.key)
    expect(here.page.get_by_role("button", name="Sign out")).to_be_visible()
    return here.page


def say(page: Page, text: str) -> None:
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def tile(page: Page, name: str = "") -> Locator:
    return page.locator(".tile").filter(has_text=name)


# ---- signing in ------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_told_in_words_and_the_right_one_lets_in(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url) as here:
        here.expected = ("401",)
        here.open("/")
        expect(here.page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
        expect(here.page.get_by_label("API key")).to_be_focused()
        here.sign_in("sk-sn-nonsense")
        expect(here.page.get_by_role("alert")).to_contain_text("Incorrect API key")
        here.picture("sign-in")
        here.sign_in(standing.key)
        expect(tile(here.page)).to_contain_text("ready")
        here.page.reload()
        expect(tile(here.page)).to_contain_text("ready")
        assert here.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        here.page.get_by_role("button", name="Sign out").click()
        expect(here.page.get_by_label("API key")).to_be_visible()


# ---- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_every_page_fits_and_is_quiet(standing: Network, browser: Browser, phone: bool, dark: bool) -> None:
    look = f"{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}"
    with visit(browser, standing.url, phone=phone, dark=dark) as here:
        page = signed_in(here, standing)
        expect(tile(page)).to_contain_text("ready")
        here.picture(f"network-{look}")
        assert here.too_wide() <= 0
        tile(page).get_by_role("link").click()
        expect(page.get_by_role("heading", name="Machine")).to_be_visible()
        here.picture(f"worker-{look}")
        assert here.too_wide() <= 0
        page.get_by_role("link", name="Playground").click()
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        say(page, "Hello!")
        expect(page.locator(".meta")).to_contain_text("out")
        here.picture(f"playground-{look}")
        assert here.too_wide() <= 0
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Change to").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background


def test_the_keyboard_is_enough(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url, calm=True) as here:
        page = signed_in(here, standing, "/playground")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        expect(page.get_by_label("Message")).to_be_focused()
        page.keyboard.type("Hello!")
        page.keyboard.press("Enter")
        expect(page.locator(".meta")).to_contain_text("out")
        page.goto(standing.url)
        expect(tile(page)).to_contain_text("ready")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the page"


# ---- the playground --------------------------------------------------------------------------------------------------


def test_a_chat_shows_thought_answer_and_cost(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url) as here:
        page = signed_in(here, standing, "/playground")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        say(page, "What is the capital of France?")
        answer = page.locator(".answer")
        expect(answer.locator(".meta")).to_contain_text(re.compile(r"tokens? in.*out.*cost \$0\.0"))
        expect(answer.locator(".markdown")).not_to_be_empty()
        expect(answer.locator("summary")).to_contain_text("Thought for")
        expect(answer.locator(".thought-text")).not_to_be_visible()
        answer.locator("summary").click()
        expect(answer.locator(".thought-text")).to_be_visible()
        assert "<think>" not in (answer.text_content() or "")


def test_a_chat_and_its_settings_outlive_another_page_and_not_the_key(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url) as here:
        page = signed_in(here, standing, "/playground")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        page.get_by_label("Most tokens").fill("7")
        say(page, "Hello!")
        expect(page.locator(".meta")).to_contain_text("7 tokens out")
        page.get_by_role("link", name="Account").click()
        expect(page.get_by_role("heading", name="Balance")).to_be_visible()
        page.get_by_role("link", name="Playground").click()
        expect(page.locator(".turn")).to_have_count(2)
        expect(page.get_by_label("Most tokens")).to_have_value("7")
        page.get_by_role("button", name="Sign out").click()
        here.sign_in(standing.key)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        expect(page.get_by_label("Most tokens")).to_have_value("")
        expect(page.locator(".turn")).to_have_count(0)


def test_a_tool_call_is_shown_and_its_result_sent(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url) as here:
        page = signed_in(here, standing, "/playground")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        page.get_by_text("Tools", exact=True).click()
        page.get_by_role("button", name="Put in an example").click()
        say(page, "What is the weather like in Warsaw?")
        call = page.locator(".call")
        expect(call).to_contain_text("get_weather")
        expect(page.get_by_label("Result of")).to_be_visible()  # the call is whole
        assert json.loads(call.locator("pre").text_content() or "") == {"city": "Warsaw"}
        page.get_by_label("Result of").fill('{"temperature": 21}')
        here.picture("tool-call")
        page.get_by_role("link", name="Network").click()
        expect(page.get_by_role("heading", name="Models")).to_be_visible()
        page.get_by_role("link", name="Playground").click()  # the call still waits for its result
        page.get_by_label("Result of").fill('{"temperature": 21}')
        page.locator(".results").get_by_role("button", name="Send").click()
        expect(page.locator(".result")).to_contain_text("21")
        expect(page.locator(".answer").nth(1).locator(".meta")).to_contain_text("out")


def test_stop_stops_and_a_place_in_the_queue_is_shown(alone: Network, browser: Browser) -> None:
    slow = Played("slow", MODEL, slots=1, pace_s=0.1, tokens=2000)
    with crowd(alone.url, [(alone.key, slow)]), visit(browser, alone.url) as here, visit(browser, alone.url) as other:
        page = signed_in(here, alone, "/playground")
        expect(page.locator(".about-model")).to_contain_text("1 of 1 slots free")
        say(page, "go on for ever")
        expect(page.locator(".answer .markdown")).to_contain_text("hums")
        second = signed_in(other, alone, "/playground")
        expect(second.locator(".about-model")).to_contain_text("0 of 1 slots free")
        say(second, "me too")
        expect(second.locator(".state")).to_contain_text("Waiting: place 1 in the queue")
        other.picture("waiting")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".meta")).to_contain_text("Stopped.")
        expect(second.locator(".answer .markdown")).to_contain_text("hums")


def test_an_error_is_told_in_words_and_can_be_tried_again(alone: Network, browser: Browser) -> None:
    with visit(browser, alone.url) as here:
        page = signed_in(here, alone, "/playground")
        here.expected = ("401", "503")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        say(page, "Hello!")
        expect(page.locator(".trouble")).to_contain_text(re.compile("no worker serves|no worker of .* is left"))
        with crowd(alone.url, [(alone.key, Played("helper", MODEL, tokens=5))]):
            page.wait_for_function(
                "async () => (await (await fetch('/v1/models', {headers: {authorization: "
                "'Bearer ' + sessionStorage['supernet.key']}})).json()).data[0].free_slots > 0"
            )
            page.get_by_role("button", name="Try again").click()
            expect(page.locator(".answer .markdown")).to_contain_text("hums")
            expect(page.locator(".question")).to_have_count(1)


# ---- the account -----------------------------------------------------------------------------------------------------


def test_an_account_shows_balance_and_usage_and_its_keys_can_be_changed(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url) as here:
        page = signed_in(here, standing, "/playground")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        say(page, "Hello!")
        expect(page.locator(".meta")).to_contain_text("cost")
        page.get_by_role("link", name="Account").click()
        expect(page.locator(".money")).to_contain_text("to spend")
        expect(page.locator(".usage")).to_contain_text(re.compile(r"\$0\.0+\d+ for \d+ request"))
        expect(page.locator(".usage .sums").first).to_contain_text(MODEL)
        page.get_by_label("A new key for").fill(HOSTILE[:60])
        page.get_by_role("button", name="Create key").click()
        made = page.locator(".newkey code")
        expect(made).to_contain_text("•••")  # covered, until it is wanted
        page.get_by_role("button", name="Show").click()
        expect(made).to_contain_text("sk-sn-")
        key = made.inner_text()
        page.get_by_role("button", name="I have it").click()
        mine = page.locator(".keylist li").filter(has_text=HOSTILE[:60])
        expect(mine).to_have_count(1)
        here.picture("account")
        assert here.too_wide() <= 0 and key not in page.content()
        mine.get_by_role("button", name="Regenerate").click()
        mine.get_by_role("button", name="sure").click()
        page.get_by_role("button", name="Show").click()
        expect(made).to_contain_text("sk-sn-")
        assert made.text_content() != key
        page.get_by_role("button", name="I have it").click()
        expect(made).to_have_count(0)  # the list is there anew: the old row's key has gone already
        mine.get_by_role("button", name="Revoke").click()
        mine.get_by_role("button", name="for good").click()
        expect(mine).to_have_count(0)


# ---- the network, live -----------------------------------------------------------------------------------------------


def test_a_worker_dies_and_comes_back(alone: Network, browser: Browser) -> None:
    with visit(browser, alone.url) as here:
        page = signed_in(here, alone)
        expect(page.get_by_role("heading", name="No worker is here yet")).to_be_visible()
        here.picture("network-empty")
        worker = alone.start_worker("--name", "attic", name="attic")
        expect(tile(page, "attic")).to_contain_text("ready")
        worker.kill()
        expect(tile(page, "attic")).to_contain_text("connection lost")
        here.picture("network-worker-lost")
        expect(tile(page)).to_have_count(0)  # the resume window is over
        again = alone.start_worker("--name", "attic", name="attic")
        expect(tile(page, "attic")).to_contain_text("ready")
        again.kill()
        expect(tile(page)).to_have_count(0)


def test_slots_light_up_while_they_stream(alone: Network, browser: Browser) -> None:
    worker = Played("busy", MODEL, slots=3, tokens=2000, speed=SPEED)
    with crowd(alone.url, [(alone.key, worker)]), visit(browser, alone.url) as here, visit(browser, alone.url) as other:
        page = signed_in(here, alone)
        expect(tile(page, "busy").locator("i.free")).to_have_count(3)
        chat = signed_in(other, alone, "/playground")
        expect(chat.locator(".about-model")).to_contain_text("3 of 3 slots free")
        say(chat, "go")
        expect(tile(page, "busy").locator("i.streaming")).to_have_count(1)
        expect(tile(page, "busy").get_by_role("img")).to_have_attribute(
            "aria-label", "3 slots: 1 streaming tokens, 2 free"
        )
        expect(tile(page, "busy")).to_contain_text("tok/s")
        tile(page, "busy").get_by_role("link").click()
        expect(page.locator("svg.curve")).to_have_attribute("aria-label", re.compile("90 at 1, 280 at 4"))


def test_every_problem_that_a_worker_can_have_is_shown_with_what_to_do(alone: Network, browser: Browser) -> None:
    """The whole table of the worker, and a code that this version has never heard of."""
    new = wire.Issue(code="from_the_future", severity="info", message="Something new.", remedy="Wait and see.")
    issues = (*(issue(code, f"This is {code}.") for code in ISSUES), new)
    with crowd(alone.url, [(alone.key, Played("ill", MODEL, issues=issues))]), visit(browser, alone.url) as here:
        page = signed_in(here, alone)
        shown = page.locator(".problem")
        expect(shown).to_have_count(len(issues))
        severities = [card.get_attribute("class") or "" for card in shown.all()]
        assert severities == sorted(severities, key=["problem error", "problem warning", "problem info"].index)
        for one in issues:
            card = page.locator(f'.problem[data-code="{one.code}"]')
            expect(card).to_contain_text(one.message)
            expect(card).to_contain_text(one.remedy)
        expect(tile(page, "ill")).to_contain_text(f"{len(issues)} problems")
        here.picture("problems")
        tile(page, "ill").get_by_role("link").click()
        expect(page.locator("h1")).to_have_text("ill")
        expect(shown).to_have_count(len(issues))


def test_hostile_words_stay_words(alone: Network, browser: Browser) -> None:
    issue = wire.Issue(code="x", severity="error", message=HOSTILE, remedy=f"[click]( javascript:alert(1) ) {HOSTILE}")
    links = "[a](javascript:alert(1)) [b](https://example.org)"
    answer = f"{HOSTILE}\n\n{links}\n\n```html\n{HOSTILE}\n```\n\n| {HOSTILE} |\n|--|"
    worker = Played(HOSTILE, MODEL, gpu=HOSTILE, issues=(issue,), text=answer, tokens=3)
    with crowd(alone.url, [(alone.key, worker)]), visit(browser, alone.url) as here:
        page = signed_in(here, alone)
        expect(tile(page)).to_contain_text("<img src=x")
        expect(page.locator(".problem .message")).to_have_text(HOSTILE)
        tile(page).get_by_role("link").click()
        expect(page.locator("h1")).to_have_text(HOSTILE[:80])
        page.get_by_role("link", name="Playground").click()
        expect(page.locator(".about-model")).to_contain_text("slots free")
        say(page, HOSTILE)
        expect(page.locator(".meta")).to_contain_text("out")
        expect(page.locator(".question .said")).to_have_text(HOSTILE)
        expect(page.locator(".markdown pre")).to_have_text(HOSTILE)
        assert page.locator("main img, main script, main [onerror]").count() == 0
        shown = page.locator(".markdown a").all()
        assert [link.get_attribute("href") for link in shown] == ["https://example.org"]
        assert "taken" not in page.title()


def test_a_client_is_shown_no_names_of_others(alone: Network, browser: Browser) -> None:
    stranger = alone.create_stranger("stranger")
    issue = wire.Issue(code="disk_full", severity="error", message="secret path", remedy="free some")
    with crowd(alone.url, [(stranger, Played("secret-name", MODEL, issues=(issue,)))]):
        with visit(browser, alone.url) as here:
            page = signed_in(here, alone)
            expect(tile(page)).to_contain_text("RTX 4090")
            assert "secret" not in page.content()
            assert tile(page).get_by_role("link").count() == 0
        with visit(browser, alone.url) as here:
            here.expected = ("401",)
            here.open("/")
            here.sign_in(alone.create_key("boss", "--scope", "admin"))
            expect(tile(here.page)).to_contain_text("secret-name")
            expect(here.page.locator(".problem")).to_contain_text("secret path")


def test_three_hundred_workers_are_a_bounded_page(alone: Network, browser: Browser) -> None:
    workers = [Played(f"rig-{n:03}", MODEL, slots=8, status="down" if n == 299 else "ready") for n in range(300)]
    keys = [alone.key] * 200 + [alone.create_stranger("other")] * 100
    with crowd(alone.url, list(zip(keys, workers, strict=True))), visit(browser, alone.url) as here:
        page = signed_in(here, alone)
        expect(page.get_by_role("button", name="All 300")).to_be_visible()
        assert page.evaluate("document.querySelectorAll('*').length") < 3000
        expect(tile(page)).to_have_count(60)
        here.picture("network-300")
        page.get_by_role("button", name="Show 60 more").click()
        expect(tile(page)).to_have_count(120)
        page.get_by_label("Find a worker").fill("rig-123")
        expect(tile(page)).to_have_count(1)


@pytest.fixture
def public(tmp_path: Path, tiny_chat: Path) -> Iterator[Network]:
    """A coordinator that shows its network to everybody."""
    network = Network(tmp_path, tiny_chat)
    try:
        network.start_coordinator("--public-network")
        yield network
    finally:
        network.close()


def test_a_public_network_needs_no_key_and_names_nobody(public: Network, browser: Browser) -> None:
    with crowd(public.url, [(public.key, Played("secret-name", MODEL))]), visit(browser, public.url) as here:
        here.open("/")
        expect(tile(here.page)).to_contain_text("RTX 4090")
        assert "secret" not in here.page.content()
