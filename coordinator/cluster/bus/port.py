"""The bus between replicas, as a port: local_bus.py joins those of one process, nats_bus.py those of many machines.

It delivers at most once, and in order what one replica tells another. What is lost on the way is seen and made good
above it (lanes.py). A bus that is down loses what it is given, ends nothing, and comes back by itself.
"""

from dataclasses import dataclass
from typing import Protocol

from coordinator.cluster.protocol.ids import ReplicaId

MAX_BYTES = 8 * 1024 * 1024  # of one message; longer ones are not sent
KEPT_BYTES = 16 * 1024 * 1024  # that wait to be sent
KEPT_S = 2.0  # what could not be sent for so long is worth nothing any more
UNTAKEN_BYTES = 64 * 1024 * 1024  # that have come and wait to be looked at, of each kind
UNTAKEN = 65_536  # as many messages

Question = str  # the place where the answer to a question goes


@dataclass
class BusCounts:
    """What went wrong on a bus since its start."""

    unsent: int = 0  # messages that were not sent: the bus was down or too slow
    too_large: int = 0
    untaken: int = 0  # messages that came faster than they were looked at
    losses: int = 0  # connections that were lost


class Listener(Protocol):
    """Whom a bus tells what came. Its methods are plain, so a bus never waits in one."""

    def heard(self, data: bytes) -> None:
        """What a replica tells this one, or all."""

    def asked(self, question: Question, data: bytes) -> None:
        """What a replica asks this one, which answers with `Bus.reply`."""


class Bus(Protocol):
    """One replica's end of the bus. All methods are for the event loop's thread."""

    counts: BusCounts

    @property
    def up(self) -> bool:
        """Whether it carries messages now, as far as is known here."""

    async def run(self, listener: Listener) -> None:
        """Deliver what comes, until cancelled; then what waits is sent, for at most a second. Raises what the listener
        raises, and nothing else."""

    def publish(self, to: ReplicaId | None, data: bytes) -> None:
        """Tell one replica, or all others."""

    async def ask(self, to: ReplicaId | None, data: bytes, within_s: float) -> bytes | None:
        """The answer of one replica, or of any other one. None: nobody is there, or nobody answered in time.

        What one asks oneself goes over the bus and back: it tells whether that carries."""

    def reply(self, question: Question, data: bytes) -> None:
        """Answer; nothing if nobody waits for it any more."""
