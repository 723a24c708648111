"""Sums brought up to date in a test, as store/rolling.py does beside a server."""

from coordinator.store.database import Database
from coordinator.store.roll_up import RollUp, look


def rolled_up(database: Database, roll_up: RollUp, at_ms: int = 0) -> int:
    """Add up all that is there. Returns how many."""
    seen, counted = look(database, roll_up.rows), 0
    while done := roll_up.roll(database, seen.last, at_ms):
        counted += done
    return counted
