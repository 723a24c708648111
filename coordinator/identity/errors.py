"""What people are refused, with the text that they read."""

from coordinator.store.errors import StoreError
from wire.errors import ErrorCode


class Refused(StoreError):
    """It cannot be done, and the transaction is lost; `code` says what kind of fault it is."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
