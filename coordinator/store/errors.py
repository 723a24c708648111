"""What the database raises, and the base of what the accounts and the ledger in it raise."""


class StoreError(Exception):
    """The database, or what was asked of it, cannot be used; the text says what to do."""


class Unavailable(StoreError):
    """The database does not answer now; it may in a moment."""


class Busy(StoreError):
    """Whoever asks has too many questions under way."""


class Contended(Unavailable):
    """Another writer was in the way, as they may be: the same again is likely to succeed."""


class Unstorable(StoreError):
    """A value that the database cannot hold, such as a NUL in a text or a number of more than 64 bits."""


class Overtaken(StoreError):
    """Another server has taken the database since: this one must end."""
