"""What everything in this room raises."""


class LedgerError(Exception):
    """The database, or what was asked of it, cannot be used; the text says what to do."""
