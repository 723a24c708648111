"""An owner asks for a payout on the account page and sees what the operator says of it."""

from contextlib import closing

import pytest
from playwright.sync_api import Browser, expect

from coordinator.accounts.rows import get_account
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.payouts import decide, in_state
from coordinator.ledger.pricing import SPARK_NANO, Payee
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, settle
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def network(empty: Network) -> Network:
    return empty


def test_what_was_earned_is_asked_for_withdrawn_asked_again_and_sent(network: Network, browser: Browser) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        me, nano = get_account(database, "default").id, 12 * SPARK_NANO
        alice = payer(database, "alice", 2 * nano)
        do(database, hold(alice, nano=nano), settle(alice, charge=nano, payees=(Payee(f"{me}/w", me, nano),)))
        mature(database, Terms(0, 0), 1000)
        with visit(browser, network.url) as here:
            page = signed_in(here, network, "/account")
            card = page.locator(".card").filter(has=page.get_by_role("heading", name="Payouts"))
            expect(card.get_by_label("Ask for spark")).to_have_value("12")
            card.get_by_label("sent to").fill("bank 7")
            here.expected += ("400",)
            card.get_by_label("Ask for spark").fill("13")
            card.get_by_role("button", name="Ask for a payout").click()
            expect(card.get_by_role("alert")).to_contain_text("can be paid out")
            card.get_by_label("Ask for spark").fill("12")
            card.get_by_role("button", name="Ask for a payout").click()
            expect(card).to_contain_text("12 spark ($0.06) waits for the operator")
            card.get_by_role("button", name="Withdraw").click()
            expect(card).to_contain_text("withdrawn")
            card.get_by_label("sent to").fill("bank 8")
            card.get_by_label("sent to").press("Enter")
            expect(card).to_contain_text("waits for the operator")
            assert here.too_wide() <= 0
            here.picture("payouts")
            (payout,) = in_state(database, "asked", 9)
            decide(database, payout.id, "approve", "", "key", 2000)
            decide(database, payout.id, "sent", "transfer 12", "key", 3000)
            page.reload()
            expect(card.locator("li").filter(has_text="bank 8")).to_contain_text("sent")
            expect(card).to_contain_text("transfer 12")
