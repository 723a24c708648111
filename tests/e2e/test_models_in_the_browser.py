"""The pages of the models, and the network over time, with a month of made-up use: every figure is the ledger's."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from coordinator.clock import DAY_MS, now_ms
from coordinator.history.figures import ALL, FIVE_MINUTES_MS, HOUR_MS, Key, Sums
from coordinator.history.reader import days_ago, hours_ago
from coordinator.history.rows import write
from coordinator.store.database import Database
from tests.coordinator.history.month import made_up, put, rolled_up, used
from tests.coordinator.ledger.builders import client
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)

ROOT = Path(__file__).parents[2]
CHATS, DRAWS = ("qwen3.5-9b-gguf-q4km", "qwen3.5-4b-gguf-q4km"), "z_image_turbo_bf16"
MODELS = (*CHATS, DRAWS)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network(tmp_path_factory.mktemp("models"), Path("none"))
    try:
        network.create_key("test")  # which makes the database
        with closing(Database(network.folder / "coordinator.db")) as database:
            a_month(database)
        network.start_coordinator(
            "--catalog", str(ROOT / "models.yaml"), "--public-network", "yes", "--count-prompts", "no"
        )
        yield network
    finally:
        network.close()


def a_month(database: Database) -> None:
    """Used until this hour began, so that nothing changes while it is looked at; measured for ten days."""
    at_ms = now_ms()
    hour_ms = at_ms - at_ms % HOUR_MS
    put(database, made_up(client(database, "somebody"), 3000, until_ms=hour_ms - 1, models=MODELS))
    rolled_up(database, at_ms)
    sums: dict[Key, Counter[str]] = {}
    full = (1 << 60) - 1
    for hour in range(1, 24 * 10):
        begins = hour_ms - hour * HOUR_MS
        sums[Key(HOUR_MS, ALL, begins)] = Counter(up=full, measured=full, workers=180 + hour, ready=120, waiting=30)
        down = 60 <= hour < 84 or hour % 11 == 0
        sums[Key(HOUR_MS, MODELS[0], begins)] = Counter(up=0 if down else full, no_worker=3 if down else 0, workers=60)
    for step in range(-2, 13):  # some that come too: the page is looked at a while after this
        five = at_ms - at_ms % FIVE_MINUTES_MS - step * FIVE_MINUTES_MS
        sums[Key(FIVE_MINUTES_MS, ALL, five)] = Counter(workers=15, ready=10, measured=31, up=31)
    write(database, "replica made up", at_ms, Sums(sums, {}))


def whole(number: int) -> str:
    return f"{number:,}"


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (False, True), (True, False), (True, True)])
def test_the_list_finds_sorts_and_leads_to_each_model(
    network: Network, browser: Browser, phone: bool, dark: bool
) -> None:
    with visit(browser, network.url, phone=phone, dark=dark) as here:
        here.open("/models")
        page = here.page
        rows = page.locator(".modellist > li")
        expect(rows.filter(has_text="nobody").first).to_be_visible()
        expect(page.get_by_role("button", name="Films")).to_be_visible()
        assert here.too_wide() <= 0
        here.picture(f"models-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}")
        page.get_by_label("Order").select_option("used")
        with closing(Database(network.folder / "coordinator.db")) as database:
            week = hours_ago(now_ms(), 168)
            most = max(MODELS, key=lambda model: used(database, week, model)["requests"])
        expect(rows.first.get_by_role("link")).to_have_attribute("href", f"/models/{most}")
        page.get_by_role("button", name="Pictures").press("Enter")
        expect(rows.filter(has_text="Chat")).to_have_count(0)
        page.get_by_role("button", name="All").click()
        page.get_by_label("Search models").fill("9b sees")
        expect(rows.first).to_contain_text("sees pictures")
        page.get_by_label("Search models").fill("no such thing")
        expect(rows).to_have_count(0)
        expect(page.get_by_role("status").first).to_contain_text("0 of")
        page.get_by_label("Search models").fill("9b sees")
        expect(page).to_have_url(re.compile(r"search=9b\+sees"))
        rows.first.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Price and limits")).to_be_visible()
        page.go_back()
        expect(page.get_by_label("Search models")).to_have_value("9b sees")
        expect(page.get_by_label("Order")).to_have_value("used")
        expect(page.get_by_role("status").first).to_contain_text(" of ")


@pytest.mark.parametrize("model", [CHATS[0], DRAWS])
@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)])
def test_the_figures_of_a_model_are_the_ledgers(
    network: Network, browser: Browser, model: str, phone: bool, dark: bool
) -> None:
    with (
        closing(Database(network.folder / "coordinator.db")) as database,
        visit(browser, network.url, phone=phone, dark=dark) as here,
    ):
        here.open(f"/models/{model}")
        page = here.page
        expect(page.get_by_role("heading", name="Day by day")).to_be_visible()
        day, month = used(database, hours_ago(now_ms(), 24), model), used(database, days_ago(now_ms(), 30), model)
        expect(page.locator('[data-figure="requests"]')).to_have_text(whole(day["requests"]))
        speeds = page.locator(".speeds tbody tr")
        expect(speeds.nth(0).locator("td").first).to_have_text(whole(day["requests"]))
        expect(speeds.nth(1).locator("td").first).to_have_text(whole(month["requests"]))
        page.get_by_text("The figures of each day").click()
        table = page.locator(".figures-table tbody tr")
        expect(table).to_have_count(30)
        since = days_ago(now_ms(), 30)
        for place, row in enumerate(table.all()):
            begins = since + (29 - place) * DAY_MS
            of_day = used(database, begins, model) - used(database, begins + DAY_MS, model)
            cells = row.locator("td").all_text_contents()
            amounts = [of_day["units"]] if model == DRAWS else [of_day["prompt"], of_day["completion"]]
            assert [cells[0], *cells[5:-1]] == [whole(of_day["requests"]), *map(whole, amounts)]
        assert here.too_wide() <= 0
        here.picture(f"model-{model}-{'phone-dark' if phone else 'desk-light'}")


def test_uptime_price_and_a_way_to_try_it(network: Network, browser: Browser) -> None:
    with visit(browser, network.url) as here:
        page = signed_in(here, network, "/account")
        here.open(f"/models/{CHATS[0]}")
        expect(page.locator(".uptime-strip li")).to_have_count(30)
        measured = page.locator(".uptime-strip li:not(.unknown)")
        assert 9 <= measured.count() <= 12
        expect(page.locator(".uptime-strip .never, .uptime-strip .partly").first).to_be_attached()
        price = page.locator(".card").filter(has=page.get_by_role("heading", name="Price and limits"))
        expect(price.get_by_role("row").nth(1)).to_contain_text(re.compile(r"\$0\.\d\d"))
        expect(page.locator(".files").first).to_contain_text(".gguf")
        page.get_by_role("link", name="Try it in the playground").press("Enter")
        expect(page.get_by_label("Model", exact=True)).to_have_value(CHATS[0])


def test_a_model_that_is_not_there_says_so(network: Network, browser: Browser) -> None:
    with visit(browser, network.url) as here:
        here.expected = ("404",)
        here.open("/models/nothing-of-this-name")
        expect(here.page.get_by_role("alert")).to_contain_text("There is no model 'nothing-of-this-name'")
        expect(here.page.get_by_role("heading", level=1)).to_have_text("No such model")
        expect(here.page).to_have_title("No such model · Supernet")
        here.page.get_by_role("link", name="The models of this network").click()
        expect(here.page.get_by_role("heading", name="Models", level=1)).to_be_visible()


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)])
def test_the_network_over_an_hour_a_day_and_a_month(
    network: Network, browser: Browser, phone: bool, dark: bool
) -> None:
    with (
        closing(Database(network.folder / "coordinator.db")) as database,
        visit(browser, network.url, phone=phone, dark=dark, calm=True) as here,
    ):
        here.open("/")
        page = here.page
        card = page.locator(".card").filter(has=page.get_by_role("heading", name="Over time"))
        said = card.get_by_role("status")
        for name, since in (("24 h", hours_ago(now_ms(), 24)), ("30 days", days_ago(now_ms(), 30))):
            card.get_by_role("button", name=name).press("Enter")
            expect(said).to_contain_text(f"{whole(used(database, since)['requests'])} requests")
            expect(card.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
            here.picture(f"network-{name.replace(' ', '')}-{'phone-dark' if phone else 'desk-light'}")
            assert here.too_wide() <= 0
        card.get_by_role("button", name="1 h").click()
        card.get_by_text("The figures").click()
        expect(card.locator("tbody tr")).to_have_count(12)
        expect(card.locator("tbody tr").nth(11).locator("td").nth(5)).to_have_text("3")
