"""Balances that are low, keys that end soon or near their caps, payouts: read by whoever judges."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from coordinator.alerts.address_rows import Address
from coordinator.alerts.kinds import CAP_SHARE, DAY, KEY_DAYS, OPERATOR
from coordinator.alerts.subjects import Key, Sighting
from coordinator.ledger.orders import Period
from coordinator.ledger.pricing import decimal
from coordinator.ledger.spend import periods
from coordinator.store.alert_tables import alert_subjects
from coordinator.store.operator_tables import payouts
from coordinator.store.tables import accounts, balances, key_spend, keys
from program.printable import printable

AT_ONCE = 500  # accounts in one query
ENOUGH = 1.2  # times its bound: then a balance that was low is so no more
MOST_PAYOUTS = 100


def low_balances(connection: Connection, addresses: Sequence[Address]) -> list[Sighting]:
    """For each address that asks, whether its account may spend less than its bound."""
    asking = [one for one in addresses if "balance_low" in one.alerts]
    spendable = dict[str, int]()
    for some in _some({one.account for one in asking}):
        mine = (balances.c.owner.in_(some), balances.c.kind.in_(("available", "funded")))
        summed = select(balances.c.owner, func.sum(balances.c.nano)).where(*mine).group_by(balances.c.owner)
        spendable |= {owner: int(nano) for owner, nano in connection.execute(summed)}
    told = select(alert_subjects.c.subject).where(alert_subjects.c.kind == "balance_low", alert_subjects.c.open)
    low = set(connection.execute(told).scalars()) if asking else set()
    found = []
    for one in asking:
        nano = spendable.get(one.account, 0)
        if nano < one.below_nano * (ENOUGH if one.id in low else 1):
            words = f"${decimal(nano)} can be spent, and you wanted to be told below ${decimal(one.below_nano)}."
            found.append(Sighting(Key(one.account, "balance_low", one.id), f"\n{words}"))
    return found


def ending_keys(connection: Connection, addresses: Sequence[Address], now_ms: int) -> list[Sighting]:
    """Keys of accounts that ask which end soon; not sessions of browsers."""
    found = list[Sighting]()
    soon = keys.c.expires_ms.between(now_ms, now_ms + int(KEY_DAYS * DAY * 1000))
    for some in _some({one.account for one in addresses if "key_expires" in one.alerts}):
        live = (keys.c.account.in_(some), soon, keys.c.revoked_ms.is_(None), keys.c.session_ends_ms.is_(None))
        for row in connection.execute(select(keys).where(*live)):
            at = datetime.fromtimestamp(row.expires_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
            words = f"It ends at {at}, and requests with it are refused from then on. Make another one before that."
            name = printable(row.name)[:60]
            found.append(Sighting(Key(row.account, "key_expires", row.id), f"{name}\n{words}"))
    return found


def near_caps(connection: Connection, addresses: Sequence[Address], now_ms: int) -> list[Sighting]:
    """Keys of accounts that ask which have spent nearly all that they may, today or this month: once in each."""
    now, found = periods(now_ms), list[Sighting]()
    counter = func.coalesce(keys.c.counted_as, keys.c.id).label("counter")
    capped = (keys.c.cap_day_nano.is_not(None) | keys.c.cap_month_nano.is_not(None), keys.c.revoked_ms.is_(None))
    for some in _some({one.account for one in addresses if "cap_near" in one.alerts}):
        theirs = connection.execute(select(keys, counter).where(keys.c.account.in_(some), *capped)).all()
        spent = dict[tuple[str, str], int]()
        for names in _some({row.counter for row in theirs}):
            counted = (key_spend.c.period.in_(now.values()), key_spend.c.counter.in_(names))
            spent |= {
                (row.period, row.counter): row.nano for row in connection.execute(select(key_spend).where(*counted))
            }
        for row in theirs:
            caps: dict[Period, int | None] = {"day": row.cap_day_nano, "month": row.cap_month_nano}
            for period, cap in caps.items():
                nano = spent.get((now[period], row.counter), 0)
                if cap is not None and nano >= CAP_SHARE * cap:
                    words = (
                        f"${decimal(nano)} of the ${decimal(cap)} that it may spend in this {period} are spent or held."
                    )
                    subject = f"{row.id}/{now[period]}"
                    found.append(
                        Sighting(Key(row.account, "cap_near", subject), f"{printable(row.name)[:60]}\n{words}")
                    )
    return found


def asked_payouts(connection: Connection) -> list[Sighting]:
    """Payouts that wait for the operator, the oldest first."""
    waiting = (
        select(payouts.c.id, payouts.c.nano, payouts.c.currency, accounts.c.name)
        .join(accounts, accounts.c.id == payouts.c.account)
        .where(payouts.c.state == "asked")
        .order_by(payouts.c.asked_ms)
        .limit(MOST_PAYOUTS)
    )
    return [
        Sighting(
            Key(OPERATOR, "payout", row.id),
            f"{printable(row.name)[:60]}\n${decimal(row.nano)} of {row.currency}: approve or refuse {row.id}.",
        )
        for row in connection.execute(waiting)
    ]


def _some(among: set[str]) -> list[list[str]]:
    ordered = sorted(among)
    return [ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE)]
