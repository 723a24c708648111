"""The memory for the files of requests that wait or run: one bound for all of them.

A request of 12 MiB may wait for half a minute and run for many, and hundreds of them fit into the queue. Each keeps its
files until its last choice has ended, as any worker may be asked to go on; then they are taken out of the request too,
which lives until the slowest client has read its answer.
"""

from wire.errors import ErrorCode, SupernetError

MOST_BYTES = 512 * 1024 * 1024  # 42 chats with all that one may bring, or five films
RETRY_S = 10.0


class BlobBudget:
    """Counts bytes of files. Not by content: two requests with one picture hold it twice."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self.bytes = 0  # held now

    def check(self, blobs: dict[str, bytes]) -> None:
        """Raises overloaded if there is no room for the files."""
        if blobs and self.bytes + _size(blobs) > self._most_bytes:
            message = "too many files wait for their answers at the moment: try again in a few seconds"
            raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)

    def take(self, blobs: dict[str, bytes]) -> None:
        """Count the files of a request whose `check` has passed; `give_back` must follow."""
        self.bytes += _size(blobs)

    def give_back(self, blobs: dict[str, bytes]) -> None:
        """Take the files out of the request: its last choice has ended."""
        self.bytes -= _size(blobs)
        blobs.clear()


def _size(blobs: dict[str, bytes]) -> int:
    return sum(map(len, blobs.values()))
