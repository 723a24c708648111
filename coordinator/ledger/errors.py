"""What the books refuse."""

from coordinator.store.errors import StoreError


class LedgerError(StoreError):
    """The books do not allow it; the text says why."""


class CannotBeBooked(LedgerError):
    """This order will never be carried out; the text says why. Others that came with it may be."""
