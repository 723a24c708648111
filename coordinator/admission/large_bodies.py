"""Places for the large bodies of requests: few are read at one time, so that they cannot fill the memory. Files that a
request names and that are read for it here take the same places: a link of 60 bytes can be a film of 100 MiB."""

from coordinator.turns import Turns
from wire.errors import ErrorCode, SupernetError

PLACES = 8
PLACES_OF_ONE = 4
WAITING = 64
WAITING_OF_ONE = 16
WAIT_S = 10.0
RETRY_S = 5.0


class LargeBodies(Turns):
    """Who reads a large body has a place, which its client got in turn."""

    def __init__(self) -> None:
        super().__init__(PLACES, PLACES_OF_ONE, WAITING, WAITING_OF_ONE, WAIT_S, _overloaded)


def _overloaded() -> SupernetError:
    message = "Too many requests of this size are being read: send it again later."
    return SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)
