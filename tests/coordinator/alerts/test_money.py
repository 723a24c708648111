"""Balances that are low, keys that end, payouts that are asked for."""

import pytest
from sqlalchemy import delete, insert, update

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.alerts.address_rows import Address
from coordinator.alerts.judge import judge
from coordinator.alerts.kinds import DAY, KEY_DAYS, OPERATOR, kinds
from coordinator.alerts.money import asked_payouts, ending_keys, low_balances, near_caps
from coordinator.alerts.subject_rows import interesting, remember, see
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.orders import Period
from coordinator.ledger.payouts import Wanted, ask
from coordinator.ledger.pricing import Payee
from coordinator.ledger.spend import periods
from coordinator.store.database import Database
from coordinator.store.tables import key_spend, keys
from tests.coordinator.alerts.test_address_rows import made
from tests.coordinator.ledger.builders import do, hold, payer, settle

NOW = 1_000_000_000
EVERYTHING = ("balance_low", "key_expires")


def low(database: Database, *addresses: Address) -> list[str]:
    with database.transaction() as connection:
        return [one.key.subject for one in low_balances(connection, addresses)]


def test_a_balance_is_low_below_the_bound_of_each_address(database: Database) -> None:
    alice = payer(database, "alice", 1000).account
    one, two = (made(alice, alerts=EVERYTHING, below_nano=bound) for bound in (1000, 1001))
    asks_not = made(alice, below_nano=10**9)
    nobody = made("acc_none", alerts=EVERYTHING, below_nano=1)
    assert low(database, one, two, asks_not, nobody) == [two.id, nobody.id]
    assert low(database) == []


def test_a_balance_that_was_low_is_so_until_it_is_well_above(database: Database) -> None:
    alice = payer(database, "alice", 1000).account
    address = made(alice, alerts=EVERYTHING, below_nano=1001)
    with database.transaction() as connection:
        see(connection, low_balances(connection, [address]), NOW)
        remember(connection, judge(interesting(connection, NOW), kinds(0), 0, NOW / 1000, {}), NOW)
    for bound, is_low in ((990, True), (840, True), (833, False)):
        assert bool(low(database, Address(**{**vars(address), "below_nano": bound}))) is is_low


def test_keys_that_end_soon_and_no_sessions(database: Database) -> None:
    account, pepper = create_account(database, "alice", 1, 0).id, b"p" * 32
    week_ms = int(KEY_DAYS * DAY * 1000)
    for name, expires_ms in (("soon", NOW + week_ms), ("later", NOW + week_ms + 1), ("over", NOW - 1), ("never", None)):
        create_key(database, pepper, KeyRequest(name, account, expires_ms=expires_ms), 1)
    with database.transaction() as connection:
        found = ending_keys(connection, [made(account, alerts=EVERYTHING)], NOW)
        assert [one.words.partition("\n")[0] for one in found] == ["soon"]
        assert ending_keys(connection, [made(account)], NOW) == []


@pytest.mark.parametrize(("nano", "found"), [(89, []), (90, ["day"]), (900, ["day", "month"])])
def test_a_key_that_has_nearly_spent_its_cap_is_told_in_each_period(
    database: Database, nano: int, found: list[Period]
) -> None:
    account = create_account(database, "alice", 1, 0).id
    _, key = create_key(database, b"p" * 32, KeyRequest("agent", account), 1)
    now = periods(NOW)
    with database.transaction() as connection:
        connection.execute(update(keys).where(keys.c.id == key.id).values(cap_day_nano=100, cap_month_nano=1000))
        rows = [{"period": period, "counter": key.id, "nano": nano} for period in now.values()]
        connection.execute(insert(key_spend), rows)
        seen = near_caps(connection, [made(account, alerts=("cap_near",))], NOW)
        assert [one.key.subject for one in seen] == [f"{key.id}/{now[period]}" for period in found]
        assert all(one.words.startswith("agent\n$") for one in seen)
        assert near_caps(connection, [made(account)], NOW) == []
        connection.execute(delete(key_spend))  # which no hold bears out


@pytest.mark.parametrize("nano", [12_000])
def test_a_payout_is_told_with_its_id(database: Database, nano: int) -> None:
    alice, me = payer(database, "alice", 2 * nano), create_account(database, "me", 1, 0).id
    do(database, hold(alice, nano=nano), settle(alice, charge=nano, payees=(Payee(f"{me}/w", me, nano),)))
    mature(database, Terms(0, 0), 1000)
    payout = ask(database, Wanted(me, "spark", nano, "bank", "key_1"), 2000)
    with database.transaction() as connection:
        (one,) = asked_payouts(connection)
    assert one.key == (OPERATOR, "payout", payout.id)
    assert one.words == f"me\n$0.000012 of spark: approve or refuse {payout.id}."
