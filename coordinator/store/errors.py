"""What everything in this room raises."""


class LedgerError(Exception):
    """The database, or what was asked of it, cannot be used; the text says what to do."""


class Unavailable(LedgerError):
    """The database does not answer now; it may in a moment."""


class CannotBeBooked(LedgerError):
    """This order will never be carried out; the text says why. Others that came with it may be."""


class NotThere(LedgerError):
    """No account or key of this name; the text says how to find one."""
