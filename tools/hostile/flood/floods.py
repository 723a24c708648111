"""What is sent again and again, as bytes of a websocket: no library sends most of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from wire.codec import encode
from wire.messages import MAX_ACKS, MAX_DELTAS, Ack, AckItem, Delta, Deltas

CHUNK_BYTES = 1_000_000
TEXT, FIRST_PIECE, PIECE, PING = 0x81, 0x01, 0x00, 0x89
MASKED = 0x80
DELTAS = Deltas(items=tuple(Delta(job=f"nobodys-{n}", attempt=1, seq=n) for n in range(MAX_DELTAS)))
ACK = Ack(items=tuple(AckItem(job=f"nobodys-{n}", attempt=1, next_seq=n) for n in range(MAX_ACKS)))


@dataclass(frozen=True)
class Flood:
    """`first` is sent once for each connection, `chunk` again and again."""

    name: str
    chunk: bytes
    first: bytes = b""


def frame(opcode: int, text: str, mask: int) -> bytes:
    """A whole frame; `mask` is MASKED for one of a client (with a mask of zeros), 0 for one of a server."""
    size = len(text)
    if size < 126:
        head = bytes((opcode, mask | size))
    elif size < 65536:
        head = bytes((opcode, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((opcode, mask | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if mask else b"") + text.encode()


def of_a_worker() -> Iterator[Flood]:
    invalid = '{"type":"deltas","items":[' + "{}," * 340_000 + "{}]}"
    return _floods(invalid, encode(DELTAS), MASKED)


def of_a_coordinator() -> Iterator[Flood]:
    invalid = '{"type":"start","request":{"messages":[' + "{}," * 1_300_000 + "{}]}}"
    return _floods(invalid, encode(ACK), 0)


def _floods(invalid: str, useless: str, mask: int) -> Iterator[Flood]:
    yield Flood("invalid frames", frame(TEXT, invalid, mask))
    yield Flood("frames of no use", _many(frame(TEXT, useless, mask)))
    yield Flood("tiny frames", _many(frame(TEXT, "{}", mask)))
    yield Flood("pings", _many(frame(PING, "", mask)))
    yield Flood("empty pieces", _many(frame(PIECE, "", mask)), frame(FIRST_PIECE, "", mask))


def _many(one: bytes) -> bytes:
    return one * max(1, CHUNK_BYTES // len(one))
