"""The day's promotion budget shared out in a test, as billing/maintenance.py does."""

from coordinator.ledger import promotions
from coordinator.ledger.budget import Budget
from coordinator.ledger.oldest_credit import Lot, OldestCredit
from coordinator.store.database import Database


def oldest_lots(database: Database, budget: Budget) -> list[Lot]:
    oldest = OldestCredit(budget)
    while oldest.step(database):
        pass
    return oldest.lots


def promote(database: Database, budget: Budget, at_ms: int) -> int:
    if not promotions.is_due(database, budget, at_ms):
        return 0
    return promotions.promote(database, budget, oldest_lots(database, budget), at_ms)
