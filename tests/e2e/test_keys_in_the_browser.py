"""The keys of an account in a real browser: made with limits and caps, changed, disabled; and what is copied from its
page into clients, run as it stands there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from coordinator.dashboard.files import FOLDER
from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tools.local_network import MODEL, Network

expect.set_options(timeout=PATIENCE_MS)

COMPATIBILITY = Path(__file__).parents[2] / "docs" / "compatibility.json"
RUN_S = 240


def signed_in(here: Visit, network: Network) -> Page:
    here.expected = ("401", "403")
    here.open("/account")
    here.sign_in(network.key)
    expect(here.page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    return here.page


def key_of(network: Network, name: str) -> dict[str, Any]:
    return next(
        dict(key) for key in network.get("/v1/account/keys")["data"] if key["name"] == name and not key["revoked"]
    )


def row_of(page: Page, name: str) -> Any:
    return page.locator(".keylist li").filter(has_text=name)


def shown_key(page: Page) -> str:
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".newkey code")).to_contain_text("sk-sn-")
    return page.locator(".newkey code").inner_text()


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)])
def test_a_key_is_made_with_limits_changed_disabled_and_renewed(
    standing: Network, browser: Browser, phone: bool, dark: bool
) -> None:
    name = f"ci {phone}"
    with visit(browser, standing.url, phone=phone, dark=dark) as here:
        page = signed_in(here, standing)
        page.get_by_label("A new key for").fill(name)
        page.get_by_text("What it may do, limits and caps").click()
        page.get_by_label("What it may do").select_option(label="Only chat")
        page.get_by_label("Expires").select_option(label="In 30 days")
        page.get_by_label("Requests a minute").fill("30")
        page.get_by_label("Dollars a day").fill("0.5")
        page.get_by_label("Dollars a month").fill("4")
        here.picture(f"key-form-{'phone-dark' if phone else 'desk'}")
        assert here.too_wide() <= 0
        page.get_by_role("button", name="Create key").click()
        key = shown_key(page)
        made = key_of(standing, name)
        assert [made[field] for field in ("scopes", "rpm", "tpm", "disabled")] == [["client"], 30, None, False]
        assert (made["cap_day_nano_usd"], made["cap_month_nano_usd"]) == (500_000_000, 4_000_000_000)
        assert made["expires"] - made["created"] == 30 * 86_400

        standing.key, owner = key, standing.key
        try:
            standing.post("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]})
        finally:
            standing.key = owner
        page.get_by_role("button", name="I have it").click()
        row = row_of(page, name)
        expect(row).to_contain_text(re.compile(r"\$0\.0+\d+ of \$0\.5 spent today"))
        expect(row).to_contain_text("of $4.00 spent this month")
        expect(row).to_contain_text("30 requests a minute")
        spent = key_of(standing, name)["spent_day_nano_usd"]
        assert spent > 0 and key not in page.content()

        row.get_by_role("button", name="Edit").click()
        edit = row.locator(".edit")
        expect(edit.get_by_label("Requests a minute")).to_have_value("30")
        edit.get_by_role("button", name="Save").click()
        expect(edit.get_by_role("alert")).to_have_text("Nothing is different.")
        edit.get_by_label("Requests a minute").fill("")
        edit.get_by_label("Dollars a day").fill("0.000001")
        edit.get_by_label("Its name").fill(f"new {phone}")
        assert here.too_wide() <= 0
        here.picture(f"key-edit-{'phone-dark' if phone else 'desk'}")
        edit.get_by_role("button", name="Save").click()
        row = row_of(page, f"new {phone}")
        expect(row).to_contain_text("of $0.000001 spent today")
        made = key_of(standing, f"new {phone}")
        assert (made["rpm"], made["cap_day_nano_usd"], made["cap_month_nano_usd"]) == (None, 1000, 4_000_000_000)

        row.get_by_role("button", name="Regenerate").click()
        row.get_by_role("button", name="sure").click()
        assert shown_key(page) != key
        assert key_of(standing, f"new {phone}")["cap_day_nano_usd"] == 1000
        page.get_by_role("button", name="I have it").click()
        expect(page.locator(".newkey")).to_have_count(0)
        row.get_by_role("button", name="Disable").click()
        row.get_by_role("button", name="sure").click()
        expect(row.get_by_role("button", name="Enable")).to_be_visible()
        expect(row).to_contain_text("disabled")
        assert key_of(standing, f"new {phone}")["disabled"]
        here.picture(f"keys-{'phone-dark' if phone else 'desk'}")
        assert here.too_wide() <= 0
        row.get_by_role("button", name="Enable").click()
        expect(row.get_by_role("button", name="Disable")).to_be_visible()
        row.get_by_role("button", name="Revoke").click()
        row.get_by_role("button", name="for good").click()
        expect(row).to_have_count(0)


def test_the_key_that_one_signed_in_with_may_not_loosen_itself_and_says_so(standing: Network, browser: Browser) -> None:
    with visit(browser, standing.url) as here:
        page = signed_in(here, standing)
        row = row_of(page, "the one you use now")
        row.get_by_role("button", name="Edit").click()
        row.get_by_label("Requests a minute").fill("5")
        row.get_by_role("button", name="Save").click()
        expect(page.locator(".keys .problem-line").first).to_contain_text("supernet-coordinator key set")


def read(page: Page, client: str) -> list[str]:
    """The texts of a client's card, filled with the key that was just made."""
    page.get_by_label("Client", exact=True).select_option(client)
    return page.locator(".clients .copied code").all_inner_texts()


def test_what_is_copied_from_the_page_works_as_it_stands_and_the_keyboard_is_enough(
    standing: Network, browser: Browser, tmp_path: Path
) -> None:
    openai_node = _proven()["openai-node"]["openai"]
    with visit(browser, standing.url) as here:
        page = signed_in(here, standing)
        assert "YOUR_API_KEY" in read(page, "curl")[0]
        page.get_by_label("A new key for").fill("snippets")
        page.keyboard.press("Enter")
        key = shown_key(page)
        page.get_by_label("Put the key that was just made into the text").focus()
        page.keyboard.press("Space")
        expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
        page.get_by_label("Client", exact=True).focus()
        page.keyboard.press("ArrowDown")
        expect(page.locator(".clients")).to_contain_text("from openai import OpenAI")
        texts = {client: read(page, client) for client in ("curl", "openai-python", "openai-node", "claude-code")}
        here.picture("clients")
        assert all(key in " ".join(each) for each in texts.values()) and here.too_wide() <= 0
        page.get_by_role("button", name="I have it").click()
        expect(page.locator(".newkey")).to_have_count(0)
        assert key not in page.content()

    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    (curl,) = texts["curl"]
    answered = json.loads(_ran(["bash", "-c", curl], tmp_path, plain))
    assert answered["choices"][0]["message"]["role"] == "assistant", answered
    (tmp_path / "ask.py").write_text(texts["openai-python"][0])
    assert _ran([sys.executable, "ask.py"], tmp_path, plain).strip()
    (tmp_path / "ask.mjs").write_text(texts["openai-node"][0])
    _ran(
        ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", f"openai@{openai_node}"],
        tmp_path,
        dict(os.environ),
    )
    assert _ran(["node", "ask.mjs"], tmp_path, plain).strip()
    (variables,) = texts["claude-code"]
    asked = _ran(
        ["bash", "-c", f'{variables}\necho "$ANTHROPIC_BASE_URL $ANTHROPIC_API_KEY $ANTHROPIC_MODEL"'], tmp_path, plain
    )
    assert asked.split() == [standing.url, key, MODEL]


def _ran(command: list[str], folder: Path, env: dict[str, str]) -> str:
    ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=RUN_S, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _proven() -> dict[str, dict[str, str]]:
    """The clients of docs/compatibility.json, with the versions that were run."""
    return {name: run["versions"] for name, run in json.loads(COMPATIBILITY.read_text()).items()}


def test_no_client_is_on_the_page_that_was_not_proven() -> None:
    shown = re.findall(r'^    id: "(.*)",$', (FOLDER / "account" / "snippets.js").read_text(), re.MULTILINE)
    assert len(shown) > 10 and set(shown) - {"curl"} <= _proven().keys()
