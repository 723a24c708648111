"""What this room raises beside SupernetError."""

from coordinator.store.errors import StoreError


class NoRoom(StoreError):
    """The account has as many artefacts, or as many bytes of them, as it may."""


class TooMany(StoreError):
    """The account did that as often as it may."""
