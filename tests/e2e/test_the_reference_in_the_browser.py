"""The page of the API, drawn from its document, and the examples on it, which are run as they stand there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from coordinator.api.pages import OPENAPI
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)
DOCUMENT = json.loads(OPENAPI)
OPERATIONS = [one for item in DOCUMENT["paths"].values() for name, one in item.items() if name != "parameters"]
RUN = ["post_v1_chat_completions", "post_v1_responses", "post_v1_messages", "get_v1_models", "get_v1_account"]
RUN += ["get_v1_account_usage", "get_v1_account_requests", "get_readyz"]


@pytest.fixture(scope="module")
def network(standing: Network) -> Network:
    return standing


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_everything_in_the_document_is_there_and_found(
    network: Network, browser: Browser, dark: bool, phone: bool
) -> None:
    with visit(browser, network.url, dark=dark, phone=phone) as here:
        here.open("/docs")
        page, shown = here.page, here.page.locator("details.operation:not([hidden])")
        expect(page.locator("details.operation")).to_have_count(len(OPERATIONS))
        assert page.locator(".drawn").count() == 0, "nothing is drawn before it is opened"
        here.picture(f"docs-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}")
        page.get_by_label("Filter").fill("max_completion_tokens")
        expect(shown).to_have_count(1)
        shown.first.locator("summary").first.focus()
        page.keyboard.press("Enter")
        drawn = page.locator(".drawn")
        expect(drawn).to_contain_text("max_tokens")
        expect(drawn).to_contain_text("at most 2")
        expect(drawn.get_by_role("tab")).to_have_text(["curl", "Python", "JavaScript"])
        drawn.get_by_role("tab", name="curl").focus()
        page.keyboard.press("ArrowRight")
        expect(drawn.get_by_role("tabpanel")).to_contain_text("from openai import OpenAI")
        assert page.url.endswith("/docs#post_v1_chat_completions")
        assert here.too_wide() <= 0
        here.picture(f"docs-open-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}")
        page.get_by_label("Filter").fill("no such words")
        expect(page.get_by_role("status").first).to_have_text("0 operations found")


def test_every_operation_is_drawn_and_every_part_of_it_opens(network: Network, browser: Browser) -> None:
    with visit(browser, network.url) as here:
        here.open("/docs#get_v1_account_usage")
        usage = here.page.locator("#get_v1_account_usage")
        expect(usage).to_contain_text("Examples")
        here.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        expect(here.page.locator(".drawn")).to_have_count(len(OPERATIONS))
        here.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        expect(here.page.locator("#post_v1_messages .answers")).to_contain_text("429")
        text = here.page.locator("#page").inner_text()
        assert "undefined" not in text and "[object" not in text


def test_a_get_is_tried_with_the_key_that_is_signed_in(network: Network, browser: Browser) -> None:
    with visit(browser, network.url) as here:
        page = signed_in(here, network, "/account")
        page.get_by_role("link", name="API").click()
        expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
        here.open("/docs#get_v1_account_usage")
        usage = page.locator("#get_v1_account_usage")
        usage.get_by_label("days").fill("3")
        usage.get_by_role("button", name="Send").click()
        expect(usage.locator(".tryit")).to_contain_text('"object": "list"')
        here.expected += ("400",)
        usage.get_by_label("days").fill("x")
        usage.get_by_label("days").press("Enter")
        expect(usage.get_by_role("alert")).to_contain_text("400 Invalid 'days'")


def shown(page: Page, operation: str, language: str) -> str:
    here = page.locator(f"#{operation}")
    here.get_by_role("tab", name=language).click()
    return here.get_by_role("tabpanel").locator("code").inner_text()


def test_the_examples_run_as_they_stand_there(network: Network, browser: Browser, tmp_path: Path) -> None:
    texts: dict[tuple[str, str], str] = {}
    with visit(browser, network.url) as here:
        page = signed_in(here, network, "/account")
        for operation in RUN:
            here.open(f"/docs#{operation}")
            expect(page.locator(f"#{operation} .drawn")).to_be_visible()
            for language in ("curl", "Python", "JavaScript"):
                texts[operation, language] = shown(page, operation, language)
    environment = {**os.environ, "SUPERNET_API_KEY": network.key}
    for (operation, language), text in texts.items():
        uses_sdk = ' from "' in text
        if language == "curl":
            command = ["bash", "-c", text.replace("curl ", "curl -sS --fail-with-body ", 1)]
        elif language == "Python":
            command = [sys.executable, "-c", text]
        elif uses_sdk:
            continue  # OpenAI's for Node is no library of ours: the call is the same as Python's
        else:
            command = ["node", "--input-type=module", "-e", text]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert done.returncode == 0, (operation, language, text, done.stderr, done.stdout)
        if language != "Python" or "httpx" in text:
            assert "error" not in done.stdout.lower() or '"error":null' in done.stdout, (operation, done.stdout)
        assert done.stdout.strip(), (operation, language)
