"""An account in the SDKs' words: its balances, the frame `authenticated`, and what tokens cost."""

from collections.abc import Mapping
from typing import Protocol

from coordinator.ledger.pricing import NANO, Currency, TokenType, Units, decimal, paying
from coordinator.openai.json_body import Json

# They ask for the state of a subscription in any case; this is theirs for an account that has none.
_NO_SUBSCRIPTION: Json = {"active": False, "trialing": False, "trialCapped": False, "subscription": None}


class Balance(Protocol):
    """What is asked of a balance of the ledger, in nano-dollars (ledger/grants.py)."""

    @property
    def available(self) -> int: ...

    @property
    def given(self) -> int: ...

    @property
    def held(self) -> int: ...

    @property
    def credit(self) -> int: ...

    @property
    def earned(self) -> int: ...


def balances_json(balances: Mapping[Currency, Balance], units: Units) -> Json:
    """What an account has of each currency, as decimal text: `net` may be spent, `debit` is held for what runs now,
    `settled` is both. `fastUnclaimed` is what its workers have earned and it has not yet made spendable;
    `premiumCredit` what of `net` was paid in."""
    return {currency: _balance(balance, units.of(currency), currency) for currency, balance in balances.items()}


def _balance(balance: Balance, unit: int, currency: Currency) -> Json:
    shown: Json = {
        "settled": decimal(balance.available + balance.held, unit),
        "credit": "0",
        "debit": decimal(balance.held, unit),
        "net": decimal(balance.available, unit),
        "relaxedUnclaimed": "0",
        "fastUnclaimed": decimal(balance.earned + balance.credit, unit),
    }
    return (
        {**shown, "premiumCredit": decimal(balance.available - balance.given, unit)} if currency == "spark" else shown
    )


def authenticated(account: str, name: str, balances: Json) -> Json:
    """The first frame on a socket: before it an SDK sends nothing. No job outlives its socket, so none is active."""
    return {
        "id": account,
        "clientType": "artist",
        "username": name,
        "address": None,
        "balanceVersion": 2,
        "tokens": balances,
        "subscriptionEntitlement": _NO_SUBSCRIPTION,
        "activeProjects": [],
        "unclaimedCompletedProjects": [],
        "activeLLMJobIDs": [],
        "isMainnet": False,
        "accountWasMigrated": False,
        "hasUnclaimedAirdrop": False,
        "firstLoginAfterMigration": False,
        "freeSparkLocked": False,
    }


def cost_json(nano: int, token_type: TokenType, units: Units) -> dict[str, str]:
    """An amount in all units, as decimal text. `costInToken`: in what pays for it, of several in the first."""
    return {
        "costInUSD": decimal(nano),
        "costInToken": decimal(nano, units.of(paying(token_type)[0])),
        "costInSogni": decimal(nano, units.of("sogni")),
        "costInSpark": decimal(nano, units.of("spark")),
    }


def quote_json(nano: int, token_type: TokenType, units: Units) -> dict[str, float]:
    """The same as numbers, as an estimate has it."""
    worth = {"costInUSD": NANO, "costInToken": units.of(paying(token_type)[0])}
    worth |= {"costInSogni": units.of("sogni"), "costInSpark": units.of("spark")}
    return {name: nano / unit for name, unit in worth.items()}
