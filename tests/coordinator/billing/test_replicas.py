from collections.abc import Callable

import pytest
from sqlalchemy import select

from coordinator.billing import replicas as module
from coordinator.billing.replicas import Replicas
from coordinator.ledger.claim_rows import widowed
from coordinator.ledger.orders import Checkpoint, Claim
from coordinator.store.database import Database
from coordinator.store.replicas import STILL, end
from coordinator.store.store import Store
from coordinator.store.tables import holds
from tests.coordinator.ledger.builders import client, do, hold, payer, spark


async def test_what_a_dead_replica_held_is_ended_and_with_a_key_later(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", STILL)
    url, deaths = postgres(), list[str]()
    frozen, lives = (Database(url, serve=True, shared=True) for _ in range(2))

    async def died() -> None:
        deaths.append(frozen.replica)

    alice, bob = payer(frozen, spark_nano=10_000), client(frozen, "bob", 0)
    do(frozen, hold(alice, "stream", 900), Checkpoint("stream", ((f"{bob.account}/w", 1),)))
    do(frozen, hold(alice, "keyed", claim=Claim(alice.account, "k", "f", 0, 1)))
    do(lives, hold(alice, "runs"))
    with Store(lives) as store, Store(frozen) as other:
        fenced = list[str]()
        upkeep = Replicas(store, 7000, died)
        beating = Replicas(other, 7000, died, lambda: fenced.append(frozen.replica))
        for _ in range(2 * STILL):
            await upkeep.once()
            await beating.once()
        assert deaths == []
        for _ in range(STILL + 1):
            await upkeep.once()
        assert deaths == [frozen.replica]
        assert states(lives) == {"stream": "settled", "keyed": "held", "runs": "held"}
        assert spark(lives, bob).escrow == 630
        for _ in range(STILL):
            await upkeep.once()
        assert states(lives) == {"stream": "settled", "keyed": "void", "runs": "held"}
        assert fenced == []
        await beating.once()
        assert frozen.replica != deaths[0], "it lives after all"
        await beating.once()
        assert fenced == [frozen.replica], "it is to start anew: the bus knows it by its old name"
    frozen.close()
    lives.close()


async def test_who_is_taken_for_dead_between_two_looks_has_its_clients_waited_for_too(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres()
    frozen, lives, third = (Database(url, serve=True, shared=True) for _ in range(3))
    alice = payer(frozen)
    do(frozen, hold(alice, "keyed", claim=Claim(alice.account, "k", "f", 0, 1)))

    def overtaken(database: Database) -> list[str]:
        found = widowed(database)
        with third.transaction() as connection:
            assert end(connection, frozen.replica, 0)
        return found

    async def died() -> None:
        pass

    monkeypatch.setattr(module, "widowed", overtaken)
    with Store(lives) as store:
        await Replicas(store, 7000, died).once()
    assert states(lives) == {"keyed": "held"}
    for database in (frozen, lives, third):
        database.close()


def states(database: Database) -> dict[str, str]:
    return {row.job: row.state for row in database.query(select(holds))}
