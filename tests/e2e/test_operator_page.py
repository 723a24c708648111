"""The operator's page in a real browser: it shows what the ledger says, and each act is done and written down."""

import re
import time
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.pepper import open_pepper, pepper_file
from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import balances_of
from coordinator.ledger.orders import Settle
from coordinator.ledger.payouts import Wanted, ask, decide, in_state
from coordinator.ledger.pricing import SPARK_NANO, Payee
from coordinator.operating.money import sums
from coordinator.operating.worker_orders import standing
from coordinator.store.audit_log import read
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, usage
from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)
DAYS = 30


@pytest.fixture
def network(empty: Network) -> Network:
    return empty


def a_month(database: Database) -> tuple[str, str]:
    """A client that asks each day, an owner whose worker serves it, an open hold, and a payout that waits. Returns the
    owner's account, and the client's."""
    now_ms = time.time_ns() // 1_000_000
    alice, owner = payer(database, "alice", 40 * SPARK_NANO), payer(database, "gpu owner", 1)
    for day in range(DAYS):
        job, at_ms = f"j{day}", now_ms - day * DAY_MS
        paid = (Payee(f"{owner.account}/w1", owner.account, SPARK_NANO * 7 // 10),)
        do(
            database,
            hold(alice, job, SPARK_NANO, at_ms=at_ms - 50, deadline_ms=at_ms + 50),
            Settle(job, SPARK_NANO, paid, (usage(alice, job, SPARK_NANO, at_ms),), at_ms),
        )
    mature(database, Terms(0, 0), now_ms)
    do(database, hold(alice, "open", SPARK_NANO, at_ms=now_ms - 90_000, deadline_ms=now_ms + 900_000))
    ask(database, Wanted(owner.account, "spark", 5 * SPARK_NANO, "bank 7", owner.key), now_ms)
    for number in range(60):
        create_account(database, f"crowd {number:02}", now_ms - number * 1000, 0)
    return owner.account, alice.account


def admin(network: Network, here: Visit, path: str) -> Page:
    """Signed in with a key of the operator's own account."""
    file = network.folder / "coordinator.db"
    with closing(Database(file)) as database:
        account = create_account(database, "operator", 1, 0)
        pepper = open_pepper(database, pepper_file(file), make=False)
        key, _ = create_key(database, pepper, KeyRequest("desk", account.id, ("admin", "client")), 1)
    here.expected += ("401",)  # the first request of a page without a key
    here.open("/account")
    time.sleep(1.5)  # until the coordinator knows a key that another process has made
    here.sign_in(key)
    expect(here.page.get_by_role("heading", name="operator", exact=True)).to_be_visible()
    here.page.get_by_role("navigation", name="Pages").get_by_role("link", name="Operator").click()
    expect(here.page.get_by_role("heading", name="Operator", exact=True)).to_be_visible()
    here.open(path)
    return here.page


def dollars(nano: int) -> str:
    return f"${nano / 1e9:.2f}" if nano >= 10**9 else f"${nano / 1e9:.4g}"


def test_a_month_is_shown_as_the_ledger_has_it_and_every_act_is_done(network: Network, browser: Browser) -> None:
    file = network.folder / "coordinator.db"
    with closing(Database(file)) as database:
        owner, alice = a_month(database)
        money, has = sums(database)["spark"], balances_of(database, owner)["spark"]
    network.start_worker("--scripted", str(_script(network.folder)))
    with visit(browser, network.url, calm=True) as here:
        page = admin(network, here, "/operator")
        card = page.locator(".card").filter(has=page.get_by_role("heading", name="Money", exact=True))
        expect(card.locator("dl").first).to_contain_text(dollars(money["escrow"] + money["earned"]))
        for words, kind in (("paid in, to spend", "funded"), ("held for requests", "held")):
            figure = card.locator("dl div").filter(has_text=words)
            expect(figure.locator("dd")).to_have_text(dollars(money[kind]))
        expect(page.get_by_text("open for 1 min")).to_be_visible()
        page.get_by_role("button", name="Check them now").click()
        expect(page.get_by_text("All money adds up")).to_be_visible()
        here.picture("operator-money")
        page.get_by_role("button", name="Approve…").click()
        page.get_by_role("dialog").get_by_role("button", name="Approve", exact=True).press("Enter")
        expect(page.get_by_role("button", name="Sent…", exact=True)).to_be_visible()

        page.get_by_role("link", name="Accounts", exact=True).click()
        rows = page.locator(".oprows > li")
        expect(rows).to_have_count(50)
        page.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(60 + 4)
        rows.last.get_by_role("link").first.click()
        expect(page.get_by_role("button", name="Grant…")).to_be_visible()
        page.go_back()
        expect(rows).to_have_count(60 + 4)  # as many as before, not the first page
        page.get_by_label("Sorted by").select_option(label="most owed")
        expect(rows.first).to_contain_text("gpu owner")
        expect(rows.first.locator("dd").nth(2)).to_have_text(dollars(has.earned - 5 * SPARK_NANO))
        here.picture("operator-accounts")
        page.get_by_label("Name, id, or id of a key").fill("ali")
        expect(rows).to_have_count(1)
        page.get_by_role("link", name="alice").click()
        expect(page.get_by_text(f"{dollars(DAYS * SPARK_NANO)} for 30 requests in 30 days")).to_be_visible()
        page.get_by_role("button", name="Grant…").click()
        dialog = page.get_by_role("dialog")
        here.expected += ("400",)
        dialog.get_by_label("Amount").fill("x")
        dialog.get_by_role("button", name="Book it").click()
        expect(dialog.get_by_role("alert")).to_contain_text("decimal number")
        here.picture("operator-grant")
        dialog.get_by_label("Amount").fill("2")
        dialog.get_by_label("Reason").select_option("deposit")
        dialog.get_by_role("button", name="Book it").dblclick()
        expect(dialog).to_have_count(0)
        page.get_by_role("button", name="Disable…").click()
        here.picture("operator-disable")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Disable…").click()
        page.get_by_role("dialog").get_by_role("button", name="Disable", exact=True).click()
        expect(page.get_by_role("button", name="Enable…")).to_be_visible()
        expect(page.get_by_text("account disable")).to_be_visible()
        here.picture("operator-account")

        page.get_by_role("link", name="Workers", exact=True).click()
        page.get_by_role("button", name="Rest…").click()
        page.get_by_label("Why").fill("too hot")
        page.get_by_role("dialog").get_by_role("button", name="Have it rest").click()
        expect(page.get_by_role("button", name="End the order…")).to_have_count(2)
        expect(page.locator(".oprows > li").first).to_contain_text("resting")
        here.picture("operator-workers")
        page.get_by_role("link", name="Problems", exact=True).click()
        expect(page.get_by_role("heading", name="Problems of the whole network")).to_be_visible()

        page.get_by_role("link", name="Invites", exact=True).click()
        page.get_by_label("A new invite").fill("for Ada")
        page.get_by_role("button", name="Make invite").click()
        expect(page.get_by_text("it is not shown again")).to_be_visible()
        page.get_by_role("button", name="Revoke…").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
        expect(page.locator(".oprows > li").first).to_contain_text("revoked")

        page.get_by_role("link", name="Audit log", exact=True).click()
        for action in ("invite revoke", "invite create", "worker rest", "account disable", "grant", "payout approve"):
            expect(page.locator(".oprows > li").filter(has_text=action).first).to_contain_text("by desk")
        here.picture("operator-audit")
        assert here.too_wide() <= 0
    with closing(Database(file)) as database:
        acts = [deed.action for deed in read(database, 40) if not deed.action.endswith(" read")]  # looks are in it too
        done = ["invite revoke", "invite create", "worker rest", "account disable", "grant", "payout approve"]
        assert acts[: len(done)] == done
        assert balances_of(database, alice)["spark"].available == (40 - DAYS - 1 + 2) * SPARK_NANO, "pressed twice"
        assert [row.kind for row in standing(database, 1).values()] == ["rest"] and check(database) == []


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_every_part_fits_and_a_client_sees_none_of_it(
    network: Network, browser: Browser, dark: bool
) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        owner, _ = a_month(database)
    with visit(browser, network.url, phone=True, dark=dark, calm=True) as here:
        page = admin(network, here, "/operator")
        for part in ("", "/accounts", f"/accounts/{owner}", "/workers", "/problems", "/invites", "/audit"):
            here.open(f"/operator{part}")
            expect(page.locator(".card").first).to_be_visible()
            expect(page.locator(".oprows > li, .figures div").first).to_be_visible()
            assert here.too_wide() <= 0, part
            here.picture(f"operator-phone-{'dark' if dark else 'light'}-{part.replace('/', '-')[:12]}")
    with visit(browser, network.url, calm=True) as here:
        here.expected += ("401", "403")
        here.open("/account")
        here.sign_in(network.key)
        expect(here.page.get_by_role("heading", name="Balance")).to_be_visible()
        expect(here.page.get_by_role("link", name="Operator")).to_be_hidden()
        here.open("/operator")
        expect(here.page.get_by_role("alert").first).to_contain_text("for a key with the scope admin")


def _script(folder: Path) -> Path:
    script = folder / "script.json"
    script.write_text('[{"when": "\\n", "say": "hello"}]')
    return script


def test_what_is_pressed_twice_is_made_once_and_a_broken_address_leads_nowhere(
    network: Network, browser: Browser
) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        create_account(database, "pressed twice", 1, 0)
    with visit(browser, network.url) as here:
        page = admin(network, here, "/operator/invites")
        before = page.locator("[data-id]")
        expect(page.get_by_role("button", name="Make invite")).to_be_visible()
        page.get_by_label("A new invite").fill("for twice")
        page.get_by_role("button", name="Make invite").dblclick()
        expect(before.filter(has_text="for twice")).to_have_count(1)
        expect(page.get_by_text("it is not shown again")).to_be_visible()
        page.reload()
        expect(before.filter(has_text="for twice")).to_have_count(1)

        here.open("/operator/accounts")
        page.get_by_role("link", name="pressed twice").click()
        page.get_by_role("button", name="Invite into it…").click()
        dialog = page.get_by_role("dialog")
        go = dialog.get_by_role("button", name="Make the link")
        go.dblclick()
        expect(dialog.get_by_text("Copy the link now")).to_be_visible()
        expect(go).to_be_disabled()
        dialog.get_by_role("button", name="Close").press("Enter")
        expect(dialog).to_have_count(0)
        here.open("/operator/invites")
        expect(before.filter(has_text="way back in")).to_have_count(1)

        for broken in ("%E0", "%", "%E0%A4%A"):
            here.open(f"/operator/accounts/{broken}")
            expect(page.get_by_text("There is nothing here.")).to_be_visible()


def test_a_list_stays_as_it_was_sought_and_long_names_fit(network: Network, browser: Browser) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        long = create_account(database, "Donaudampfschifffahrtsgesellschaft-" * 3, 1, 0).id
        for number in range(60):
            create_account(database, f"crowd {number:02}", 1, 0)
    with visit(browser, network.url, phone=True, calm=True) as here:
        page = admin(network, here, "/operator/accounts?sort=no-such-order")
        rows = page.locator(".oprows > li")
        expect(rows).to_have_count(50)
        page.get_by_label("Name, id, or id of a key").fill("Donau")
        expect(rows).to_have_count(1)
        assert here.too_wide() <= 0
        page.get_by_label("Which").select_option("false")
        expect(page).to_have_url(re.compile(r"\?.*search=Donau.*disabled=false"))
        rows.get_by_role("link").click()
        expect(page.get_by_role("button", name="Disable…")).to_be_visible()
        assert page.url.endswith(long) and here.too_wide() <= 0
        page.get_by_role("button", name="Disable…").click()
        assert here.too_wide() <= 0
        page.go_back()
        expect(page.get_by_role("dialog")).to_have_count(0)
        for _ in range(2):
            expect(page.get_by_label("Name, id, or id of a key")).to_have_value("Donau")
            expect(page.get_by_label("Which")).to_have_value("false")
            expect(rows).to_have_count(1)
            page.reload()
        page.get_by_role("link", name="Audit log").click()
        page.get_by_label("Id of an account").fill(long)
        page.get_by_role("button", name="Filter").click()
        page.get_by_label("Which acts").select_option("account")
        page.reload()
        expect(page.get_by_label("Id of an account")).to_have_value(long)
        expect(page.get_by_label("Which acts")).to_have_value("account")
        expect(rows.first).to_contain_text("account read")


def test_what_somebody_else_has_done_is_seen_once_it_is_refused(network: Network, browser: Browser) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        a_month(database)
        with visit(browser, network.url, calm=True) as here:
            here.expected = ("400",)
            page = admin(network, here, "/operator")
            page.get_by_role("button", name="Refuse…").click()
            (waits,) = in_state(database, "asked", 10)
            decide(database, waits.id, "approve", "", "another", time.time_ns() // 1_000_000)
            dialog = page.get_by_role("dialog")
            dialog.get_by_role("button", name="Refuse", exact=True).click()
            expect(dialog.get_by_role("alert")).to_contain_text("is approved")
            dialog.get_by_role("button", name="Cancel").click()
            expect(page.get_by_role("button", name="Sent…", exact=True)).to_be_visible()
