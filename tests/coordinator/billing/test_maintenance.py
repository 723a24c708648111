from contextlib import closing
from pathlib import Path

from coordinator.billing.billing import Billing
from coordinator.billing.maintenance import Maintenance
from coordinator.ledger.audit import check
from coordinator.ledger.budget import Budget
from coordinator.ledger.escrow import Terms
from coordinator.ledger.grants import Balance
from coordinator.ledger.pricing import Payee, Units
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.database import Database
from coordinator.store.reading import Reader
from coordinator.store.store import Store
from tests.coordinator.ledger.builders import client, do, hold, payer, settle, spark


async def test_forgotten_holds_end_earnings_mature_and_the_budget_is_shared_out(database_file: Path) -> None:
    database = Database(database_file)
    alice, bob = payer(database), client(database, "bob", 0)
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    carol = client(database, "carol")
    do(database, hold(carol, "k"), settle(carol, "k", payees=(Payee(f"{bob.account}/w", bob.account, 30),)))
    do(database, hold(alice, "forgotten"))
    with Store(database) as store, closing(Reader(database)) as reader:
        billing = Billing(LedgerWriter(store), {}, Units(1), 7000)
        await Maintenance(store, reader, billing, Terms(0.0, 0), Budget(40)).once()
    assert spark(database, alice) == Balance(available=940)
    assert spark(database, bob) == Balance(earned=40 + 10, credit=20)
    assert check(database) == []
    database.close()
