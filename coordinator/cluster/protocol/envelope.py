"""What is around every message on the bus: who says it, in which version, and its number on the way to one receiver.

A header in JSON, one line, and behind it the messages as they are. What a header has beside these fields is ignored. A
version that only adds kinds of messages and fields says beside its own number the `least` that understands it.
"""

import json
from dataclasses import dataclass
from typing import Any

from coordinator.cluster.protocol.messages import BUS_VERSION, MAX_MESSAGE_BYTES

PIECE_BYTES = 512 * 1024  # a longer message goes in pieces of this
PIECES = MAX_MESSAGE_BYTES // PIECE_BYTES


@dataclass(frozen=True, slots=True)
class Envelope:
    """One publication. Of what goes to all, of questions and answers only `sender` and `messages` mean something.

    `number`: of this one on the lane to its receiver; without messages, that of the next; None: it is on no lane. What
    follows is of lanes only. `seen`: how many of the receiver's the sender has seen, `lost`: how often one was missing.
    `answer`: the receiver is to say soon what it has seen. `piece`, `of`: the messages are a piece of one that is too
    long.
    """

    sender: str
    messages: tuple[bytes, ...] = ()
    number: int | None = None
    seen: int = 0
    lost: int = 0
    answer: bool = False
    piece: int = 0
    of: int = 1


def pack(envelope: Envelope) -> bytes:
    e = envelope
    sizes = ",".join(str(len(message)) for message in e.messages)
    header = f'{{"v":{BUS_VERSION},"from":"{e.sender}","sizes":[{sizes}]'
    if e.number is not None:
        header += f',"n":{e.number},"seen":{e.seen},"lost":{e.lost}'
    if e.answer:
        header += ',"answer":true'
    if e.of > 1:
        header += f',"piece":{e.piece},"of":{e.of}'
    return b"".join((header.encode(), b"}\n", *e.messages))


def unpack(data: bytes) -> Envelope | None:
    """None: it is not of ours, or of a version that is not spoken here."""
    header, _, body = data.partition(b"\n")
    try:
        fields: Any = json.loads(header)
        if not _spoken(fields["v"], fields.get("least", fields["v"])) or not isinstance(fields["from"], str):
            return None
        at, messages = 0, list[bytes]()
        for size in fields["sizes"]:
            messages.append(body[at : at + _count(size)])
            at += size
        envelope = Envelope(
            sender=fields["from"],
            messages=tuple(messages),
            number=None if "n" not in fields else _count(fields["n"]),
            seen=_count(fields.get("seen", 0)),
            lost=_count(fields.get("lost", 0)),
            answer=fields.get("answer") is True,
            piece=_count(fields.get("piece", 0)),
            of=_count(fields.get("of", 1)),
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return envelope if at == len(body) and envelope.piece < envelope.of <= PIECES else None


def _spoken(version: Any, least: Any) -> bool:
    """Whether we understand what is said in this version: it is ours, or a later one that says that all from `least` on
    understand it, as what it adds can be passed over."""
    return _count(version) == BUS_VERSION or _count(least) <= BUS_VERSION < version


def _count(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError("not a count")
    return number
