"""What is refused about accounts and keys."""

from coordinator.store.errors import StoreError


class AccountError(StoreError):
    """An account or a key cannot be made or changed like this; the text says why."""


class Ended(AccountError):
    """Who asks may not any more: their session or key has ended since they came in."""


class NotFound(AccountError):
    """There is no account or key of this name; the text says how to find one."""
