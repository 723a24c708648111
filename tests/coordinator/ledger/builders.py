"""Short names for what the ledger's tests work with."""

from dataclasses import dataclass, replace
from typing import Any

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.ledger.commit import commit
from coordinator.ledger.grants import Balance, balances_of, grant
from coordinator.ledger.orders import Answer, Hold, Settle, UsageRow
from coordinator.ledger.pricing import Payee, Tariff
from coordinator.store.database import Database

TARIFF = Tariff(1, 300, 900)


@dataclass(frozen=True)
class Client:
    account: str
    key: str


def client(database: Database, name: str = "alice", spark_nano: int = 1000) -> Client:
    """With starter tokens."""
    account = create_account(database, name, 1, spark_nano)
    return Client(account.id, create_key(database, b"p" * 32, KeyRequest("k", name), 1)[1].id)


def payer(database: Database, name: str = "alice", spark_nano: int = 1000) -> Client:
    """With what was paid in, and nothing else."""
    made = client(database, name, 0)
    do(database, grant(made.account, "spark", spark_nano, 1, "deposit", ""))
    return made


def hold(who: Client, job: str = "j", nano: int = 100, **other: Any) -> Hold:
    plain = Hold(job, who.account, who.key, "m", True, TARIFF, 1000, "auto", nano, 10, 1000)
    return replace(plain, **other)


def settle(who: Client, job: str = "j", charge: int = 60, payees: tuple[Payee, ...] = (), at_ms: int = 20) -> Settle:
    """With the usage that costs the charge."""
    return Settle(job, charge, payees, (usage(who, job, charge),) if charge else (), at_ms)


def usage(who: Client, job: str, cost: int, at_ms: int = 20, **other: Any) -> UsageRow:
    plain = UsageRow(
        job=f"{job}.0",
        request=job,
        at_ms=at_ms,
        account=who.account,
        key=who.key,
        model="m",
        worker="acc/w",
        attempts=1,
        finish="stop",
        prompt=10,
        cached=5,
        completion=3,
        reasoning=1,
        price_prompt=300,
        price_completion=900,
        cost_nano=cost,
        queued_ms=2,
        first_token_ms=None,
        total_ms=40,
    )
    return replace(plain, **other)


def do(database: Database, *orders: Any) -> list[Answer]:
    return commit(database, orders)


def spark(database: Database, who: Client) -> Balance:
    return balances_of(database, who.account)["spark"]
