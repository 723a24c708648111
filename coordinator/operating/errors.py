"""What an operator asks for and cannot have."""

from coordinator.store.errors import StoreError


class CannotBeDone(StoreError):
    """The text says why, and what to do instead."""
