"""A machine is added in the browser: a key for it, the commands, then its arrival, first problem and earnings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.coordinator.a_release import release
from tests.e2e.browser import PATIENCE_MS, visit
from tools.local_network import MODEL, Network
from worker.cli.fits import demand
from worker.config import Config

ROOT = Path(__file__).parents[2]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def network(tmp_path: Path, tiny_chat: Path) -> Iterator[Network]:
    network = Network(tmp_path, tiny_chat)
    try:
        yield network
    finally:
        network.close()


def copied(page: Page) -> list[str]:
    return page.locator(".copied code").all_inner_texts()


def test_a_key_a_command_and_what_becomes_of_it(network: Network, browser: Browser, tmp_path: Path) -> None:
    network.start_coordinator("--downloads", str(release(tmp_path / "release", "9.0.0")))
    with visit(browser, network.url, phone=True, dark=True) as here:
        here.expected = ("401",)
        here.open("/add-worker")
        here.sign_in(network.key)
        page = here.page
        expect(page.get_by_role("heading", name="Add a worker")).to_be_visible()
        page.get_by_label("What the machine is called").fill("attic")
        page.get_by_role("button", name="Make its key").click()
        expect(page.get_by_text("it is not shown again")).to_be_visible()
        key, service, pip, _ = copied(page)
        made = network.get("/v1/account/keys")["data"][-1]
        assert (made["name"], made["scopes"], made["hint"][-4:]) == ("attic", ["worker"], key[-4:])
        sha256 = network.get("/downloads")["installer_sha256"]
        assert f"{network.url}/downloads/install.sh" in service and sha256 in service and key not in service
        assert f"--index-url {network.url}/downloads/simple/cpu" in pip
        page.get_by_label("For which GPU").select_option("vulkan")
        assert "/simple/vulkan" in copied(page)[2]
        assert "docker" not in page.locator("main").inner_text()
        assert here.too_wide() <= 0
        here.picture("add-worker-waiting")

        network.start_worker(key=key)
        arrived = page.get_by_role("status").last
        expect(arrived).to_contain_text("is here")
        expect(arrived).to_contain_text(f"{MODEL}: 2 chats at once, 4,096 tokens each, ready")
        expect(arrived).to_contain_text("Nothing earned yet")
        expect(page.locator(".problem")).to_contain_text("Newer version")  # its own is older than what is given out
        expect(page.locator(".problem")).to_contain_text("What to do")
        owner, network.key = network.key, network.create_stranger("client")
        network.post("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]})
        network.key = owner
        expect(arrived).to_contain_text("It has earned its first $")
        assert here.too_wide() <= 0
        here.picture("add-worker-earned")
        page.get_by_role("link", name="Its page has the rest").click()
        expect(page.get_by_role("heading", name="Measured speed")).to_be_visible()


PIECE = {"image": "a picture of a megapixel", "video": "a second of film of a megapixel", "audio": "a second of music"}


def usd(amount: str) -> str:
    """With two places at least."""
    return f"${amount}" if len(amount.partition(".")[2]) >= 2 else f"${float(amount):.2f}"


def price(row: dict[str, Any]) -> str:
    prices = row["prices"]
    if "per_unit" in prices:
        return f"{usd(prices['per_unit']['usd'])} for {PIECE[row['kind']]}"
    return f"{usd(prices['prompt_per_million']['usd'])} in, {usd(prices['completion_per_million']['usd'])} out"


def test_which_models_fit_a_card_that_is_chosen_best_first_beside_how_wanted_each_is(
    network: Network, browser: Browser
) -> None:
    network.start_coordinator("--catalog", str(ROOT / "models.yaml"))  # the real one: nothing of it is served here
    asked = demand(Config(coordinator=network.url, key=network.key))
    assert asked.models is not None and set(asked.models) == {
        row["id"] for row in network.get("/v1/network/models")["data"]
    }, "a worker's --plan understands it"
    for phone, dark in ((True, True), (False, False)):
        with visit(browser, network.url, phone=phone, dark=dark) as here:
            here.expected = ("401",)
            here.open("/add-worker")
            here.sign_in(network.key)
            page = here.page
            card = page.get_by_label("Memory of the GPU")
            expect(card).to_be_visible()
            here.picture(f"add-worker-wanted{'-phone' if phone else ''}")
            card.focus()
            page.keyboard.type("12")  # by keyboard alone: a select takes the option that begins so
            expect(card).to_have_value("12")
            table = page.get_by_role("region", name="Models that fit")
            rows = [row for row in network.get("/v1/network/models?gpu_gb=12&ram_gb=32")["data"]]
            fitting = [row for row in rows if row["fit"] and row["fit"]["place"] != "none"]
            expect(table.locator("tbody tr")).to_have_count(len(fitting))
            shown = [line.split("\t") for line in table.locator("tbody").inner_text().splitlines() if line.strip()]
            assert [cells[0] for cells in shown] == [row["id"] for row in fitting], "best first, as the API has them"
            assert fitting[0]["fit"]["place"] == "gpu" and fitting[-1]["fit"]["place"] in ("split", "cpu", "gpu")
            for cells, row in zip(shown, fitting, strict=True):
                at_once = f"{row['fit']['slots']} chat" if row["fit"]["context"] else "one thing"
                assert cells[2].startswith(at_once) and cells[4] == price(row), cells
                refused = row["demand"]["no_worker_24h"] + row["demand"]["turned_away_24h"]
                assert cells[5:] == [str(row["demand"]["waiting"]), str(refused), str(row["workers_online"])]
            expect(page.get_by_text(f"{len(rows) - len(fitting)} others do not")).to_be_visible()
            assert here.too_wide() <= 0
            here.picture(f"add-worker-fits{'-phone' if phone else ''}")
            card.select_option("0")
            page.get_by_label("Main memory").select_option("8")
            expect(table.locator("tbody")).to_contain_text("on the CPU, slow")
            expect(table.locator("tbody")).not_to_contain_text("on the GPU")
            card.select_option("")
            expect(table).to_have_count(0)


def test_a_coordinator_that_gives_none_out_shows_the_way_from_a_checkout_and_an_image(
    network: Network, browser: Browser
) -> None:
    network.start_coordinator("--worker-image", "registry.example/supernet-worker:9")
    with visit(browser, network.url) as here:
        here.expected = ("401",)
        here.open("/add-worker")
        here.sign_in(network.key)
        expect(here.page.get_by_text("gives no worker out")).to_be_visible()
        checkout, container = copied(here.page)
        assert "scripts/install_service" in checkout and container.endswith("registry.example/supernet-worker:9")
        here.picture("add-worker-checkout")


def test_pip_which_has_no_hashes_is_shown_where_nobody_can_change_what_it_gets(
    network: Network, browser: Browser, tmp_path: Path
) -> None:
    network.start_coordinator("--downloads", str(release(tmp_path / "release", "9.0.0")))
    with visit(browser, network.url) as here:
        here.expected = ("401",)
        here.page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
        here.open("/add-worker")
        here.sign_in(network.key)
        page = here.page
        page.get_by_label("What the machine is called").fill("attic")
        page.get_by_role("button", name="Make its key").click()
        expect(page.get_by_role("heading", name="As a service")).to_be_visible()
        expect(page.locator(".copied code").nth(1)).to_contain_text("sha256sum -c")
        assert "--index-url" not in page.locator("main").inner_text()
