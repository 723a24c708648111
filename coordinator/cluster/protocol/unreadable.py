"""The one error of bytes from the bus that are no message."""


class Unreadable(ValueError):
    """Junk, too much of something, or a kind that is not known here. The text says where, never what."""
