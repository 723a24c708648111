"""What a websocket may bring beside whole messages, and how much of it is read at once.

A peer may send any number of pings, pongs and pieces of a message, and no program that reads messages ever sees them.
An empty one is 6 bytes and takes its reader 5 µs: 256 KiB, which an event loop reads in one turn, are 43,000 of them
and 0.2 s in which nothing else happens. So bytes are taken in portions, and what brings no message is counted.
"""

from program.allowance import Allowance

PORTION_BYTES = 4096  # at most 700 frames: 4 ms
MOST, PER_S = 1024, 64.0  # a message of the largest size in pieces of 8 KiB, and pings a few times a second
TOO_MANY = "too many pings, pongs or pieces of messages"


class Unread:
    """Bytes that have come and wait to be parsed."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __bool__(self) -> bool:
        return bool(self._bytes)

    def put(self, data: bytes) -> None:
        self._bytes += data

    def take(self) -> bytes:
        """The next portion."""
        portion = bytes(self._bytes[:PORTION_BYTES])
        del self._bytes[:PORTION_BYTES]
        return portion

    def clear(self) -> None:
        self._bytes.clear()


def besides_messages(now: float) -> Allowance:
    """How many frames that are no whole message may come on one connection; `now` in seconds."""
    return Allowance(MOST, PER_S, now)
