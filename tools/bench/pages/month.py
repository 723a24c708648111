"""A made-up month: accounts, keys, workers, and every request booked by the ledger itself: its books are exact.

A third of all requests are of the one account that looks at the pages, as is one worker in a hundred; the other clients
are as unequal as clients are. Requests come evenly over the days: a page that is slow on an even day is slow on all.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.accounts.rows import get_account
from coordinator.clock import DAY_MS
from coordinator.ledger.commit import commit
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import grant
from coordinator.ledger.orders import Hold, Order, Settle, UsageRow
from coordinator.ledger.pricing import Payee, Tariff
from coordinator.store.database import Database

MODELS = ("tiny-chat", "qwen3.6-35b-a3b-gguf-iq4xs", "qwen3.5-35b-a3b-gguf-iq4xs")
TARIFF = Tariff(1, 300, 900)
GROUP = 2000  # requests of one transaction
OWN_SHARE = 1 / 3
ESCROW_S = 3 * 86_400.0
FAILED = ("cancelled", "worker_lost", "no_worker")


@dataclass(frozen=True)
class Party:
    """Who asks: an account and its keys."""

    account: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """How much of everything. `owner`: the name of the account that looks at the pages, which is there already."""

    days: int
    requests_a_day: int
    workers: int
    clients: int
    owner: str = "default"


def fill(database: Database, pepper: bytes, size: Size, now_ms: int) -> Iterator[tuple[int, int]]:
    """Book the month that ends now. Yields after each group (requests so far, of how many)."""
    draw = random.Random(7)
    begun = now_ms - size.days * DAY_MS
    mine = _party(database, pepper, get_account(database, size.owner).id, 5, begun)
    others = [_party(database, pepper, _account(database, f"client{n}", begun), 1, begun) for n in range(size.clients)]
    weights = [1 / (n + 1) for n in range(size.clients)]
    for party in (mine, *others):
        commit(database, [grant(party.account, "spark", 10**14, begun, "deposit", "")])
    owners = [mine.account, *(_account(database, f"owner{n}", begun) for n in range(max(1, size.workers // 3)))]
    fleet = [(owners[0] if n % 100 == 0 else draw.choice(owners[1:]), f"gpu{n}") for n in range(size.workers)]
    number, whole = 0, size.days * size.requests_a_day
    while number < whole:
        group: list[Order] = []
        for n in range(number, min(whole, number + GROUP)):
            who = mine if draw.random() < OWN_SHARE else draw.choices(others, weights)[0]
            group += _request(n, begun + n * size.days * DAY_MS // whole, who, draw.choice(fleet), draw)
        commit(database, group)
        number += GROUP
        yield min(number, whole), whole
    while mature(database, Terms(ESCROW_S, 0), now_ms):
        pass


def _account(database: Database, name: str, at_ms: int) -> str:
    return create_account(database, name, at_ms, 0).id


def _party(database: Database, pepper: bytes, account: str, keys: int, at_ms: int) -> Party:
    made = [create_key(database, pepper, KeyRequest(f"key{n}", account), at_ms)[1].id for n in range(keys)]
    return Party(account, tuple(made))


def _request(n: int, at_ms: int, who: Party, worker: tuple[str, str], draw: random.Random) -> Iterator[Order]:
    job, key, model = f"m{n:09d}", draw.choice(who.keys), draw.choices(MODELS, (5, 4, 1))[0]
    prompt, completion = draw.randrange(20, 4000), draw.randrange(1, 800)
    failed = draw.random() < 0.02
    finish = draw.choice(FAILED) if failed else draw.choice(("stop", "stop", "length", "tool_calls"))
    cost = 0 if failed else prompt * TARIFF.prompt + completion * TARIFF.completion
    wait, took = draw.randrange(1, 900), draw.randrange(900, 20_000)
    owner, name = worker
    used = UsageRow(
        job=f"{job}.0",
        request=job,
        at_ms=at_ms,
        account=who.account,
        key=key,
        model=model,
        worker=f"{owner}/{name}",
        attempts=1,
        finish=finish,
        prompt=0 if failed else prompt,
        cached=0,
        completion=0 if failed else completion,
        reasoning=0,
        price_prompt=TARIFF.prompt,
        price_completion=TARIFF.completion,
        cost_nano=cost,
        queued_ms=wait,
        first_token_ms=None if failed else wait + draw.randrange(50, 2000),
        total_ms=wait + took,
    )
    payees = (Payee(f"{owner}/{name}", owner, cost * 7 // 10),) if cost else ()
    yield Hold(job, who.account, key, model, True, TARIFF, 4000, "auto", cost + 10_000, at_ms, at_ms + 600_000)
    yield Settle(job, cost, payees, (used,), at_ms)
