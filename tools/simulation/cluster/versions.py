"""What the next version of the program would say on the bus: all that this one says, and fields and messages more."""

import json

from coordinator.cluster.protocol.envelope import Envelope, pack, unpack

NEW = {"since_the_next_version": [1, {"as": "it may be"}]}


def newer(data: bytes) -> bytes:
    """A publication, a question or an answer, as one version later might say it."""
    envelope = unpack(data)
    if envelope is None or envelope.of > 1:  # a piece of a message is no message
        return data
    messages = tuple(map(_with_more, envelope.messages))
    if messages:
        messages += (b"OfTheNextVersion\n" + json.dumps(NEW).encode(),)
    said = pack(Envelope(envelope.sender, messages, envelope.number, envelope.seen, envelope.lost, envelope.answer))
    header, _, body = said.partition(b"\n")
    return json.dumps(json.loads(header) | NEW).encode() + b"\n" + body


def _with_more(message: bytes) -> bytes:
    head, _, rest = message.partition(b"\n")
    body, files = rest, b""
    if b" " in head:  # behind the record there are files
        body, _, files = rest.partition(b"\n")
        files = b"\n" + files
    content = json.loads(body) | NEW
    if head == b"Events":  # each item is [job, leg, number, event]
        content["items"] = [[*where, event | NEW] for *where, event in content["items"]]
    return head + b"\n" + json.dumps(content).encode() + files
