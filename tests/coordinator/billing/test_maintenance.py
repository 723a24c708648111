from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coordinator.billing.billing import Billing
from coordinator.billing.maintenance import Upkeep
from coordinator.ledger.audit import check
from coordinator.ledger.escrow import Terms
from coordinator.ledger.grants import Balance
from coordinator.ledger.pricing import Payee, Units
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, settle, spark


async def test_forgotten_holds_end_and_earnings_mature(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    alice, bob = client(database), client(database, "bob", 0)
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    do(database, hold(alice, "forgotten"))
    with ThreadPoolExecutor(1) as thread:
        billing = Billing(LedgerWriter(database, thread), {}, Units(1), 7000)
        await Upkeep(database, thread, billing, Terms(0.0, 0)).once()
    assert spark(database, alice) == Balance(available=940)
    assert spark(database, bob) == Balance(earned=40)
    assert check(database) == []
    database.close()
